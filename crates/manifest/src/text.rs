//! What text of strangers may contain.

use crate::{ManifestError, Rule};

/// Bounds of one text field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextRule {
    /// Fewest Unicode characters.
    pub min_chars: usize,
    /// Most Unicode characters.
    pub max_chars: usize,
    /// Whether lines may end.
    pub lines: bool,
}

impl TextRule {
    pub(crate) fn check(&self, field: &str, text: &str) -> Result<(), ManifestError> {
        let chars = text.chars().count();
        if chars < self.min_chars {
            return Err(ManifestError::new(Rule::TextEmpty, field, "empty"));
        }
        if chars > self.max_chars {
            let found = format!("{chars} characters, at most {}", self.max_chars);
            return Err(ManifestError::new(Rule::TextTooLong, field, found));
        }
        let allowed = |c: char| (self.lines && c == '\n') || !is_control(c);
        match text.chars().find(|c| !allowed(*c)) {
            Some(c) => Err(ManifestError::new(
                Rule::ControlCharacter,
                field,
                format!("text with U+{:04X}", u32::from(c)),
            )),
            None => Ok(()),
        }
    }
}

/// Control characters, separators of lines, and characters that make text read otherwise than it is written.
const fn is_control(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{206f}' | '\u{feff}')
}
