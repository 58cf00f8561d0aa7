//! Frames of files, by the program `ffmpeg`: it runs as a process of its own, opens containers that hold their own frames
//! but no playlists and no addresses, and hands over small grey frames.

use std::{
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
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
    /// The file can't be opened.
    #[error("{path} can't be read: {source}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The program is absent.
    #[error("the program ffmpeg is needed for pictures and video: install it (Debian, Ubuntu: apt-get install ffmpeg)")]
    NoFfmpeg,
    /// The file has no sound.
    #[error("{path} has no sound")]
    NoSound {
        /// The file.
        path: PathBuf,
    },
    /// The file is no sound that can be decoded, or a broken one.
    #[error("{path} has no sound that can be decoded: {reason}")]
    NotDecoded {
        /// The file.
        path: PathBuf,
        /// What the decoder says.
        reason: String,
    },
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
    let frames = most.to_string();
    let filter = format!("{rate}scale={SIDE}:{SIDE}:flags=area,format=gray");
    let what = [
        "-map",
        "0:v:0",
        "-an",
        "-sn",
        "-dn",
        "-frames:v",
        &frames,
        "-vf",
        &filter,
    ];
    let mut ffmpeg = Ffmpeg::start(path, FORMATS, &what, "rawvideo")?;
    let mut output = BufReader::with_capacity(4 * FRAME_BYTES, &mut ffmpeg.output);
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
        reason: ffmpeg.complaint(),
    })
}

/// The program at work on a file. It ends with its owner: a broken off reading leaves no process behind.
pub(crate) struct Ffmpeg {
    child: Child,
    /// What it makes of the file.
    pub(crate) output: ChildStdout,
    complaint: Option<JoinHandle<String>>,
}

impl Ffmpeg {
    /// Starts it on a file of one of these containers, to make `what` of it in `format`.
    pub(crate) fn start(path: &Path, containers: &str, what: &[&str], format: &str) -> Result<Self, FileError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => FileError::NoFfmpeg,
            _ => FileError::Run {
                path: path.to_owned(),
                source,
            },
        };
        let mut file = std::ffi::OsString::from("file:");
        file.push(path);
        let mut child = Command::new("ffmpeg")
            .args(["-hide_banner", "-loglevel", "error", "-nostdin"])
            .args(["-protocol_whitelist", "file", "-format_whitelist", containers, "-i"])
            .arg(file)
            .args(what)
            .args(["-f", format, "pipe:1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        match (child.stdout.take(), child.stderr.take()) {
            (Some(output), Some(errors)) => Ok(Self {
                child,
                output,
                complaint: Some(listen(errors)),
            }),
            _ => Err(failed(io::ErrorKind::BrokenPipe.into())),
        }
    }

    /// What it has to complain about, when it is done.
    pub(crate) fn complaint(&mut self) -> String {
        let complaint = self.complaint.take().and_then(|heard| heard.join().ok());
        complaint.unwrap_or_default()
    }
}

impl Drop for Ffmpeg {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
