//! Bodies of requests: JSON of one form, within a time.

use std::time::Duration;

use axum::{
    Json,
    extract::{FromRequest, Request},
};
use serde::de::DeserializeOwned;

/// Reads a body as JSON. How large it may be, the router's `DefaultBodyLimit` says.
///
/// # Errors
/// What is wrong with it, for its sender.
pub async fn json<T: DeserializeOwned>(request: Request, patience: Duration) -> Result<T, String> {
    match tokio::time::timeout(patience, Json::from_request(request, &())).await {
        Ok(Ok(Json(body))) => Ok(body),
        Ok(Err(error)) => Err(error.body_text()),
        Err(_) => Err(late(patience)),
    }
}

/// Said to who sends a body too slowly.
pub fn late(patience: Duration) -> String {
    format!("the body did not arrive within {} s", patience.as_secs())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[tokio::test]
    async fn a_body_that_never_ends_is_given_up() {
        let endless = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
        let request = Request::post("/").header("content-type", "application/json");
        let refused = json::<u8>(request.body(endless).unwrap(), Duration::from_millis(10)).await;
        assert!(refused.unwrap_err().contains("did not arrive"));
    }
}
