//! Frames of files, by the program `ffmpeg`: it runs as a process of its own, opens containers that hold their own frames
//! but no playlists and no addresses, and hands over small grey frames.

use std::{
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
};

use crate::{FingerprintError, ImageDescriptor, MAX_DURATION_MS, VideoStream, video::image_hash};

/// Frames are scaled to a square of this side.
const SIDE: u32 = 128;
const FRAME_BYTES: usize = (SIDE * SIDE) as usize;
const FRAMES_PER_S: u32 = 8;
/// What is kept of ffmpeg's complaints.
const MAX_COMPLAINT_BYTES: u64 = 2_000;
/// Playlists, which name other files, are not among them.
const FORMATS: &str = "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,avi,flv,mpeg,mpegts,mpegvideo,ogg,asf,h264,hevc,ivf,mxf,nut,\
    gif,image2,apng,png_pipe,jpeg_pipe,jpegls_pipe,webp_pipe,bmp_pipe,tiff_pipe,gif_pipe,ppm_pipe,pgm_pipe";

/// Why there is no fingerprint of a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The program is absent.
    #[error("the program ffmpeg is needed for pictures and video: install it (Debian, Ubuntu: apt-get install ffmpeg)")]
    NoFfmpeg,
    /// The program can't be used.
    #[error("running ffmpeg on {path}: {source}")]
    Run {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is no picture or video, or a broken one.
    #[error("{path} has no pictures that ffmpeg can read: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What ffmpeg says.
        reason: String,
    },
    /// The pictures give no fingerprint.
    #[error(transparent)]
    Fingerprint(#[from] FingerprintError),
}

/// The frames of a video file, ready for [`VideoStream::query`] or [`VideoStream::finish`].
///
/// # Errors
/// `ffmpeg` is absent; the file can't be read as video; it is longer than twelve hours.
pub fn decode_video(path: &Path) -> Result<VideoStream, FileError> {
    let mut stream = VideoStream::new();
    let most = u64::from(MAX_DURATION_MS / 1_000) * u64::from(FRAMES_PER_S) + 1;
    frames(path, &format!("fps={FRAMES_PER_S},"), most + 1, |number, luma| {
        let at_ms = number * 1_000 / FRAMES_PER_S;
        stream.ingest(at_ms, SIDE, SIDE, luma)
    })?;
    Ok(stream)
}

/// The descriptor of a picture file; of a video file, of its first frame.
///
/// # Errors
/// `ffmpeg` is absent; the file can't be read as a picture; the picture is flat.
pub fn decode_image(path: &Path) -> Result<ImageDescriptor, FileError> {
    let mut image = None;
    frames(path, "", 1, |_, luma| {
        image = Some(image_hash(SIDE, SIDE, luma)?);
        Ok(())
    })?;
    Ok(image.ok_or(FingerprintError::Silence)?)
}

fn frames(
    path: &Path,
    rate: &str,
    most: u64,
    mut each: impl FnMut(u32, &[u8]) -> Result<(), FingerprintError>,
) -> Result<(), FileError> {
    let run = |source| FileError::Run {
        path: path.to_owned(),
        source,
    };
    let mut child = Ffmpeg(start(path, rate, most)?);
    let (Some(output), Some(errors)) = (child.0.stdout.take(), child.0.stderr.take()) else {
        return Err(run(io::ErrorKind::BrokenPipe.into()));
    };
    let complaint = listen(errors);
    let mut output = BufReader::with_capacity(4 * FRAME_BYTES, output);
    let mut luma = vec![0; FRAME_BYTES];
    let mut number = 0;
    loop {
        match output.read_exact(&mut luma) {
            Ok(()) => each(number, &luma)?,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(run(error)),
        }
        number += 1;
    }
    if number > 0 {
        return Ok(());
    }
    Err(FileError::Unreadable {
        path: path.to_owned(),
        reason: complaint.join().unwrap_or_default(),
    })
}

fn start(path: &Path, rate: &str, most: u64) -> Result<Child, FileError> {
    let mut file = std::ffi::OsString::from("file:");
    file.push(path);
    Command::new("ffmpeg")
        .args([
            "-hide_banner",
            "-loglevel",
            "error",
            "-nostdin",
            "-protocol_whitelist",
            "file",
        ])
        .args(["-format_whitelist", FORMATS, "-i"])
        .arg(file)
        .args([
            "-map",
            "0:v:0",
            "-an",
            "-sn",
            "-dn",
            "-frames:v",
            &most.to_string(),
            "-vf",
        ])
        .arg(format!("{rate}scale={SIDE}:{SIDE}:flags=area,format=gray"))
        .args(["-f", "rawvideo", "pipe:1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => FileError::NoFfmpeg,
            _ => FileError::Run {
                path: path.to_owned(),
                source,
            },
        })
}

/// The last line of the first complaints; all are read, so that ffmpeg never waits to be heard.
fn listen(errors: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut errors = BufReader::new(errors);
        let mut text = Vec::new();
        let heard = errors.by_ref().take(MAX_COMPLAINT_BYTES).read_to_end(&mut text);
        let _ = heard.and_then(|_| io::copy(&mut errors, &mut io::sink()));
        let text = String::from_utf8_lossy(&text);
        text.lines().last().unwrap_or("it gives no reason").to_owned()
    })
}

/// Ends with its owner: a broken off reading leaves no process behind.
struct Ffmpeg(Child);

impl Drop for Ffmpeg {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
