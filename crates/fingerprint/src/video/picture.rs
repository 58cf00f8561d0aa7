use crate::{FingerprintError, ImageDescriptor, video::Hash};

/// The longest side of a picture, in pixels.
pub const MAX_SIDE: u32 = 16_384;
/// Pictures are reduced to a square of this many cells a side before anything else.
const GRID: usize = 128;
/// Frequencies 1 to 16 in each direction make the 256 bits.
const FREQUENCIES: usize = 16;
const BITS: usize = FREQUENCIES * FREQUENCIES;
/// A row or column that is nowhere brighter belongs to a bar: black is 16 in video, and codecs blur.
const BAR_LEVEL: u8 = 28;
/// Bars take at most this share of the cells from each side; what is darker all over is a dark picture.
const MAX_BAR: usize = GRID * 3 / 8;
/// Pictures whose brightness varies less around its mean (standard deviation, of 255) are flat.
const MIN_DEVIATION: u64 = 5;
/// Cosines are integers of this scale, so that every machine gets the same bits.
const COSINE_SCALE: f64 = 16_384.0;

/// The frequencies (from top to bottom, from side to side) in the order of their bits: the lowest first.
const ORDER: [(u8, u8); BITS] = order();

/// The bits whose frequency from side to side is odd.
pub(super) const ODD_COLUMNS: Hash = odd_columns();

const fn order() -> [(u8, u8); BITS] {
    let mut order = [(0, 0); BITS];
    let mut filled = 0;
    let mut square = 2;
    while filled < BITS {
        let mut row = 1_u8;
        while row as usize <= FREQUENCIES {
            let mut column = 1_u8;
            while column as usize <= FREQUENCIES {
                if row as u32 * row as u32 + column as u32 * column as u32 == square {
                    order[filled] = (row, column);
                    filled += 1;
                }
                column += 1;
            }
            row += 1;
        }
        square += 1;
    }
    order
}

const fn odd_columns() -> Hash {
    let mut mask = [0; 32];
    let mut bit = 0;
    while bit < BITS {
        if ORDER[bit].1 % 2 == 1 {
            mask[bit / 8] |= 1 << (7 - bit % 8);
        }
        bit += 1;
    }
    mask
}

/// The perceptual hash of a picture of which brightness is given, one byte a pixel in rows from the top. Re-encoded,
/// scaled, letterboxed, brighter or darker pictures differ in few of its 256 bits, unrelated ones in about half.
///
/// # Errors
/// The size does not fit the bytes; the picture is flat or dark, so that it has no hash to be known by.
pub fn image_hash(width: u32, height: u32, luma: &[u8]) -> Result<ImageDescriptor, FingerprintError> {
    let grid = Grid::reduce(width, height, luma)?;
    let mut bars = Bars::default();
    bars.see(&grid);
    let hash = grid.hash(&bars).ok_or(FingerprintError::Silence)?;
    Ok(ImageDescriptor { hash })
}

/// A picture reduced to [`GRID`] × [`GRID`] cells.
pub(super) struct Grid(Vec<u8>);

impl Grid {
    pub(super) fn reduce(width: u32, height: u32, luma: &[u8]) -> Result<Self, FingerprintError> {
        let sides = 1..=MAX_SIDE;
        let pixels = u64::from(width) * u64::from(height);
        if !sides.contains(&width) || !sides.contains(&height) || luma.len() as u64 != pixels {
            return Err(FingerprintError::BadPicture {
                width,
                height,
                found: luma.len(),
                max: MAX_SIDE,
            });
        }
        let across = shares(width as usize);
        let mut lines = Vec::with_capacity(height as usize * GRID);
        for line in luma.chunks_exact(width as usize) {
            lines.extend(across.iter().map(|shares| {
                shares
                    .clone()
                    .map(|(pixel, share)| u64::from(line[pixel]) * share)
                    .sum::<u64>()
            }));
        }
        let mut cells = Vec::with_capacity(GRID * GRID);
        for shares in shares(height as usize) {
            for column in 0..GRID {
                let sum: u64 = shares
                    .clone()
                    .map(|(line, share)| lines[line * GRID + column] * share)
                    .sum();
                let mean = (sum + pixels / 2) / pixels;
                cells.push(u8::try_from(mean).unwrap_or(u8::MAX));
            }
        }
        Ok(Self(cells))
    }

