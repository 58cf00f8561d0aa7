//! The same question for moving pictures: films made here are published as H.264, changed by ffmpeg, and excerpts looked up.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Stdio,
};

use cwe_fingerprint::{
    Descriptor, ImageDescriptor, ImageQuery, Query, VideoDescriptor, VideoQuery, VideoStream, video,
};
use eyre::{Result, WrapErr, bail, eyre};
use indicatif::ProgressBar;
use rand::{Rng, SeedableRng, rngs::StdRng};
use rayon::prelude::*;
use serde_json::{Map, Value};

use crate::{
    extract,
    ffmpeg::ffmpeg,
    matching::{Index, Tally},
    scenes::{FRAMES_PER_S, Film, HEIGHT, WIDTH},
};

const SECONDS: f64 = 24.0;

/// One line of the table: filter and encoder of ffmpeg, and the excerpt's length.
struct Cell {
    name: &'static str,
    seconds: u32,
    filter: &'static str,
    encoder: &'static [&'static str],
}

const GOOD: &[&str] = &["-c:v", "libx264", "-preset", "ultrafast", "-crf", "24"];

const fn cell(name: &'static str, seconds: u32, filter: &'static str) -> Cell {
    Cell {
        name,
        seconds,
        filter,
        encoder: GOOD,
    }
}

const CELLS: &[Cell] = &[
    cell("original", 10, "null"),
    cell("original", 5, "null"),
    cell("original", 3, "null"),
    Cell {
        encoder: &[
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-b:v",
            "60k",
            "-maxrate",
            "60k",
            "-bufsize",
            "60k",
        ],
        ..cell("h264 60k", 10, "null")
    },
    Cell {
        encoder: &["-c:v", "mpeg4", "-q:v", "28"],
        ..cell("mpeg4 coarse", 10, "null")
    },
    cell("scale 1/2", 10, "scale=160:90"),
    cell("scale 1/4", 10, "scale=80:44"),
    cell("stretch 4:3", 10, "scale=240:180"),
    cell("crop 5 pct", 10, "crop=iw*0.95:ih*0.95"),
    cell("crop 10 pct", 10, "crop=iw*0.9:ih*0.9"),
    cell("letterbox", 10, "pad=iw:ih*4/3:0:(oh-ih)/2"),
    cell("pillarbox", 10, "pad=iw*4/3:ih:(ow-iw)/2:0"),
    cell("frame rate 10", 10, "fps=10"),
    cell("frame rate 30", 10, "fps=30"),
    cell("brighter", 10, "eq=brightness=0.15"),
    cell("darker", 10, "eq=brightness=-0.15:contrast=0.8"),
    cell("gamma", 10, "eq=gamma=1.6"),
    cell("noise", 10, "noise=alls=24:allf=t"),
    cell(
        "logo",
        10,
        "drawbox=x=iw*0.8:y=ih*0.05:w=iw*0.15:h=ih*0.15:color=white:t=fill",
    ),
    cell("speed plus 4 pct", 10, "setpts=PTS/1.04"),
    cell("speed minus 4 pct", 10, "setpts=PTS/0.96"),
    cell("mirrored", 10, "hflip"),
    cell("scale and brighter", 5, "scale=160:90,eq=brightness=0.1"),
];

/// Changes of single pictures, as files of a type.
const IMAGE_CELLS: &[(&str, &str, &str)] = &[
    ("jpeg coarse", "null", "jpg"),
    ("scale 1/2", "scale=160:90", "png"),
    ("brighter", "eq=brightness=0.15", "png"),
    ("letterbox", "pad=iw:ih*4/3:0:(oh-ih)/2", "png"),
    ("crop 5 pct", "crop=iw*0.95:ih*0.95", "png"),
    ("mirrored", "hflip", "png"),
];

impl Cell {
    fn key(&self) -> String {
        format!("video_recall_{}_{}s", snake(self.name), self.seconds)
    }
}

fn snake(name: &str) -> String {
    name.replace([' ', '/'], "_")
}

/// Films that the index knows, half as many that it doesn't, and files for both.
pub(crate) struct Cinema {
    pub(crate) cache: PathBuf,
    pub(crate) known: u32,
    pub(crate) queries: u32,
}

