//! Names and numbers as the contracts write them (docs/PROTOCOL.md, "Usage").

use alloy::primitives::{B256, U256};
use eyre::{Result, WrapErr};

/// Longest name of a tier, bytes: a tier id is below 2¹⁸⁴.
const TIER_BYTES: usize = 23;

/// Id of a tier by its name, right-aligned. For clap.
pub(crate) fn tier_id(name: &str) -> Result<B256, String> {
    let bytes = plain(name, TIER_BYTES)?;
    Ok(B256::left_padding_from(bytes))
}

/// Id of a region rule by its name, left-aligned. For clap.
pub(crate) fn region_rule(name: &str) -> Result<B256, String> {
    let bytes = plain(name, B256::len_bytes())?;
    Ok(B256::right_padding_from(bytes))
}

/// The name in a tier id or region rule; hex where it is none.
pub(crate) fn name_of(id: B256) -> String {
    let trimmed: Vec<u8> = id.iter().copied().skip_while(|byte| *byte == 0).collect();
    let end = trimmed.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    match std::str::from_utf8(&trimmed[..end]) {
        Ok(name) if !name.is_empty() && name.bytes().all(is_plain) => name.into(),
        _ => id.to_string(),
    }
}

/// A fresh work id: random, its top byte zero, so that it is a field element.
///
/// # Errors
/// The system has no randomness.
pub(crate) fn new_work_id() -> Result<B256> {
    loop {
        let mut id = B256::try_random().wrap_err("drawing a work id")?;
        id[0] = 0;
        if !id.is_zero() {
            return Ok(id);
        }
    }
}

/// An identity commitment: hex, or decimal. For clap.
pub(crate) fn commitment(text: &str) -> Result<U256, String> {
    text.parse().ok().ok_or_else(|| {
        format!("`{text}` is no identity commitment; write it in hex, as `cwe listener identity` prints it")
    })
}

fn plain(name: &str, maximum: usize) -> Result<&[u8], String> {
    if name.is_empty() || name.len() > maximum {
        return Err(format!("`{name}` has {} bytes, a name has 1 to {maximum}", name.len()));
    }
    if !name.bytes().all(is_plain) {
        return Err(format!("`{name}` has characters other than letters, digits, - . _"));
    }
    Ok(name.as_bytes())
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

#[cfg(test)]
mod tests {
    use alloy::primitives::b256;

    use super::*;

    #[test]
    fn names_are_aligned_as_the_protocol_says() {
        let light = b256!("0x0000000000000000000000000000000000000000000000000000006c69676874");
        assert_eq!(tier_id("light").unwrap(), light);
        assert_eq!(name_of(light), "light");
        let world = b256!("0x776f726c64000000000000000000000000000000000000000000000000000000");
        assert_eq!(region_rule("world").unwrap(), world);
        assert_eq!(name_of(world), "world");
        assert_eq!(name_of(region_rule(&"x".repeat(32)).unwrap()), "x".repeat(32));
    }

    #[test]
    fn what_is_no_name_is_refused_and_shown_as_hex() {
        assert!(tier_id("").is_err());
        assert!(tier_id(&"x".repeat(24)).is_err());
        assert!(tier_id("li ght").is_err());
        assert!(region_rule(&"x".repeat(33)).is_err());
        assert!(region_rule("weiß").is_err());
        assert_eq!(name_of(B256::ZERO), B256::ZERO.to_string());
        assert_eq!(name_of(B256::repeat_byte(7)), B256::repeat_byte(7).to_string());
    }

    #[test]
    fn work_ids_are_field_elements_and_differ() {
        let ids: std::collections::HashSet<_> = (0..64).map(|_| new_work_id().unwrap()).collect();
        assert_eq!(ids.len(), 64);
        assert!(ids.iter().all(|id| id[0] == 0 && !id.is_zero()));
    }
}
