//! Values on their way between Rust and JavaScript.

use serde::{Serialize, de::DeserializeOwned};
use wasm_bindgen::{JsCast, JsError, JsValue};

/// A plain object; 64-bit numbers become `bigint`s, which lose nothing.
///
/// # Errors
/// Never for the types of this crate.
pub(crate) fn to_js(value: &impl Serialize) -> Result<JsValue, JsError> {
    let serializer = serde_wasm_bindgen::Serializer::new()
        .serialize_large_number_types_as_bigints(true)
        .serialize_maps_as_objects(true);
    value
        .serialize(&serializer)
        .map_err(|error| JsError::new(&error.to_string()))
}

/// What `value` describes.
///
/// # Errors
/// A field is missing or of another type; the message names it.
pub(crate) fn from_js<T: DeserializeOwned>(value: JsValue) -> Result<T, String> {
    serde_wasm_bindgen::from_value(value).map_err(|error| error.to_string())
}

/// What was thrown, as text: an `Error`'s message, or anything else as JavaScript writes it.
pub(crate) fn thrown(value: &JsValue) -> String {
    let message = value.dyn_ref::<js_sys::Error>().map(|error| error.message());
    message.map_or_else(|| format!("{value:?}"), String::from)
}