struct Answer {
    line: usize,
    truth: Option<u32>,
    given: Option<u32>,
}

struct Work {
    number: u32,
    film: VideoDescriptor,
    image: ImageDescriptor,
}

impl Cinema {
    /// Prints the table; the figures are keys that begin with `video_` and `image_`.
    pub(crate) fn run(&self, bar: &ProgressBar) -> Result<Map<String, Value>> {
        let all = self.known + self.known.div_ceil(2);
        bar.set_length(u64::from(self.known + self.queries));
        let works: Result<Vec<Work>> = (0..self.known)
            .into_par_iter()
            .map(|number| {
                let work = self.publish(number)?;
                bar.inc(1);
                Ok(work)
            })
            .collect();
        let (mut films, mut images) = (Index::default(), Index::default());
        for work in works? {
            films.insert(work.number, Descriptor::Video(work.film));
            images.insert(work.number, Descriptor::Image(work.image));
        }
        let lines = CELLS.len() + IMAGE_CELLS.len();
        let answers: Result<Vec<Answer>> = (0..self.queries)
            .into_par_iter()
            .map(|query| {
                let strangers = all - self.known;
                let number = if query % 2 == 0 {
                    query / 2 % self.known
                } else {
                    self.known + query / 2 % strangers
                };
                let line = query as usize / 2 % lines;
                let query = if line < CELLS.len() {
                    self.excerpt(number, &CELLS[line])?.map(Query::Video)
                } else {
                    self.still(number, IMAGE_CELLS[line - CELLS.len()])?.map(Query::Image)
                };
                bar.inc(1);
                let index = if line < CELLS.len() { &films } else { &images };
                Ok(Answer {
                    line,
                    truth: (number < self.known).then_some(number),
                    given: query.and_then(|query| index.answer(&query)),
                })
            })
            .collect();
        Ok(report(&answers?))
    }

    fn publish(&self, number: u32) -> Result<Work> {
        let path = self.film(number)?;
        let film = video::decode_video(&path)?.finish()?;
        let image = video::decode_image(&self.picture(number, "null", "png")?)?;
        Ok(Work { number, film, image })
    }

    /// The published file. Every second unknown film has the scenery of a known one.
    fn film(&self, number: u32) -> Result<PathBuf> {
        let path = self.cache.join(format!("film-{number}.mp4"));
        let scenery = match number.checked_sub(self.known) {
            Some(stranger) if stranger % 2 == 0 => stranger,
            _ => number,
        };
        make(&path, |partial| {
            let film = Film::draw(SECONDS, u64::from(scenery), u64::from(number) + 1_000_000);
            let size = format!("{WIDTH}x{HEIGHT}");
            let mut encoder = ffmpeg()
                .args([
                    "-y",
                    "-f",
                    "rawvideo",
                    "-pix_fmt",
                    "gray",
                    "-s",
                    &size,
                    "-r",
                    &FRAMES_PER_S.to_string(),
                ])
                .args(["-i", "pipe:0", "-pix_fmt", "yuv420p"])
                .args(GOOD)
                .args(["-f", "mp4"])
                .arg(partial)
                .stdin(Stdio::piped())
                .spawn()
                .wrap_err("starting ffmpeg; install the package ffmpeg")?;
            let mut input = encoder.stdin.take().ok_or_else(|| eyre!("ffmpeg has no input"))?;
            film.frames()
                .try_for_each(|frame| input.write_all(&frame))
                .wrap_err("writing frames to ffmpeg")?;
            drop(input);
            Ok(encoder.wait()?.success())
        })?;
        Ok(path)
    }

    fn excerpt(&self, number: u32, cell: &Cell) -> Result<Option<VideoQuery>> {
        let path = self
            .cache
            .join(format!("{}-{number}-{}s.mkv", snake(cell.name), cell.seconds));
        let film = self.film(number)?;
        let mut rng = StdRng::seed_from_u64(u64::from(number) << 32 | u64::from(cell.seconds));
        let start_s = rng.random_range(0.0..SECONDS - f64::from(cell.seconds) - 1.0);
        make(&path, |partial| {
            let status = ffmpeg()
                .args([
                    "-y",
                    "-ss",
                    &format!("{start_s:.3}"),
                    "-t",
                    &cell.seconds.to_string(),
                    "-i",
                ])
                .arg(&film)
                .args(["-vf", cell.filter])
                .args(cell.encoder)
                .args(["-f", "matroska"])
                .arg(partial)
                .status()?;
            Ok(status.success())
        })?;
        Ok(video::decode_video(&path)?.query().ok())
    }

