//! The token that forge compiled.

use alloy::primitives::{Bytes, hex};
use eyre::{Result, WrapErr, eyre};

const PATH: &str = "out/DemoToken.sol/DemoToken.json";

/// Code of the demo token.
pub(crate) struct TokenCode {
    /// Code that creates it; constructor arguments follow.
    pub creation: Bytes,
    /// Code of the account.
    pub runtime: Bytes,
}

/// Reads what `forge build` left.
pub(crate) fn token() -> Result<TokenCode> {
    let text = std::fs::read_to_string(PATH).wrap_err_with(|| format!("{PATH} is missing: run forge build"))?;
    let json: serde_json::Value = serde_json::from_str(&text).wrap_err(PATH)?;
    let code = |field: &str| -> Result<Bytes> {
        let object = json[field]["object"]
            .as_str()
            .ok_or_else(|| eyre!("{PATH} has no {field}"))?;
        Ok(hex::decode(object)
            .wrap_err_with(|| format!("{field} in {PATH}"))?
            .into())
    };
    Ok(TokenCode {
        creation: code("bytecode")?,
        runtime: code("deployedBytecode")?,
    })
}
