//! CLN amounts as people write them.

use alloy::primitives::{
    U256,
    utils::{format_ether, parse_ether},
};

/// Decimals of CLN.
const DECIMALS: usize = 18;

/// Reads an amount of CLN such as `1`, `0.5` or `1_000` into wei. For clap.
pub(crate) fn parse(text: &str) -> Result<U256, String> {
    let plain = text.replace('_', "");
    let decimals = plain.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    if plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(format!("`{text}` is not an amount of CLN; write it like 12.5"));
    }
    if decimals > DECIMALS {
        return Err(format!("`{text}` has {decimals} decimals, CLN has {DECIMALS}"));
    }
    match parse_ether(&plain) {
        Ok(amount) if amount.is_zero() => Err("the amount is zero".into()),
        Ok(amount) => Ok(amount),
        Err(error) => Err(format!("`{text}` is not an amount of CLN: {error}")),
    }
}

/// Wei as CLN, without trailing zeros.
pub(crate) fn show(wei: U256) -> String {
    let text = format_ether(wei);
    let short = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{short} CLN")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_keep_their_value_on_the_way_in_and_out() {
        for (text, shown) in [
            ("1", "1 CLN"),
            ("0.5", "0.5 CLN"),
            ("1_000", "1000 CLN"),
            ("100", "100 CLN"),
        ] {
            assert_eq!(show(parse(text).unwrap()), shown);
        }
        assert_eq!(parse("0.000000000000000001").unwrap(), U256::from(1));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in [
            "",
            "-1",
            "1e3",
            "0",
            "0.0",
            "1.0000000000000000001",
            "1.2.3",
            "abc",
            ".",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
