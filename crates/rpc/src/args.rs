//! Positional parameters of a request, with geth's texts where they are wrong.

use jsonrpsee::types::Params;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::RpcError;

/// The parameters that are not read yet.
pub(crate) struct Args<'a> {
    values: std::vec::IntoIter<&'a RawValue>,
    position: usize,
}

impl<'a> Args<'a> {
    /// Splits the parameters of a request.
    pub(crate) fn new(params: &'a Params<'_>) -> Result<Self, RpcError> {
        let values: Vec<&RawValue> = match params.as_str().map(str::trim) {
            None | Some("" | "null") => Vec::new(),
            Some(text) => serde_json::from_str(text)
                .map_err(|_| RpcError::InvalidParams("non-array args: params must be a JSON array".into()))?,
        };
        Ok(Self {
            values: values.into_iter(),
            position: 0,
        })
    }

    /// The next parameter.
    pub(crate) fn required<T: Deserialize<'a>>(&mut self) -> Result<T, RpcError> {
        let position = self.position;
        self.optional()?
            .ok_or_else(|| RpcError::InvalidParams(format!("missing value for required argument {position}")))
    }

    /// The next parameter; `null` counts as left out.
    pub(crate) fn optional<T: Deserialize<'a>>(&mut self) -> Result<Option<T>, RpcError> {
        let position = self.position;
        self.position += 1;
        let Some(value) = self.values.next() else {
            return Ok(None);
        };
        serde_json::from_str(value.get())
            .map_err(|error| RpcError::InvalidParams(format!("invalid argument {position}: {error}")))
    }

    /// Refuses parameters that nobody read.
    pub(crate) fn end(self) -> Result<(), RpcError> {
        if self.values.len() > 0 {
            return Err(RpcError::InvalidParams(format!(
                "too many arguments, want at most {}",
                self.position
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: Option<&'static str>) -> Result<(u64, Option<bool>), RpcError> {
        let params = Params::new(text);
        let mut args = Args::new(&params)?;
        let read = (args.required()?, args.optional()?);
        args.end()?;
        Ok(read)
    }

    #[test]
    fn trailing_parameters_may_be_left_out_or_null() {
        assert_eq!(read(Some("[5]")).unwrap(), (5, None));
        assert_eq!(read(Some("[5, null]")).unwrap(), (5, None));
        assert_eq!(read(Some("[5, true]")).unwrap(), (5, Some(true)));
    }

    #[test]
    fn wrong_parameters_are_named_by_position() {
        let message = |text| read(text).unwrap_err().to_string();
        assert_eq!(message(None), "missing value for required argument 0");
        assert_eq!(message(Some("[null]")), "missing value for required argument 0");
        assert!(message(Some("[1, 2]")).starts_with("invalid argument 1: "));
        assert_eq!(message(Some("[1, true, 3]")), "too many arguments, want at most 2");
        assert!(message(Some("{\"a\": 1}")).starts_with("non-array args"));
    }
}
