//! The few files of the dashboard, built in. Their address holds their hash, so that browsers may keep them for ever.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::app::Shared;
use crate::problem::Problem;

const STYLE: &str = include_str!("../assets/style.css");
const SCRIPT: &str = include_str!("../assets/script.js");
const ICON: &str = include_str!("../assets/icon.svg");

const FILES: [(&str, &str, &str); 3] = [
    ("style.css", "text/css; charset=utf-8", STYLE),
    ("script.js", "text/javascript; charset=utf-8", SCRIPT),
    ("icon.svg", "image/svg+xml", ICON),
];

/// Where the files are.
#[derive(Debug)]
pub(crate) struct Assets {
    hash: String,
}

impl Assets {
    pub(crate) fn new() -> Self {
        let mut digest = Sha256::new();
        for (name, _, text) in FILES {
            digest.update(name);
            digest.update(text);
        }
        let hash: String = hex::encode(digest.finalize()).chars().take(16).collect();
        Self { hash }
    }

    /// The address of a file.
    pub(crate) fn path(&self, name: &str) -> String {
        format!("/assets/{}/{name}", self.hash)
    }
}

/// Serves a file. An address of another version gives today's, which is then not kept.
pub(crate) async fn serve(
    State(shared): State<Arc<Shared>>,
    Path((hash, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let file = FILES.iter().find(|(known, _, _)| *known == name);
    let Some((_, kind, text)) = file else {
        return Err(Problem::new(StatusCode::NOT_FOUND, "there is no such file", "reload the page"));
    };
    let tag = format!("\"{}\"", shared.assets.hash);
    let is_known = headers.get(header::IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == tag.as_bytes());
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, *kind)], *text).into_response()
    };
    let is_current = hash == shared.assets.hash;
    let keep = if is_current { "public, max-age=31536000, immutable" } else { "no-cache" };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}
