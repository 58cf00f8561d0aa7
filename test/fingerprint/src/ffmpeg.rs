//! Codecs and filters of ffmpeg, over pipes.

use std::{
    io::Write,
    process::{Child, Command, Stdio},
    thread,
};

use eyre::{Result, WrapErr, bail, eyre};

use crate::{cells::Codec, clip::Clip};

impl Codec {
    fn arguments(self) -> [&'static str; 4] {
        match self {
            Self::Mp3 => ["-c:a", "libmp3lame", "-f", "mp3"],
            Self::Opus => ["-c:a", "libopus", "-f", "ogg"],
            Self::Aac => ["-c:a", "aac", "-f", "adts"],
            Self::Vorbis => ["-c:a", "libvorbis", "-f", "ogg"],
        }
    }
}

/// Encoded and decoded again.
pub(crate) fn transcode(clip: &Clip, codec: Codec, kbit: u32) -> Result<Clip> {
    let mut encoder = raw_input(clip)
        .args(["-i", "pipe:0", "-b:a", &format!("{kbit}k")])
        .args(codec.arguments())
        .arg("pipe:1")
        .stdout(Stdio::piped())
        .spawn()
        .wrap_err(MISSING)?;
    let encoded = encoder.stdout.take().ok_or_else(|| eyre!("ffmpeg has no output"))?;
    let decoder = raw_output(ffmpeg().args(["-i", "pipe:0"]), clip)
        .stdin(encoded)
        .stdout(Stdio::piped())
        .spawn()
        .wrap_err(MISSING)?;
    let samples = exchange(&mut encoder, decoder, clip)?;
    if !encoder.wait()?.success() {
        bail!("ffmpeg could not encode with {codec:?} at {kbit} kbit/s");
    }
    Ok(samples)
}

/// Through an audio filter in ffmpeg's notation.
pub(crate) fn filter(clip: &Clip, filter: &str) -> Result<Clip> {
    let mut child = raw_output(raw_input(clip).args(["-i", "pipe:0", "-af", filter]), clip)
        .stdout(Stdio::piped())
        .spawn()
        .wrap_err(MISSING)?;
    let mut input = child.stdin.take().ok_or_else(|| eyre!("ffmpeg has no input"))?;
    let bytes = clip.to_s16le();
    let writer = thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output()?;
    writer
        .join()
        .map_err(|_| eyre!("the writer's thread ended early"))?
        .wrap_err("writing to ffmpeg")?;
    if !output.status.success() {
        bail!("ffmpeg could not run the filter {filter}");
    }
    Ok(Clip::from_s16le(clip.rate_hz, clip.channels, &output.stdout))
}

const MISSING: &str = "starting ffmpeg; install the package ffmpeg";

pub(crate) fn ffmpeg() -> Command {
    let mut command = Command::new("ffmpeg");
    command
        .args(["-hide_banner", "-loglevel", "error", "-nostdin", "-threads", "1"])
        .stderr(Stdio::null());
    command
}

fn raw_input(clip: &Clip) -> Command {
    let mut command = ffmpeg();
    let (rate, channels) = (clip.rate_hz.to_string(), clip.channels.to_string());
    command
        .args(["-f", "s16le", "-ar", &rate, "-ac", &channels])
        .stdin(Stdio::piped());
    command
}

fn raw_output<'a>(command: &'a mut Command, clip: &Clip) -> &'a mut Command {
    let (rate, channels) = (clip.rate_hz.to_string(), clip.channels.to_string());
    command.args(["-f", "s16le", "-ar", &rate, "-ac", &channels, "pipe:1"])
}

/// Writes the clip to `first` while `last` is read, so that no pipe stays full.
fn exchange(first: &mut Child, last: Child, clip: &Clip) -> Result<Clip> {
    let mut input = first.stdin.take().ok_or_else(|| eyre!("ffmpeg has no input"))?;
    let bytes = clip.to_s16le();
    let writer = thread::spawn(move || input.write_all(&bytes));
    let output = last.wait_with_output()?;
    writer
        .join()
        .map_err(|_| eyre!("the writer's thread ended early"))?
        .wrap_err("writing to ffmpeg")?;
    if !output.status.success() {
        bail!("ffmpeg could not decode what it had encoded");
    }
    Ok(Clip::from_s16le(clip.rate_hz, clip.channels, &output.stdout))
}
