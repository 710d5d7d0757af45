//! Answers that the proxy gives itself.

use bytes::Bytes;
use hyper::ext::ReasonPhrase;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{Response, StatusCode};

/// An answer of our own.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) location: Option<HeaderValue>,
    pub(crate) content_type: Option<HeaderValue>,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The page for a status, in the manner of Application Load Balancers.
    pub(crate) fn page(status: StatusCode) -> Self {
        let title = format!("{} {}", status.as_str(), reason(status));
        let body = format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
        );
        let content_type = Some(HeaderValue::from_static("text/html"));
        Self { status, location: None, content_type, body: body.into() }
    }

    /// With its head.
    pub(crate) fn response(self) -> Response<Bytes> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        let words = reason(self.status);
        if Some(words) != self.status.canonical_reason() {
            response.extensions_mut().insert(ReasonPhrase::from_static(words.as_bytes()));
        }
        let headers = response.headers_mut();
        if let Some(location) = self.location {
            headers.insert(LOCATION, location);
        }
        if let Some(content_type) = self.content_type {
            headers.insert(CONTENT_TYPE, content_type);
        }
        response
    }
}

/// An answer as it goes out. `to_head`: the request was a HEAD, which is told the length of what it does not get.
pub(crate) fn fit(mut response: Response<Bytes>, to_head: bool) -> Response<Bytes> {
    let bodiless = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if to_head || bodiless {
        let body = std::mem::take(response.body_mut());
        if !bodiless {
            response.headers_mut().insert(CONTENT_LENGTH, body.len().into());
        }
    }
    response
}

/// The words beside a status: those of Application Load Balancers where they are not the usual ones.
fn reason(status: StatusCode) -> &'static str {
    match status.as_u16() {
        408 => "Request Time-out",
        414 => "Request-URI Too Large",
        463 => "Too Many Forwarded Addresses",
        503 => "Service Temporarily Unavailable",
        504 => "Gateway Time-out",
        _ => status.canonical_reason().unwrap_or("Unknown"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_small_and_whole() {
        let answer = Answer::page(StatusCode::SERVICE_UNAVAILABLE);
        let response = fit(answer.clone().response(), false);
        assert_eq!(response.headers()["content-type"], "text/html");
        let page = String::from_utf8(response.body().to_vec()).unwrap();
        assert!(page.contains("<title>503 Service Temporarily Unavailable</title>"));
        let to_head = fit(answer.response(), true);
        assert_eq!(to_head.headers()["content-length"], page.len().to_string());
        assert!(to_head.body().is_empty());
    }
}
