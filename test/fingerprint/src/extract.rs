//! From a planned work to what both sides keep of it and of its excerpts. Results lie in a folder, so that an interrupted
//! run goes on where it was; what the fingerprints' code makes has a folder of its own for each version of that code.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    time::Instant,
};

use cwe_fingerprint::{AudioStream, Descriptor, FingerprintError, Query};
use eyre::{Result, WrapErr};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{arrange::Orchestra, chromaprint, clip::Clip, corpus::Plan};

/// Sound of a work and of its excerpts, with Chromaprint's features.
#[derive(Debug, Serialize, Deserialize)]
struct Sounds {
    work: Sound,
    excerpts: Vec<(usize, f64, Sound)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Sound {
    clip: Clip,
    chromaprint: Vec<u32>,
}

/// What is kept of a work.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Extract {
    pub(crate) seconds: f64,
    /// Processor time that the work's descriptor took.
    pub(crate) cpu_s: f64,
    /// [`Descriptor::encode`].
    pub(crate) descriptor: Vec<u8>,
    pub(crate) chromaprint: Vec<u32>,
    pub(crate) questions: Vec<Question>,
}

/// What is kept of an excerpt.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Question {
    /// Index of the kind of change.
    pub(crate) cell: usize,
    pub(crate) start_s: f64,
    /// [`Query::encode`], or why there is none.
    pub(crate) query: Result<Vec<u8>, String>,
    pub(crate) chromaprint: Vec<u32>,
}

/// What makes works and excerpts, and where results are kept.
pub(crate) struct Studio {
    pub(crate) orchestra: Orchestra,
    pub(crate) babble: Clip,
    pub(crate) cache: PathBuf,
    /// Whether sounds are kept, too (20 MB a work): fingerprints of changed code need no rendering.
    pub(crate) keep_sounds: bool,
}

impl Studio {
    pub(crate) fn extract(&self, plan: &Plan, code: &str) -> Result<Extract> {
        let name = format!("{}-{}.bin", plan.number, digest(&plan.cells));
        let path = self.cache.join(code).join(&name);
        if let Some(extract) = load(&path) {
            return Ok(extract);
        }
        let extract = fingerprint(self.sounds(plan, &name)?).wrap_err_with(|| format!("work {}", plan.number))?;
        store(&path, &extract)?;
        Ok(extract)
    }

    fn sounds(&self, plan: &Plan, name: &str) -> Result<Sounds> {
        let path = self.cache.join("sounds").join(name);
        if let Some(sounds) = load(&path) {
            return Ok(sounds);
        }
        let work = plan
            .render(&self.orchestra)
            .wrap_err_with(|| format!("rendering work {}", plan.number))?;
        let excerpts = plan.excerpts(&work, &self.babble)?;
        let excerpts = excerpts
            .into_iter()
            .map(|excerpt| Ok((excerpt.cell, excerpt.start_s, sound(excerpt.clip)?)));
        let sounds = Sounds {
            excerpts: excerpts.collect::<Result<_>>()?,
            work: sound(work)?,
        };
        if self.keep_sounds {
            store(&path, &sounds)?;
        }
        Ok(sounds)
    }
}

fn sound(clip: Clip) -> Result<Sound> {
    Ok(Sound {
        chromaprint: chromaprint::features(&clip)?,
        clip,
    })
}

fn fingerprint(sounds: Sounds) -> Result<Extract> {
    let start_s = thread_cpu_s();
    let descriptor = heard(&sounds.work.clip).and_then(AudioStream::finish);
    let cpu_s = thread_cpu_s() - start_s;
    let questions = sounds.excerpts.into_iter().map(|(cell, start_s, sound)| Question {
        cell,
        start_s,
        query: heard(&sound.clip)
            .and_then(|stream| stream.query())
            .map(|query| query.encode())
            .map_err(|error| error.to_string()),
        chromaprint: sound.chromaprint,
    });
    Ok(Extract {
        seconds: sounds.work.clip.seconds(),
        cpu_s,
        descriptor: Descriptor::Audio(descriptor?).encode(),
        chromaprint: sounds.work.chromaprint,
        questions: questions.collect(),
    })
}

fn heard(clip: &Clip) -> Result<AudioStream, FingerprintError> {
    let mut stream = AudioStream::new(clip.rate_hz, clip.channels)?;
    stream.ingest(&clip.samples)?;
    Ok(stream)
}

/// Names the fingerprints' code by what it makes of one signal: a sweep whose tones come and go.
pub(crate) fn code() -> Result<String> {
    const RATE_HZ: u32 = 22_050;
    let sample = |n: u32| {
        let s = f64::from(n) / f64::from(RATE_HZ);
        let sweep = (1..8).map(|tone| {
            let hz = 180.0 * f64::from(tone) + 90.0 * (s * f64::from(tone)).sin();
            (hz * s * std::f64::consts::TAU).sin() * (0.5 + 0.5 * (s * 3.0 * f64::from(tone)).cos())
        });
        (sweep.sum::<f64>() / 8.0) as f32
    };
    let clip = Clip::new(RATE_HZ, 1, (0..RATE_HZ * 12).map(sample).collect());
    let stream = heard(&clip)?;
    let query = stream.query()?.encode();
    Ok(digest(&(query, Descriptor::Audio(stream.finish()?).encode())))
}

fn digest(value: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Seconds that this thread has had a processor; where the system doesn't tell, seconds.
pub(crate) fn thread_cpu_s() -> f64 {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    let ran = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds: Option<f64> = ran.and_then(|text| text.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| START.elapsed().as_secs_f64(), |nanoseconds| nanoseconds / 1e9)
}

/// A figure as files have it: six decimals.
pub(crate) fn figure(value: f64) -> serde_json::Value {
    serde_json::Value::from((value * 1e6).round() / 1e6)
}

/// A file that is cut or of older code counts as absent.
pub(crate) fn load<T: DeserializeOwned>(path: &Path) -> Option<T> {
    postcard::from_bytes(&fs::read(path).ok()?).ok()
}

pub(crate) fn store<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).wrap_err_with(|| format!("making {}", folder.display()))?;
    let bytes = postcard::to_allocvec(value).wrap_err_with(|| format!("encoding {}", path.display()))?;
    let partial = path.with_extension("partial");
    fs::write(&partial, bytes).wrap_err_with(|| format!("writing {}", partial.display()))?;
    fs::rename(&partial, path).wrap_err_with(|| format!("naming {}", path.display()))
}

/// Decodes what [`Extract::descriptor`] holds.
pub(crate) fn descriptor(extract: &Extract) -> Result<Descriptor> {
    Descriptor::decode(&extract.descriptor).wrap_err("reading a descriptor back")
}

/// Decodes what [`Question::query`] holds; none when the excerpt gave none.
pub(crate) fn query(question: &Question) -> Result<Option<Query>> {
    let Ok(bytes) = &question.query else {
        return Ok(None);
    };
    Query::decode(bytes).map(Some).wrap_err("reading a query back")
}
