//! Where sound goes: to the program `ffplay`, or nowhere. Knows how much of it was heard.

use std::{
    io::ErrorKind,
    process::Stdio,
    time::{Duration, Instant},
};

use eyre::{Result, WrapErr, bail, eyre};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStdin, Command},
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::pieces::Sound;

/// The program that plays.
const PROGRAM: &str = "ffplay";
/// How far sound is handed over before it is heard: enough for a busy machine.
const AHEAD: Duration = Duration::from_secs(1);
/// How long the program may take to play the rest and to end.
const LAST_NOTES: Duration = Duration::from_secs(10);
/// What is kept of the program's complaints, and how many of their last lines are shown.
const MAX_COMPLAINT_BYTES: u64 = 2_000;
const COMPLAINT_LINES: usize = 2;
/// Bytes of a sample.
const SAMPLE_BYTES: u16 = 4;
/// WAVE's number for samples that are floats.
const FORMAT_FLOAT: u16 = 3;

/// Whether sound can be played on this machine.
///
/// # Errors
/// It can't.
pub(super) async fn check() -> Result<()> {
    let status = Command::new(PROGRAM)
        .arg("-version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await;
    match status {
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "the program {PROGRAM} plays the sound and is not installed: install it (Debian, Ubuntu: apt-get install \
             ffmpeg), or give --silent"
        ),
        started => started.map(drop).wrap_err_with(|| format!("starting {PROGRAM}")),
    }
}

/// Plays one file's sound.
pub(super) struct Speaker {
    /// None where nothing is to be heard.
    ffplay: Option<Ffplay>,
    silent: bool,
}

struct Ffplay {
    child: Child,
    input: Option<ChildStdin>,
    complaint: JoinHandle<String>,
    clock: Clock,
}

impl Speaker {
    pub(super) const fn new(silent: bool) -> Self {
        Self { ffplay: None, silent }
    }

    /// Plays a part of a sound; returns when it is nearly time for the next one.
    ///
    /// # Errors
    /// The program can't be started, or has ended.
    pub(super) async fn play(&mut self, sound: &Sound, samples: &[f32]) -> Result<()> {
        if self.silent {
            // Others have their turn, signals too.
            tokio::task::yield_now().await;
            return Ok(());
        }
        let ffplay = match &mut self.ffplay {
            Some(ffplay) => ffplay,
            None => self.ffplay.insert(Ffplay::start(sound).await?),
        };
        ffplay.play(sound, samples).await
    }

    /// Waits until all of it was heard.
    ///
    /// # Errors
    /// The program complains.
    pub(super) async fn finish(&mut self) -> Result<()> {
        let Some(ffplay) = &mut self.ffplay else {
            return Ok(());
        };
        ffplay.input = None;
        let status = timeout(AHEAD + LAST_NOTES, ffplay.child.wait()).await;
        let Ok(status) = status else {
            bail!("{PROGRAM} does not come to an end");
        };
        if status.wrap_err_with(|| format!("waiting for {PROGRAM}"))?.success() {
            ffplay.clock.stop_at_end();
            Ok(())
        } else {
            Err(ffplay.failure().await)
        }
    }