    /// None for a flat or dark picture.
    pub(super) fn hash(&self, bars: &Bars) -> Option<Hash> {
        let (rows, columns) = (bars.rows(), bars.columns());
        if rows.is_empty() || columns.is_empty() || !self.has_contrast(&rows, &columns) {
            return None;
        }
        let across = cosines(columns.len());
        let down = cosines(rows.len());
        // Rows first: for each row of cells its sixteen frequencies, then these from top to bottom.
        let mut coefficients = [0_i64; BITS];
        for (row, y) in rows.enumerate() {
            let cells = &self.0[y * GRID + columns.start..y * GRID + columns.end];
            for column in 0..FREQUENCIES {
                let wave = &across[column * cells.len()..(column + 1) * cells.len()];
                let along: i64 = cells
                    .iter()
                    .zip(wave)
                    .map(|(&cell, &wave)| i64::from(cell) * wave)
                    .sum();
                for (frequency, coefficient) in coefficients.iter_mut().skip(column).step_by(FREQUENCIES).enumerate() {
                    *coefficient += along * down[frequency * (down.len() / FREQUENCIES) + row];
                }
            }
        }
        Some(above_median(&coefficients))
    }

    fn has_contrast(&self, rows: &core::ops::Range<usize>, columns: &core::ops::Range<usize>) -> bool {
        let cells = || {
            rows.clone()
                .flat_map(|y| &self.0[y * GRID + columns.start..y * GRID + columns.end])
        };
        let count = (rows.len() * columns.len()) as u64;
        let sum: u64 = cells().map(|&cell| u64::from(cell)).sum();
        let squares: u64 = cells().map(|&cell| u64::from(cell) * u64::from(cell)).sum();
        count * squares - sum * sum >= MIN_DEVIATION * MIN_DEVIATION * count * count
    }
}

/// For each cell the pixels that it lies on, with the share of it that lies on each; the shares of a cell sum to `pixels`.
fn shares(pixels: usize) -> Vec<impl Iterator<Item = (usize, u64)> + Clone> {
    let cell = |cell: usize| {
        let (start, end) = (cell * pixels, (cell + 1) * pixels);
        let share = move |pixel: usize| {
            let overlap = end.min((pixel + 1) * GRID) - start.max(pixel * GRID);
            (pixel, overlap as u64)
        };
        (start / GRID..end.div_ceil(GRID)).map(share)
    };
    (0..GRID).map(cell).collect()
}

/// For each frequency its wave over `length` cells.
fn cosines(length: usize) -> Vec<i64> {
    // The same in every program: the system's cosine is not.
    #[allow(clippy::cast_possible_truncation, reason = "at most the scale")]
    let wave = |frequency: usize, cell: usize| {
        let angle = core::f64::consts::PI * frequency as f64 * (cell as f64 + 0.5) / length as f64;
        libm::round(libm::cos(angle) * COSINE_SCALE) as i64
    };
    (1..=FREQUENCIES)
        .flat_map(|frequency| (0..length).map(move |cell| wave(frequency, cell)))
        .collect()
}

fn above_median(coefficients: &[i64; BITS]) -> Hash {
    let mut sorted = *coefficients;
    sorted.sort_unstable();
    let median = i64::midpoint(sorted[BITS / 2 - 1], sorted[BITS / 2]);
    let mut hash = [0; 32];
    for (bit, &(row, column)) in ORDER.iter().enumerate() {
        let coefficient = coefficients[(usize::from(row) - 1) * FREQUENCIES + usize::from(column) - 1];
        if coefficient > median {
            hash[bit / 8] |= 1 << (7 - bit % 8);
        }
    }
    hash
}

/// Black bars around a picture: rows and columns that were dark in all pictures seen since the last cut.
#[derive(Clone, Debug)]
pub(super) struct Bars {
    rows: [u8; GRID],
    columns: [u8; GRID],
}

impl Default for Bars {
    fn default() -> Self {
        Self {
            rows: [0; GRID],
            columns: [0; GRID],
        }
    }
}

impl Bars {
    pub(super) fn see(&mut self, grid: &Grid) {
        for (y, row) in grid.0.chunks_exact(GRID).enumerate() {
            for (x, &cell) in row.iter().enumerate() {
                self.rows[y] = self.rows[y].max(cell);
                self.columns[x] = self.columns[x].max(cell);
            }
        }
    }

    fn rows(&self) -> core::ops::Range<usize> {
        between_bars(&self.rows)
    }

    fn columns(&self) -> core::ops::Range<usize> {
        between_bars(&self.columns)
    }
}

fn between_bars(brightest: &[u8; GRID]) -> core::ops::Range<usize> {
    let is_dark = |level: &&u8| **level < BAR_LEVEL;
    let before = brightest.iter().take_while(is_dark).count();
    let after = brightest.iter().rev().take_while(is_dark).count();
    if before > MAX_BAR || after > MAX_BAR {
        return 0..0;
    }
    // The cell at the edge is partly bar.
    let edge = |bar: usize| if bar == 0 { 0 } else { bar + 1 };
    edge(before)..GRID - edge(after)
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "small numbers of tests")]
mod tests {
    use super::*;
    use crate::video::{distance, mirrored};

