use std::{
    ffi::OsString,
    io::{ErrorKind, Read},
    path::Path,
    process::{Child, Command, Stdio},
};

use super::{DecodeAudioError, Piece};

const RATE_HZ: u32 = 44_100;
/// Bytes that are read at once; whole samples.
const CHUNK: usize = 1 << 16;
/// What is kept of its complaints.
const MAX_COMPLAINT: u64 = 2_000;

/// As [`super::decode_audio`], by an installed `ffmpeg`; without one the file stays as unsupported as `found` says.
pub(super) fn decode(
    path: &Path,
    found: &str,
    sink: &mut dyn FnMut(Piece<'_>) -> Result<(), DecodeAudioError>,
) -> Result<(), DecodeAudioError> {
    let mut running = Running(match start(path) {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(DecodeAudioError::Unsupported {
                path: path.to_owned(),
                found: found.to_owned(),
            });
        }
        Err(source) => {
            return Err(DecodeAudioError::Unreadable {
                path: path.to_owned(),
                source,
            });
        }
    });
    let any = match running.0.stdout.take() {
        Some(output) => forward(path, output, sink)?,
        None => false,
    };
    let mut complaint = String::new();
    if let Some(errors) = running.0.stderr.take() {
        // What cannot be read of it is only less said.
        let _ = errors.take(MAX_COMPLAINT).read_to_string(&mut complaint);
    }
    let ended = running.0.wait().map_err(|source| DecodeAudioError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    if any {
        return Ok(());
    }
    let detail = complaint.lines().last().unwrap_or("no sound was decoded").to_owned();
    if ended.success() {
        Err(DecodeAudioError::NoSound { path: path.to_owned() })
    } else {
        Err(DecodeAudioError::Unsupported {
            path: path.to_owned(),
            found: format!("{found} (ffmpeg: {detail})"),
        })
    }
}

/// No shell, no standard input, local files only; the name is never taken for an option or for a protocol.
fn start(path: &Path) -> std::io::Result<Child> {
    let mut input = OsString::from("file:");
    input.push(path);
    Command::new("ffmpeg")
        .args([
            "-nostdin",
            "-hide_banner",
            "-v",
            "fatal",
            "-protocol_whitelist",
            "file,pipe",
            "-i",
        ])
        .arg(input)
        .args([
            "-vn", "-sn", "-dn", "-map", "0:a:0", "-ac", "1", "-ar", "44100", "-f", "f32le", "pipe:1",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// Whether there was any sound.
fn forward(
    path: &Path,
    mut output: impl Read,
    sink: &mut dyn FnMut(Piece<'_>) -> Result<(), DecodeAudioError>,
) -> Result<bool, DecodeAudioError> {
    let mut bytes = vec![0; CHUNK];
    let (mut filled, mut any) = (0, false);
    let mut samples = Vec::with_capacity(CHUNK / 4);
    loop {
        let count = match output.read(&mut bytes[filled..]) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(source) => {
                return Err(DecodeAudioError::Unreadable {
                    path: path.to_owned(),
                    source,
                });
            }
        };
        filled += count;
        let whole = filled / 4 * 4;
        samples.clear();
        samples.extend(
            bytes[..whole]
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])),
        );
        bytes.copy_within(whole..filled, 0);
        filled -= whole;
        if !samples.is_empty() {
            any = true;
            sink(Piece {
                rate_hz: RATE_HZ,
                channels: 1,
                samples: &samples,
            })?;
        }
        if count == 0 {
            return Ok(any);
        }
    }
}

/// Ends the program when nobody reads it any more.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to do.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
