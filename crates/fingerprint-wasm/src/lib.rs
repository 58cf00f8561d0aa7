//! Recognising works in browsers and Node: `cwe-fingerprint`, the same code as the hub's and the publisher's. Samples
//! flow in; out come a work's FP_ID and descriptor, and for what is playing a query, the prefixes of the buckets to ask
//! a hub for, and which work of a bucket it is. Nothing leaves the page by itself. `scripts/wasm.sh fingerprint` makes
//! the package; extensions and players call it.

use cwe_fingerprint::{
    AudioStream, Descriptor, FpId, Kind, Query,
    bucket::{Bucket, match_bucket, prefixes},
};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::{JsError, JsValue, wasm_bindgen};

/// The interfaces, for TypeScript.
#[wasm_bindgen(typescript_custom_section)]
const INTERFACES: &str = r#"
export interface ComputeOptions {
  /** What the samples are; pictures are fingerprinted natively. */
  kind?: "audio";
  /** Samples a second of one channel. */
  rate: number;
  /** Interleaved channels; 1 unless said. */
  channels?: number;
}
/** How many bits of a key a hub answers at most, for each kind: from its `GET /buckets`. */
export interface BucketBits { audio: number; video: number; image: number }
/** A work of a bucket that was recognised. */
export interface Found {
  /** 64 hexadecimal digits after 0x. */
  work: string;
  scorePpm: number;
  /** Where in the work the excerpt starts. */
  offsetMs: number;
  speedPpm: number;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// What samples are.
    #[wasm_bindgen(typescript_type = "ComputeOptions")]
    pub type JsComputeOptions;
    /// Bits of buckets.
    #[wasm_bindgen(typescript_type = "BucketBits")]
    pub type JsBucketBits;
    /// Recognised works.
    #[wasm_bindgen(typescript_type = "Found[]")]
    pub type JsFound;
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ComputeOptions {
    kind: Option<String>,
    rate: u32,
    channels: Option<u16>,
}

#[derive(Deserialize)]
struct BucketBits {
    audio: u8,
    video: u8,
    image: u8,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    work: String,
    score_ppm: u32,
    offset_ms: f64,
    speed_ppm: u32,
}

fn thrown(error: impl core::fmt::Display) -> JsError {
    JsError::new(&error.to_string())
}

/// The FP_ID of a whole sound, as `fp:` and 64 hexadecimal digits.
///
/// # Errors
/// The options are no [`ComputeOptions`], or the sound cannot be fingerprinted; the message says why.
#[wasm_bindgen]
pub fn compute(samples: &[f32], options: JsComputeOptions) -> Result<String, JsError> {
    let options: ComputeOptions = serde_wasm_bindgen::from_value(options.into()).map_err(thrown)?;
    if let Some(kind) = options.kind.filter(|kind| kind != "audio") {
        return Err(thrown(format!("kind is {kind:?}, only \"audio\" is computed here")));
    }
    let mut stream = AudioStream::new(options.rate, options.channels.unwrap_or(1)).map_err(thrown)?;
    stream.ingest(samples).map_err(thrown)?;
    let descriptor = stream.finish().map_err(thrown)?;
    Ok(Descriptor::Audio(descriptor).fp_id().to_string())
}

/// How alike two works are by their FP_IDs: 1 the same, 0 unrelated.
///
/// # Errors
/// One of them is no FP_ID.
#[wasm_bindgen]
pub fn compare(a: &str, b: &str) -> Result<f32, JsError> {
    let parse = |text: &str| text.parse::<FpId>().map_err(thrown);
    Ok(cwe_fingerprint::compare(&parse(a)?, &parse(b)?))
}

/// The FP_ID of an encoded descriptor.
///
/// # Errors
/// The bytes are no descriptor.
#[wasm_bindgen(js_name = fpId)]
pub fn fp_id(descriptor: &[u8]) -> Result<String, JsError> {
    Ok(Descriptor::decode(descriptor).map_err(thrown)?.fp_id().to_string())
}

/// Which buckets to ask a hub for, the first one first: `GET /buckets/{prefix}`. Ask for the next one only if the one
/// before gave nothing: each tells the hub a little more.
///
/// # Errors
/// The bytes are no query, or `bits` is no [`BucketBits`].
#[wasm_bindgen(js_name = bucketPrefixes)]
pub fn bucket_prefixes(query: &[u8], bits: JsBucketBits) -> Result<Vec<String>, JsError> {
    let query = Query::decode(query).map_err(thrown)?;
    let bits: BucketBits = serde_wasm_bindgen::from_value(bits.into()).map_err(thrown)?;
    let of = |kind| match kind {
        Kind::Audio => bits.audio,
        Kind::Video => bits.video,
        Kind::Image => bits.image,
    };
    Ok(prefixes(&query, of).iter().map(ToString::to_string).collect())
}

/// The works of one page of a bucket that the query is an excerpt of, the best first.
///
/// # Errors
/// The bytes are no query or no bucket.
#[wasm_bindgen(js_name = matchBucket)]
pub fn match_in_bucket(query: &[u8], bucket: &[u8]) -> Result<JsFound, JsError> {
    let query = Query::decode(query).map_err(thrown)?;
    let bucket = Bucket::decode(bucket).map_err(thrown)?;
    let found: Vec<_> = match_bucket(&query, &bucket)
        .into_iter()
        .map(|(work, matched)| Found {
            work: format!("0x{}", hex::encode(work.0)),
            score_ppm: matched.score_ppm,
            offset_ms: matched.offset_ms as f64,
            speed_ppm: matched.speed_ppm,
        })
        .collect();
    Ok(JsValue::into(serde_wasm_bindgen::to_value(&found).map_err(thrown)?))
}

/// Sound as it comes.
#[wasm_bindgen]
pub struct AudioFingerprint {
    stream: AudioStream,
}

#[wasm_bindgen]
impl AudioFingerprint {
    /// A stream of interleaved samples from -1 to 1.
    ///
    /// # Errors
    /// The rate or the number of channels is none that sound has.
    #[wasm_bindgen(constructor)]
    pub fn new(rate: u32, channels: u16) -> Result<Self, JsError> {
        let stream = AudioStream::new(rate, channels).map_err(thrown)?;
        Ok(Self { stream })
    }

    /// Takes more sound.
    ///
    /// # Errors
    /// A sample is not finite, the samples are no whole frames, or the sound is too long.
    pub fn ingest(&mut self, samples: &[f32]) -> Result<(), JsError> {
        self.stream.ingest(samples).map_err(thrown)
    }

    /// Whether there is enough for a query that finds the work.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.stream.ready()
    }

    /// How long the sound is that was taken.
    #[wasm_bindgen(js_name = durationMs)]
    #[must_use]
    pub fn duration_ms(&self) -> u32 {
        self.stream.duration_ms()
    }

    /// The encoded query of what was heard last, at most a minute; the stream goes on.
    ///
    /// # Errors
    /// Too little was heard, or nothing that a work could be known by.
    pub fn query(&self) -> Result<Vec<u8>, JsError> {
        Ok(self.stream.query().map_err(thrown)?.encode())
    }

    /// Ends the stream: the encoded descriptor of the whole sound.
    ///
    /// # Errors
    /// Too little was heard, or nothing that a work could be known by.
    pub fn descriptor(self) -> Result<Vec<u8>, JsError> {
        let descriptor = self.stream.finish().map_err(thrown)?;
        Ok(Descriptor::Audio(descriptor).encode())
    }
}
