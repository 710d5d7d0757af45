//! Small pages: HTML for browsers, a sentence for others. Pure.

use bytes::Bytes;
use hyper::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION,
    REFERRER_POLICY, RETRY_AFTER,
};
use hyper::{Response, StatusCode};

/// After so many seconds it makes sense to ask again; a browser does so by itself.
const RETRY_AFTER_SECONDS: u32 = 5;

/// Whether the client is one that shows pages.
pub(super) fn is_browser(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
    accepted.any(|accept| accept.to_ascii_lowercase().contains("text/html"))
}

/// A page with a heading and a sentence. `again`: the client should ask once more in a while.
pub(super) fn page(
    headers: &HeaderMap,
    status: StatusCode,
    heading: &str,
    sentence: &str,
    again: bool,
) -> Response<Bytes> {
    let (content_type, body) = if is_browser(headers) {
        let refresh = if again {
            format!("<meta http-equiv=\"refresh\" content=\"{RETRY_AFTER_SECONDS}\">\n")
        } else {
            String::new()
        };
        ("text/html; charset=utf-8", html(&escape(heading), &escape(sentence), &refresh))
    } else {
        ("text/plain; charset=utf-8", format!("{heading}: {sentence}\n"))
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let answer = response.headers_mut();
    answer.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
    answer.insert(CONTENT_SECURITY_POLICY, policy);
    if again {
        answer.insert(RETRY_AFTER, RETRY_AFTER_SECONDS.into());
    }
    response
}

/// Sends the client elsewhere, with a GET, whatever it asked. No other site hears where it came from: addresses may hold
/// passes.
pub(super) fn elsewhere(location: HeaderValue) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn html(heading: &str, sentence: &str, refresh: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n{refresh}<title>{heading}</title>\n\
         <style>body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 20vh auto; padding: 0 1rem }}\
         p {{ white-space: pre-line; overflow-wrap: anywhere }}</style>\n\
         <h1>{heading}</h1>\n<p>{sentence}</p>\n</html>\n"
    )
}

/// A text as HTML shows it.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(accept: &'static str, again: bool) -> Response<Bytes> {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
        page(&headers, StatusCode::SERVICE_UNAVAILABLE, "It failed", "<script>'x' & \"y\"</script>", again)
    }

    #[test]
    fn browsers_get_a_page_that_cannot_be_written_into() {
        let response = shown("application/xml;q=0.9, Text/HTML", true);
        let text = str::from_utf8(response.body()).unwrap();
        assert!(
            text.contains("<p>&lt;script&gt;&#39;x&#39; &amp; &quot;y&quot;&lt;/script&gt;</p>"),
            "{text}"
        );
        assert!(text.contains("<meta http-equiv=\"refresh\" content=\"5\">"));
        assert_eq!(response.headers()["retry-after"], "5");
        assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
        let once = shown("text/html", false);
        assert!(!str::from_utf8(once.body()).unwrap().contains("refresh"));
        assert!(!once.headers().contains_key("retry-after"));
    }

    #[test]
    fn others_get_a_sentence() {
        let response = shown("*/*", true);
        assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
        assert_eq!(response.body(), "It failed: <script>'x' & \"y\"</script>\n");
    }
}
