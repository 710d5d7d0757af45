//! Answers in GitHub's shape: documents, pages with their links, ETags, refusals.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, LINK, SERVER};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What every answer says of who gives it.
const NAME: &str = "longshore-hub (local stand-in for GitHub)";
/// Things on a page unless asked otherwise, and the most: GitHub's own numbers.
const PER_PAGE: usize = 30;
const PER_PAGE_LIMIT: usize = 100;

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    body: Vec<u8>,
    link: Option<String>,
}

/// A refusal is an answer, too.
pub(super) type Answered = Result<Answer, Answer>;

impl Answer {
    pub(super) fn json(status: StatusCode, document: &Value) -> Self {
        Self { status, body: document.to_string().into_bytes(), link: None }
    }

    pub(super) fn ok(document: &Value) -> Self {
        Self::json(StatusCode::OK, document)
    }

    pub(super) fn created(document: &Value) -> Self {
        Self::json(StatusCode::CREATED, document)
    }

    pub(super) fn refused(status: StatusCode, message: &str) -> Self {
        Self::json(status, &json!({"message": message, "status": status.as_str()}))
    }

    pub(super) fn not_found() -> Self {
        Self::refused(StatusCode::NOT_FOUND, "Not Found")
    }

    /// A member of the document is not what it should be.
    pub(super) fn invalid(message: &str) -> Self {
        Self::refused(StatusCode::UNPROCESSABLE_ENTITY, &format!("Validation Failed: {message}"))
    }

    /// A document that the client has already is not sent again. Only what is asked for has an ETag.
    pub(super) fn into_response(self, if_none_match: Option<&str>) -> Response<Full<Bytes>> {
        let Self { mut status, mut body, link } = self;
        let mut headers = HeaderMap::new();
        headers.insert(SERVER, HeaderValue::from_static(NAME));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        headers.extend(link.as_deref().and_then(|link| Some((LINK, HeaderValue::from_str(link).ok()?))));
        if status == StatusCode::OK {
            let digest = Sha256::new().chain_update(&body).chain_update(link.unwrap_or_default()).finalize();
            let digest = hex::encode(digest);
            headers.extend(HeaderValue::from_str(&format!("W/\"{digest}\"")).ok().map(|tag| (ETAG, tag)));
            let mut known = if_none_match.unwrap_or_default().split(',').map(str::trim);
            if known.any(|tag| tag == "*" || tag.trim_start_matches("W/").trim_matches('"') == digest) {
                status = StatusCode::NOT_MODIFIED;
                body.clear();
            }
        }
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

impl From<anyhow::Error> for Answer {
    fn from(error: anyhow::Error) -> Self {
        tracing::warn!("the stand-in for GitHub: {error:#}");
        Self::refused(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error:#}"))
    }
}

/// A page of a list, with links to the others as GitHub writes them
/// (<https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api>). `address` has no query.
pub(super) fn page(items: &[Value], address: &str, query: &[(String, String)]) -> Answer {
    let number =
        |name: &str| Some(query.iter().find(|(key, _)| key == name)?.1.parse::<usize>().ok()?.max(1));
    let per_page = number("per_page").unwrap_or(PER_PAGE).min(PER_PAGE_LIMIT);
    let page = number("page").unwrap_or(1);
    let last = items.len().div_ceil(per_page).max(1);
    let shown: Vec<&Value> = items.iter().skip((page - 1).saturating_mul(per_page)).take(per_page).collect();
    let link = |to: usize, relation: &str| {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(query.iter().filter(|(key, _)| key != "page"));
        let query = form.append_pair("page", &to.to_string()).finish();
        format!("<{address}?{query}>; rel=\"{relation}\"")
    };
    let mut links = Vec::new();
    if page > 1 {
        links.push(link((page - 1).min(last), "prev"));
    }
    if page < last {
        links.push(link(page + 1, "next"));
        links.push(link(last, "last"));
    }
    if page > 1 {
        links.push(link(1, "first"));
    }
    let link = (!links.is_empty()).then(|| links.join(", "));
    Answer { link, ..Answer::ok(&json!(shown)) }
}

/// A header's text.
pub(super) fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(ToOwned::to_owned)
}
