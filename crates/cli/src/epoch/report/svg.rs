//! Charts as SVG inside of a page: colours come from the page's style, names and numbers are text.

use alloy::primitives::U256;

use super::html::escape;

/// Width of every chart, in its own units.
const WIDTH: u32 = 720;
/// Height of a row.
const ROW: u32 = 26;
/// Where bars begin, right of their names.
const BAR_LEFT: u32 = 200;
/// Room for the numbers right of bars.
const NUMBERS: u32 = 150;
/// Longest name that is shown whole.
const NAME_CHARS: usize = 26;
/// Colours that the page's style has.
const COLOURS: usize = 5;

/// A named amount with the text of its number.
pub(super) struct Bar<'a> {
    /// Name on the left.
    pub name: &'a str,
    /// Its length.
    pub amount: U256,
    /// Number on the right.
    pub number: String,
}

/// Bars below each other, the longest as wide as there is room. `title` is for who can't see them.
pub(super) fn bars(title: &str, rows: &[Bar<'_>]) -> String {
    let largest = rows.iter().map(|row| row.amount).max().unwrap_or_default();
    let height = ROW * u32::try_from(rows.len()).unwrap_or(u32::MAX / ROW).max(1);
    let mut svg = open(title, height);
    for (row, top) in rows.iter().zip((0..).step_by(ROW as usize)) {
        let width = scaled(row.amount, largest, WIDTH - BAR_LEFT - NUMBERS);
        let text_top = top + 17_u32;
        svg.push_str(&format!(
            "<text x=\"{}\" y=\"{text_top}\" text-anchor=\"end\"><title>{}</title>{}</text>\
             <rect class=\"c0\" x=\"{BAR_LEFT}\" y=\"{}\" width=\"{width:.1}\" height=\"16\" rx=\"2\"/>\
             <text x=\"{:.1}\" y=\"{text_top}\">{}</text>",
            BAR_LEFT - 8,
            escape(row.name),
            escape(&shortened(row.name)),
            top + 4,
            f64::from(BAR_LEFT) + width + 8.0,
            escape(&row.number)
        ));
    }
    svg.push_str("</svg>");
    svg
}

/// One bar divided into parts, with the names and numbers of all parts below.
pub(super) fn stacked(title: &str, parts: &[Bar<'_>]) -> String {
    let total = parts.iter().fold(U256::ZERO, |sum, part| sum.saturating_add(part.amount));
    let rows = u32::try_from(parts.len()).unwrap_or(u32::MAX / (2 * ROW));
    let mut svg = open(title, 48 + ROW * rows);
    let mut left = 0.0;
    for (number, part) in parts.iter().enumerate() {
        let width = scaled(part.amount, total, WIDTH);
        let colour = number % COLOURS;
        svg.push_str(&format!(
            "<rect class=\"c{colour}\" x=\"{left:.1}\" y=\"4\" width=\"{width:.1}\" height=\"32\"><title>{}</title></rect>",
            escape(part.name)
        ));
        left += width;
    }
    for ((number, part), top) in parts.iter().enumerate().zip((48..).step_by(ROW as usize)) {
        let colour = number % COLOURS;
        let share = scaled(part.amount, total, 100);
        svg.push_str(&format!(
            "<rect class=\"c{colour}\" x=\"0\" y=\"{}\" width=\"14\" height=\"14\" rx=\"2\"/>\
             <text x=\"24\" y=\"{}\">{} — {} ({share:.1} %)</text>",
            top + 4_u32,
            top + 16,
            escape(part.name),
            escape(&part.number)
        ));
    }
    svg.push_str("</svg>");
    svg
}

fn open(title: &str, height: u32) -> String {
    let title = escape(title);
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\" \
         xmlns=\"http://www.w3.org/2000/svg\"><title>{title}</title>"
    )
}

/// `amount` of `whole` on a scale up to `length`. For the eye: floats are exact enough.
fn scaled(amount: U256, whole: U256, length: u32) -> f64 {
    if whole.is_zero() {
        return 0.0;
    }
    f64::from(amount) / f64::from(whole) * f64::from(length)
}

/// Beginning and end of a name that is too long.
fn shortened(name: &str) -> String {
    let chars: Vec<_> = name.chars().collect();
    if chars.len() <= NAME_CHARS {
        return name.into();
    }
    let (head, tail) = (&chars[..NAME_CHARS - 9], &chars[chars.len() - 8..]);
    head.iter().chain(['…'].iter()).chain(tail).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(name: &str, amount: u64) -> Bar<'_> {
        Bar {
            name,
            amount: U256::from(amount),
            number: amount.to_string(),
        }
    }

    #[test]
    fn the_largest_bar_fills_the_room_and_nothing_is_drawn_of_nothing() {
        let svg = bars("works", &[bar("one", 40), bar("two", 10), bar("three", 0)]);
        assert!(svg.contains("width=\"370.0\"") && svg.contains("width=\"92.5\"") && svg.contains("width=\"0.0\""));
        assert!(bars("none", &[]).ends_with("</svg>"));
        assert!(!bars("zero", &[bar("one", 0)]).contains("NaN"));
        assert!(!stacked("zero", &[bar("one", 0)]).contains("NaN"));
    }

    #[test]
    fn parts_fill_the_whole_bar() {
        let svg = stacked("shares", &[bar("one", 1), bar("two", 3)]);
        assert!(svg.contains("width=\"180.0\"") && svg.contains("x=\"180.0\" y=\"4\" width=\"540.0\""), "{svg}");
        assert!(svg.contains("(25.0 %)"));
    }

    #[test]
    fn long_names_keep_both_ends() {
        let id = format!("0x{}", "ab".repeat(32));
        let short = shortened(&id);
        assert!(short.chars().count() <= NAME_CHARS && short.starts_with("0xabab") && short.ends_with("abab"));
        assert_eq!(shortened("weiß"), "weiß");
    }
}
