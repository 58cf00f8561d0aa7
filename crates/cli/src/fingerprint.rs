//! `cwe fingerprint`: what a file is known by.

use std::{path::PathBuf, time::Instant};

use alloy::primitives::B256;
use cwe_fingerprint::{Descriptor, Kind, compare};
use eyre::Result;
use serde::Serialize;

use crate::{
    economy::private_file,
    media::{self, KindArgs},
    progress::Progress,
};

/// Show what a file is known by: its FP_ID, and how alike another file is
#[derive(Debug, clap::Args)]
pub(crate) struct FingerprintArgs {
    /// File of sound, moving pictures, or a picture
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Compare with another file
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Write the descriptor to a new file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    kind: KindArgs,
}

#[derive(Debug, Serialize)]
struct Fingerprint {
    kind: &'static str,
    fp_id: String,
    /// SHA-256 of the descriptor.
    fp_hash: B256,
    descriptor_bytes: usize,
    duration_ms: u32,
    took_ms: u64,
    /// 1 000 000 the same, 0 unrelated; none without another file.
    #[serde(skip_serializing_if = "Option::is_none")]
    similarity_ppm: Option<u32>,
}

/// Runs `cwe fingerprint`.
pub(crate) fn run(args: &FingerprintArgs) -> Result<()> {
    let mut progress = Progress::new();
    let started = Instant::now();
    let descriptor = media::descriptor(&args.file, &args.kind, &mut progress)?;
    let took = started.elapsed();
    let similarity = match &args.compare {
        Some(other) => Some(similarity_ppm(
            &descriptor,
            &media::descriptor(other, &args.kind, &mut progress)?,
        )),
        None => None,
    };
    progress.finish();
    let bytes = descriptor.encode();
    if let Some(out) = &args.out {
        private_file::create(out, &bytes)?;
    }
    let fingerprint = Fingerprint {
        kind: kind_name(descriptor.kind()),
        fp_id: descriptor.fp_id().to_string(),
        fp_hash: B256::new(descriptor.fp_hash()),
        descriptor_bytes: bytes.len(),
        duration_ms: descriptor.duration_ms(),
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        similarity_ppm: similarity,
    };
    report(args, &fingerprint)
}

fn similarity_ppm(one: &Descriptor, other: &Descriptor) -> u32 {
    const PPM: f32 = 1_000_000.0;
    let alike = compare(&one.fp_id(), &other.fp_id()).clamp(0.0, 1.0);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and a million"
    )]
    let ppm = (alike * PPM) as u32;
    ppm
}

const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Audio => "audio",
        Kind::Video => "video",
        Kind::Image => "image",
    }
}

fn report(args: &FingerprintArgs, fingerprint: &Fingerprint) -> Result<()> {
    if args.json {
        println!("{}", serde_json::to_string(fingerprint)?);
        return Ok(());
    }
    println!("{}", fingerprint.fp_id);
    println!("  kind        {}", fingerprint.kind);
    println!("  length      {:.1} s", f64::from(fingerprint.duration_ms) / 1000.0);
    println!(
        "  descriptor  {} bytes, SHA-256 {}",
        fingerprint.descriptor_bytes, fingerprint.fp_hash
    );
    println!("  took        {} ms", fingerprint.took_ms);
    if let (Some(similarity), Some(other)) = (fingerprint.similarity_ppm, &args.compare) {
        println!(
            "  alike       {:.1} % to {}",
            f64::from(similarity) / 10_000.0,
            other.display()
        );
    }
    Ok(())
}