    /// A picture of discs of different brightness that `seed` places.
    fn discs(width: u32, height: u32, seed: u32) -> Vec<u8> {
        let random = |n: u32| {
            let mixed = (seed * 977 + n + 1).wrapping_mul(2_654_435_761);
            let mixed = (mixed ^ mixed >> 15).wrapping_mul(2_246_822_519);
            f64::from((mixed ^ mixed >> 13) >> 8) / f64::from(1 << 24)
        };
        let disc = |n: u32| {
            let level = 40.0 + 210.0 * random(4 * n + 3);
            (random(4 * n), random(4 * n + 1), 0.02 + 0.12 * random(4 * n + 2), level)
        };
        let discs: Vec<_> = (0..40).map(disc).collect();
        let level = |x: f64, y: f64| {
            let covers = |disc: &&(f64, f64, f64, f64)| (x - disc.0).hypot(y - disc.1) < disc.2;
            discs.iter().rfind(covers).map_or(110.0, |disc| disc.3) as u8
        };
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        pixels
            .map(|(x, y)| level(f64::from(x) / f64::from(width), f64::from(y) / f64::from(height)))
            .collect()
    }

    fn hash(width: u32, height: u32, luma: &[u8]) -> Hash {
        image_hash(width, height, luma).unwrap().hash
    }

    #[test]
    fn size_and_brightness_change_few_bits_and_another_picture_half_of_them() {
        let picture = hash(320, 180, &discs(320, 180, 1));
        let small = distance(&picture, &hash(97, 61, &discs(97, 61, 1)));
        assert!(small <= 24, "{small}");
        let darker: Vec<u8> = discs(320, 180, 1).iter().map(|level| level / 2 + 10).collect();
        let darker = distance(&picture, &hash(320, 180, &darker));
        assert!(darker <= 16, "{darker}");
        for other in 2..20 {
            let unrelated = distance(&picture, &hash(320, 180, &discs(320, 180, other)));
            assert!((70..190).contains(&unrelated), "{other}: {unrelated}");
        }
    }

    #[test]
    fn bars_around_a_picture_do_not_count() {
        let picture = discs(160, 80, 1);
        let mut boxed = vec![16; 200 * 120];
        for (y, row) in picture.chunks_exact(160).enumerate() {
            boxed[(y + 20) * 200 + 20..(y + 20) * 200 + 180].copy_from_slice(row);
        }
        let boxed = distance(&hash(160, 80, &picture), &hash(200, 120, &boxed));
        assert!(boxed <= 24, "{boxed}");
    }

    #[test]
    fn a_mirrored_picture_has_the_mirrored_hash() {
        let picture = discs(200, 100, 3);
        let flipped: Vec<u8> = picture
            .chunks_exact(200)
            .flat_map(|row| row.iter().rev())
            .copied()
            .collect();
        let (straight, flipped) = (hash(200, 100, &picture), hash(200, 100, &flipped));
        let back = distance(&mirrored(&straight), &flipped);
        assert!(back <= 16, "{back}");
        assert!(distance(&straight, &flipped) > 80);
    }

    #[test]
    fn flat_and_dark_pictures_have_no_hash() {
        for level in [0, 128, 255] {
            assert_eq!(image_hash(64, 64, &[level; 4096]), Err(FingerprintError::Silence));
        }
        let faint: Vec<u8> = (0..4096).map(|n| (n % 7) as u8).collect();
        assert_eq!(image_hash(64, 64, &faint), Err(FingerprintError::Silence));
    }

    #[test]
    fn a_size_that_the_bytes_do_not_have_is_refused() {
        for (width, height, bytes) in [
            (0, 0, 0),
            (0, 8, 0),
            (8, 8, 63),
            (8, 8, 65),
            (u32::MAX, u32::MAX, 1),
            (16_385, 1, 16_385),
        ] {
            let refused = image_hash(width, height, &vec![9; bytes]);
            assert!(
                matches!(refused, Err(FingerprintError::BadPicture { .. })),
                "{width}x{height}"
            );
        }
    }

    #[test]
    fn every_size_gives_a_hash() {
        for (width, height) in [(1, 300), (300, 1), (3, 5), (127, 129), (1000, 40)] {
            let stripes: Vec<u8> = (0..width * height)
                .map(|n| if n / 2 % 2 == 0 { 60 } else { 200 })
                .collect();
            let _ = image_hash(width, height, &stripes);
        }
    }
}