    /// A frame from the film's middle as a file.
    fn picture(&self, number: u32, filter: &str, kind: &str) -> Result<PathBuf> {
        let film = self.film(number)?;
        let path = self.cache.join(format!("still-{number}-{:x}.{kind}", crc(filter)));
        make(&path, |partial| {
            let codec: &[&str] = if kind == "jpg" {
                &["-c:v", "mjpeg", "-q:v", "25", "-pix_fmt", "yuvj420p"]
            } else {
                &["-c:v", "png"]
            };
            let status = ffmpeg()
                .args(["-y", "-ss", "11", "-i"])
                .arg(&film)
                .args(["-frames:v", "1", "-vf", filter])
                .args(codec)
                .args(["-f", "image2pipe"])
                .arg(partial)
                .status()?;
            Ok(status.success())
        })?;
        Ok(path)
    }

    fn still(&self, number: u32, (_, filter, kind): (&str, &str, &str)) -> Result<Option<ImageQuery>> {
        let image = video::decode_image(&self.picture(number, filter, kind)?).ok();
        Ok(image.map(|image| ImageQuery { hash: image.hash }))
    }
}

/// A short name of a text.
fn crc(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// Makes a file unless it is there; a broken off one is not.
fn make(path: &Path, write: impl FnOnce(&Path) -> Result<bool>) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).wrap_err_with(|| format!("making {}", folder.display()))?;
    let thread = std::thread::current().id();
    let partial = folder.join(format!("partial-{thread:?}-{}", std::process::id()));
    if !write(&partial)? {
        bail!("ffmpeg could not make {}", path.display());
    }
    fs::rename(&partial, path).wrap_err_with(|| format!("naming {}", path.display()))
}

fn report(answers: &[Answer]) -> Map<String, Value> {
    let mut tallies = vec![Tally::default(); CELLS.len() + IMAGE_CELLS.len()];
    for answer in answers {
        tallies[answer.line].count(answer.truth, answer.given);
    }
    let (films, images) = tallies.split_at(CELLS.len());
    let mut figures = Map::new();
    let mut line = |name: String, key: String, tally: &Tally| {
        let (recall, wrong) = (tally.recall(), tally.wrong);
        println!(
            "{name:<32} | {:>6} {:>7.2} % | {:>9} {wrong:>9}",
            tally.known,
            recall * 100.0,
            tally.asked
        );
        figures.insert(key, extract::figure(recall));
    };
    for (cell, tally) in CELLS.iter().zip(films) {
        line(format!("video: {}, {} s", cell.name, cell.seconds), cell.key(), tally);
    }
    for ((name, ..), tally) in IMAGE_CELLS.iter().zip(images) {
        line(format!("image: {name}"), format!("image_recall_{}", snake(name)), tally);
    }
    for (kind, tallies) in [("video", films), ("image", images)] {
        let all: Tally = tallies.iter().copied().sum();
        line(format!("{kind}: all"), format!("{kind}_recall_all"), &all);
    }
    for (kind, tallies) in [("video", films), ("image", images)] {
        let all: Tally = tallies.iter().copied().sum();
        figures.insert(
            format!("{kind}_false_positive_rate"),
            extract::figure(all.false_positive_rate()),
        );
    }
    figures
}

/// Frames a second, one core, that [`VideoStream`] takes, as a multiple of 25.
pub(crate) fn realtime_factor() -> Result<f64> {
    let film = Film::draw(8.0, 1, 1);
    let frames: Vec<Vec<u8>> = film.frames().collect();
    let start_s = extract::thread_cpu_s();
    let mut stream = VideoStream::new();
    for (number, frame) in (0_u32..).zip(&frames) {
        stream.ingest(number * 1_000 / FRAMES_PER_S as u32, WIDTH as u32, HEIGHT as u32, frame)?;
    }
    let descriptor = stream.finish()?;
    Ok(f64::from(descriptor.duration_ms) / 1e3 / (extract::thread_cpu_s() - start_s).max(1e-9))
}
