//! The shape of every refusal.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

/// A refusal as it is answered: a code for programs and what to do for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// What it is, for programs.
    pub code: &'static str,
    /// What it is, for people.
    pub error: String,
    /// What to do.
    pub action: &'static str,
}

impl Problem {
    /// The answer; `retry_after_secs` says when to come back.
    pub fn answer(self, status: StatusCode, retry_after_secs: Option<u64>) -> Response {
        let mut response = (status, Json(self)).into_response();
        if let Some(secs) = retry_after_secs {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        response
    }
}
