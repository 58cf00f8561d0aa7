//! Moving pictures made here: scenes of a camera that moves over a texture while things move before it, with cuts between.

use rand::{Rng, SeedableRng, rngs::StdRng};

pub(crate) const WIDTH: usize = 320;
pub(crate) const HEIGHT: usize = 180;
pub(crate) const FRAMES_PER_S: usize = 25;
const TEXTURE: usize = 512;

/// A video without sound; its frames are made one at a time.
#[derive(Debug)]
pub(crate) struct Film {
    scenes: Vec<Scene>,
}

#[derive(Debug)]
struct Scene {
    frames: usize,
    texture: Vec<u8>,
    camera: Path,
    zoom: f64,
    zoom_per_s: f64,
    things: Vec<Thing>,
    light: f64,
}

/// A straight way with a sway, in parts of the picture's width.
#[derive(Clone, Debug)]
struct Path {
    start: (f64, f64),
    per_s: (f64, f64),
    sway: f64,
    sways_per_s: f64,
}

#[derive(Debug)]
struct Thing {
    path: Path,
    radius: f64,
    round: bool,
    level: f64,
    stripes: f64,
}

impl Film {
    /// A film of at least `seconds`: textures from one seed, camera, things and cuts from another.
    pub(crate) fn draw(seconds: f64, textures: u64, actions: u64) -> Self {
        let (mut set, mut play) = (StdRng::seed_from_u64(textures), StdRng::seed_from_u64(actions));
        let mut left = (seconds * FRAMES_PER_S as f64) as usize;
        let mut scenes = Vec::new();
        while left > 0 {
            let frames = play.random_range(FRAMES_PER_S..7 * FRAMES_PER_S).min(left);
            scenes.push(Scene::draw(frames, &mut set, &mut play));
            left -= frames;
        }
        Self { scenes }
    }

    /// Grey frames, one after the other.
    pub(crate) fn frames(&self) -> impl Iterator<Item = Vec<u8>> {
        self.scenes
            .iter()
            .flat_map(|scene| (0..scene.frames).map(|frame| scene.render(frame)))
    }
}

impl Path {
    fn draw(fastest: f64, rng: &mut impl Rng) -> Self {
        Self {
            start: (rng.random_range(0.0..1.0), rng.random_range(0.0..0.6)),
            per_s: (
                rng.random_range(-fastest..fastest),
                rng.random_range(-fastest..fastest) / 2.0,
            ),
            sway: rng.random_range(0.0..fastest / 2.0),
            sways_per_s: rng.random_range(0.1..0.8),
        }
    }

    fn at(&self, seconds: f64) -> (f64, f64) {
        let sway = self.sway * (seconds * self.sways_per_s * std::f64::consts::TAU).sin();
        (
            self.start.0 + self.per_s.0 * seconds + sway,
            self.start.1 + self.per_s.1 * seconds + sway / 2.0,
        )
    }
}

impl Scene {
    fn draw(frames: usize, set: &mut impl Rng, play: &mut impl Rng) -> Self {
        let things = play.random_range(1..7);
        Self {
            frames,
            texture: texture(set),
            camera: Path::draw(0.12, play),
            zoom: play.random_range(0.5..1.4),
            zoom_per_s: play.random_range(-0.04..0.04),
            things: (0..things).map(|_| Thing::draw(play)).collect(),
            light: play.random_range(0.7..1.2),
        }
    }

    fn render(&self, frame: usize) -> Vec<u8> {
        let seconds = frame as f64 / FRAMES_PER_S as f64;
        let (camera_x, camera_y) = self.camera.at(seconds);
        let scale = (self.zoom + self.zoom_per_s * seconds) * 0.7;
        let places: Vec<(f64, f64)> = self.things.iter().map(|thing| thing.path.at(seconds)).collect();
        let mut luma = Vec::with_capacity(WIDTH * HEIGHT);
        for y in 0..HEIGHT {
            let v = y as f64 / WIDTH as f64;
            for x in 0..WIDTH {
                let u = x as f64 / WIDTH as f64;
                let ground = || self.sample((u - 0.5) * scale + camera_x, (v - 0.28) * scale + camera_y);
                let thing = self
                    .things
                    .iter()
                    .zip(&places)
                    .rev()
                    .find_map(|(thing, at)| thing.level(u - at.0, v - at.1));
                luma.push((thing.unwrap_or_else(ground) * self.light).clamp(0.0, 255.0) as u8);
            }
        }
        luma
    }

