//! Answers that the proxy gives itself.

use super::rewrite::put_number;

/// How an answer of our own goes out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner<'a> {
    /// The value of `Date`.
    pub(crate) date: &'a str,
    /// The connection stays open.
    pub(crate) keep: bool,
    /// The request was a HEAD: the body is left out.
    pub(crate) to_head: bool,
}

/// An answer of our own.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// More headers, as lines.
    pub(crate) headers: String,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The page for a status, in the manner of Application Load Balancers.
    pub(crate) fn page(status: u16) -> Self {
        let title = format!("{status} {}", reason(status));
        let body = format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
        );
        Self { status, headers: String::new(), content_type: "text/html".into(), body: body.into() }
    }

    /// Appends the answer.
    pub(crate) fn write(&self, manner: Manner<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"HTTP/1.1 ");
        put_number(out, u64::from(self.status));
        for part in [" ", reason(self.status), "\r\nDate: ", manner.date, "\r\n", &self.headers] {
            out.extend_from_slice(part.as_bytes());
        }
        if !self.content_type.is_empty() {
            for part in ["Content-Type: ", &self.content_type, "\r\n"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
        // RFC 9110, section 15.3.5: there is no body, and no length of one.
        let bodiless = self.status == 204;
        if !bodiless {
            out.extend_from_slice(b"Content-Length: ");
            put_number(out, self.body.len() as u64);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(if manner.keep {
            b"Connection: keep-alive\r\n\r\n"
        } else {
            b"Connection: close\r\n\r\n"
        });
        if !manner.to_head && !bodiless {
            out.extend_from_slice(&self.body);
        }
    }
}

/// The words beside a status.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Time-out",
        410 => "Gone",
        413 => "Payload Too Large",
        414 => "Request-URI Too Large",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        463 => "Too Many Forwarded Addresses",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Temporarily Unavailable",
        504 => "Gateway Time-out",
        505 => "HTTP Version Not Supported",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_small_and_whole() {
        let mut out = Vec::new();
        Answer::page(503).write(Manner { date: "D", keep: false, to_head: false }, &mut out);
        let text = String::from_utf8(out).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(
            "HTTP/1.1 503 Service Temporarily Unavailable\r\nDate: D\r\nContent-Type: text/html\r\n"
        ));
        assert!(head.contains(&format!("Content-Length: {}\r\nConnection: close", body.len())));
        assert!(body.contains("<title>503 Service Temporarily Unavailable</title>"));
    }

    #[test]
    fn a_head_gets_no_body() {
        let mut out = Vec::new();
        Answer::page(404).write(Manner { date: "D", keep: true, to_head: true }, &mut out);
        assert!(out.ends_with(b"\r\n\r\n"));
    }
}