    /// Milliseconds that were handed over and are not heard yet.
    pub(super) fn unheard_ms(&self) -> u64 {
        let ahead = self.ffplay.as_ref().map(|ffplay| ffplay.clock.ahead(Instant::now()));
        u64::try_from(ahead.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Ffplay {
    async fn start(sound: &Sound) -> Result<Self> {
        let mut child = Command::new(PROGRAM)
            .args(["-hide_banner", "-loglevel", "error", "-nostats", "-nodisp", "-autoexit"])
            .args(["-f", "wav", "-i", "pipe:0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C is for this program, which then ends that one.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .wrap_err_with(|| format!("starting {PROGRAM}"))?;
        let (Some(mut input), Some(errors)) = (child.stdin.take(), child.stderr.take()) else {
            bail!("{PROGRAM} has no input");
        };
        // A program that is gone already is noticed with the first samples.
        let _ = input.write_all(&header(sound)).await;
        Ok(Self {
            child,
            input: Some(input),
            complaint: tokio::spawn(complaint(errors)),
            clock: Clock::default(),
        })
    }

    async fn play(&mut self, sound: &Sound, samples: &[f32]) -> Result<()> {
        sleep(self.clock.ahead(Instant::now()).saturating_sub(AHEAD)).await;
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let written = match &mut self.input {
            Some(input) => input.write_all(&bytes).await,
            None => Err(ErrorKind::BrokenPipe.into()),
        };
        if written.is_err() {
            return Err(self.failure().await);
        }
        let frames = (samples.len() / usize::from(sound.channels.max(1))) as f64;
        let length = Duration::from_secs_f64(frames / f64::from(sound.rate_hz.max(1)));
        self.clock.hand_over(length, Instant::now());
        Ok(())
    }

    /// Why the program has ended.
    async fn failure(&mut self) -> eyre::Report {
        let _ = self.child.start_kill();
        let reason = (&mut self.complaint).await.unwrap_or_default();
        eyre!("{PROGRAM} has ended: {reason}; --silent plays without it")
    }
}

/// The last lines of the first complaints; all are read, so that the program never waits to be heard.
async fn complaint(errors: impl tokio::io::AsyncRead + Unpin) -> String {
    let mut text = Vec::new();
    let mut first = errors.take(MAX_COMPLAINT_BYTES);
    let _ = first.read_to_end(&mut text).await;
    let _ = tokio::io::copy(&mut first.into_inner(), &mut tokio::io::sink()).await;
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    match lines.get(lines.len().saturating_sub(COMPLAINT_LINES)..) {
        None | Some([]) => "it gives no reason".to_owned(),
        Some(last) => last.join("; "),
    }
}

/// How much of what was handed over must have been heard by now.
#[derive(Debug, Default)]
struct Clock {
    /// When what was handed over will all be heard.
    heard_until: Option<Instant>,
}

impl Clock {
    fn ahead(&self, now: Instant) -> Duration {
        self.heard_until
            .map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// Sound that comes too late is heard later.
    fn hand_over(&mut self, length: Duration, now: Instant) {
        let begins = self.heard_until.map_or(now, |until| until.max(now));
        self.heard_until = Some(begins + length);
    }

    const fn stop_at_end(&mut self) {
        self.heard_until = None;
    }
}

/// The head of a WAVE stream that nobody knows the length of.
fn header(sound: &Sound) -> Vec<u8> {
    let frame_bytes = SAMPLE_BYTES.saturating_mul(sound.channels);
    let bytes_per_s = sound.rate_hz.saturating_mul(frame_bytes.into());
    let endless = u32::MAX.to_le_bytes();
    [
        b"RIFF".as_slice(),
        &endless,
        b"WAVEfmt ",
        &16_u32.to_le_bytes(),
        &FORMAT_FLOAT.to_le_bytes(),
        &sound.channels.to_le_bytes(),
        &sound.rate_hz.to_le_bytes(),
        &bytes_per_s.to_le_bytes(),
        &frame_bytes.to_le_bytes(),
        &(8 * SAMPLE_BYTES).to_le_bytes(),
        b"data",
        &endless,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_was_handed_over_is_heard_at_the_speed_of_time() {
        let (mut clock, start) = (Clock::default(), Instant::now());
        assert_eq!(clock.ahead(start), Duration::ZERO);
        clock.hand_over(3 * SECOND, start);
        clock.hand_over(SECOND, start + SECOND);
        assert_eq!(clock.ahead(start + SECOND), 3 * SECOND);
        assert_eq!(clock.ahead(start + 9 * SECOND), Duration::ZERO);
    }

    #[test]
    fn a_pause_of_the_sound_is_not_heard() {
        let (mut clock, start) = (Clock::default(), Instant::now());
        clock.hand_over(SECOND, start);
        clock.hand_over(2 * SECOND, start + 5 * SECOND);
        assert_eq!(clock.ahead(start + 6 * SECOND), SECOND);
    }

    #[test]
    fn the_head_of_the_stream_has_44_bytes() {
        let sound = Sound {
            rate_hz: 48_000,
            channels: 2,
            samples: Vec::new(),
        };
        let head = header(&sound);
        assert_eq!(head.len(), 44);
        assert_eq!(head[28..32], (48_000_u32 * 8).to_le_bytes());
    }

    #[tokio::test]
    async fn in_silence_everything_is_heard_at_once() {
        let mut speaker = Speaker::new(true);
        let sound = Sound {
            rate_hz: 8_000,
            channels: 1,
            samples: vec![0.0; 80_000],
        };
        speaker.play(&sound, &sound.samples).await.unwrap();
        assert_eq!(speaker.unheard_ms(), 0);
        speaker.finish().await.unwrap();
    }
}