    /// The texture at a place, repeated in all directions.
    fn sample(&self, u: f64, v: f64) -> f64 {
        let (x, y) = (u.rem_euclid(1.0) * TEXTURE as f64, v.rem_euclid(1.0) * TEXTURE as f64);
        let (column, row) = (x as usize % TEXTURE, y as usize % TEXTURE);
        let (right, below) = ((column + 1) % TEXTURE, (row + 1) % TEXTURE);
        let level = |row: usize, column: usize| f64::from(self.texture[row * TEXTURE + column]);
        let (along, down) = (x.fract(), y.fract());
        let upper = level(row, column) * (1.0 - along) + level(row, right) * along;
        let lower = level(below, column) * (1.0 - along) + level(below, right) * along;
        upper * (1.0 - down) + lower * down
    }
}

impl Thing {
    fn draw(rng: &mut impl Rng) -> Self {
        Self {
            path: Path::draw(0.3, rng),
            radius: rng.random_range(0.03..0.16),
            round: rng.random_bool(0.6),
            level: rng.random_range(30.0..230.0),
            stripes: rng.random_range(0.0..60.0),
        }
    }

    /// Brightness at a distance from its middle, if it reaches there.
    fn level(&self, u: f64, v: f64) -> Option<f64> {
        let inside = if self.round {
            u * u + v * v < self.radius * self.radius
        } else {
            u.abs().max(v.abs()) < self.radius
        };
        inside.then(|| self.level + 25.0 * (u * self.stripes * std::f64::consts::TAU).sin())
    }
}

/// Smooth noise in several sizes with some hard edges, as landscapes and rooms have.
fn texture(rng: &mut impl Rng) -> Vec<u8> {
    let octaves: Vec<(usize, f64, Vec<f64>)> = [(4, 1.0), (9, 0.8), (19, 0.5), (41, 0.3), (97, 0.15)]
        .into_iter()
        .map(|(cells, weight)| (cells, weight * rng.random_range(0.4..1.0), lattice(cells, rng)))
        .collect();
    let edge = rng.random_range(0.3..0.7);
    let contrast = rng.random_range(120.0..260.0);
    let mut texels = Vec::with_capacity(TEXTURE * TEXTURE);
    for y in 0..TEXTURE {
        for x in 0..TEXTURE {
            let (u, v) = (x as f64 / TEXTURE as f64, y as f64 / TEXTURE as f64);
            let total: f64 = octaves.iter().map(|(_, weight, _)| weight).sum();
            let sum: f64 = octaves
                .iter()
                .map(|(cells, weight, values)| weight * smooth(*cells, values, u, v))
                .sum();
            let level = sum / total;
            let step = if level > edge { 35.0 } else { -35.0 };
            texels.push(((level - 0.5) * contrast + step + 125.0).clamp(8.0, 250.0) as u8);
        }
    }
    texels
}

fn lattice(cells: usize, rng: &mut impl Rng) -> Vec<f64> {
    (0..cells * cells).map(|_| rng.random_range(0.0..1.0)).collect()
}

fn smooth(cells: usize, values: &[f64], u: f64, v: f64) -> f64 {
    let (x, y) = (u * cells as f64, v * cells as f64);
    let ease = |t: f64| t * t * (3.0 - 2.0 * t);
    let (along, down) = (ease(x.fract()), ease(y.fract()));
    let value = |row: usize, column: usize| values[row % cells * cells + column % cells];
    let (row, column) = (y as usize, x as usize);
    let upper = value(row, column) * (1.0 - along) + value(row, column + 1) * along;
    let lower = value(row + 1, column) * (1.0 - along) + value(row + 1, column + 1) * along;
    upper * (1.0 - down) + lower * down
}
