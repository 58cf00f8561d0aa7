//! Ids, prefixes and parameters of URLs.

use alloy::primitives::B256;
use axum::extract::{Path, Query as UrlQuery, rejection::PathRejection, rejection::QueryRejection};
use cwe_fingerprint::Kind;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    api::{MAX_LIMIT, MAX_QUERY_BYTES},
    refusal::Refusal,
    search::{Cursor, Wanted},
};

/// Works of a page where nothing else is asked for.
const DEFAULT_LIMIT: u32 = 20;
/// Most tags that are looked for at once.
const MAX_TAGS: usize = 16;

/// Parameters of `GET /search`.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct SearchParameters {
    /// Words, at most 256 bytes.
    q: String,
    /// Tags, separated by commas.
    tags: String,
    /// Kind of work, such as `audio`.
    r#type: Option<String>,
    /// Works of a page, 1 to 100.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Parameters of `GET /creators/{id}`.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct CreatorParameters {
    /// Works of a page, 1 to 100.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Parameters of `GET /buckets/{prefix}`.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct PageParameters {
    /// Page, from 0.
    page: u32,
}

type Parsed<T> = Result<UrlQuery<T>, QueryRejection>;

pub(super) fn search(parameters: Parsed<SearchParameters>) -> Result<(Wanted, Option<Cursor>, u32), Refusal> {
    let SearchParameters {
        q,
        tags,
        r#type,
        limit,
        after,
    } = read(parameters)?;
    if q.len() > MAX_QUERY_BYTES {
        return Err(Refusal::long_text());
    }
    let tags = tags.split(',').map(str::trim).filter(|tag| !tag.is_empty());
    let tags: Vec<_> = tags.map(str::to_owned).collect();
    if tags.len() > MAX_TAGS {
        return Err(Refusal::Parameter(format!("`tags` has more than {MAX_TAGS} tags")));
    }
    let after = after.as_deref().map(Cursor::parse).transpose();
    let after = after.map_err(|error| Refusal::Parameter(error.to_string()))?;
    let wanted = Wanted {
        text: q,
        tags,
        work_type: r#type,
    };
    Ok((wanted, after, checked_limit(limit)?))
}

pub(super) fn creator(parameters: Parsed<CreatorParameters>) -> Result<(B256, u32), Refusal> {
    let CreatorParameters { limit, after } = read(parameters)?;
    let after = after.map_or(Ok(B256::ZERO), |after| parse(&after, "after"))?;
    Ok((after, checked_limit(limit)?))
}

pub(super) fn page(parameters: Parsed<PageParameters>) -> Result<u32, Refusal> {
    Ok(read(parameters)?.page)
}

/// An id in the path.
pub(super) fn id(path: Result<Path<String>, PathRejection>, name: &'static str) -> Result<B256, Refusal> {
    parse(&named(path)?, name)
}

/// A text in the path.
pub(super) fn named(path: Result<Path<String>, PathRejection>) -> Result<String, Refusal> {
    path.map(|Path(text)| text)
        .map_err(|error| Refusal::Parameter(error.body_text()))
}

/// Only one way of writing an id: caches and clients compare URLs.
fn parse(text: &str, name: &'static str) -> Result<B256, Refusal> {
    let id: B256 = text.parse().map_err(|_| Refusal::Id(name))?;
    if id.to_string() == text {
        Ok(id)
    } else {
        Err(Refusal::Id(name))
    }
}

fn read<T>(parameters: Parsed<T>) -> Result<T, Refusal> {
    parameters
        .map(|UrlQuery(parameters)| parameters)
        .map_err(|error| Refusal::Parameter(error.body_text()))
}

fn checked_limit(limit: Option<u32>) -> Result<u32, Refusal> {
    match limit.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        _ => Err(Refusal::limit()),
    }
}

/// Name of a kind in answers.
pub(super) const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Audio => "audio",
        Kind::Video => "video",
        Kind::Image => "image",
    }
}
