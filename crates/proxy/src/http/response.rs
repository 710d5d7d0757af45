//! Reads the head of a target's answer.

use httparse::Header;

use super::body::{Framing, framing};
use super::name::{Connection, Name, sort};
use super::request::Room;

/// An answer that may pass.
#[derive(Debug)]
pub(crate) struct Response<'a> {
    pub(crate) status: u16,
    pub(crate) reason: &'a str,
    pub(crate) headers: &'a [Header<'a>],
    /// What follows this head.
    pub(crate) framing: Framing,
    pub(crate) connection: Connection,
    is_11: bool,
}

/// An answer that is none, or could be read in two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Garbage;

impl<'a> Response<'a> {
    /// Reads a whole head. `to_head`: the request was a HEAD.
    pub(crate) fn read(head: &'a [u8], room: &'a mut Room<'a>, to_head: bool) -> Result<Self, Garbage> {
        let mut parsed = httparse::Response::new(&mut []);
        let parser = httparse::ParserConfig::default();
        if !matches!(
            parser.parse_response_with_uninit_headers(&mut parsed, head, room),
            Ok(httparse::Status::Complete(_))
        ) {
            return Err(Garbage);
        }
        let (Some(status @ 100..), Some(version)) = (parsed.code, parsed.version) else {
            return Err(Garbage);
        };
        let headers: &'a [Header<'a>] = parsed.headers;
        let said = framing(headers).map_err(|_| Garbage)?;
        let mut connection = Connection::default();
        for header in headers.iter().filter(|header| sort(header.name) == Name::Connection) {
            connection.read(header.value);
        }
        // RFC 9112, section 6.3.
        let framing = match status {
            _ if to_head => Framing::Empty,
            100..=199 | 204 | 304 => Framing::Empty,
            _ => said.unwrap_or(Framing::UntilClose),
        };
        let reason = parsed.reason.unwrap_or_default();
        Ok(Self { status, reason, headers, framing, connection, is_11: version == 1 })
    }

    /// Whether the target takes another request on this connection.
    pub(crate) fn keeps_alive(&self) -> bool {
        let open = !self.connection.close && (self.is_11 || self.connection.keep_alive);
        open && self.framing != Framing::UntilClose
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::room;
    use super::*;

    fn read(head: &str, to_head: bool) -> Result<(u16, Framing, bool), Garbage> {
        let mut room = room();
        let answer = Response::read(head.as_bytes(), &mut room, to_head)?;
        Ok((answer.status, answer.framing, answer.keeps_alive()))
    }

    #[test]
    fn answers_have_the_body_that_their_head_says() {
        let cases = [
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", false, (200, Framing::Length(3), true)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true, (200, Framing::Empty, true)),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, (200, Framing::Chunked, true)),
            ("HTTP/1.1 200 OK\r\n\r\n", false, (200, Framing::UntilClose, false)),
            ("HTTP/1.1 304 \r\nContent-Length: 3\r\n\r\n", false, (304, Framing::Empty, true)),
            ("HTTP/1.1 204 No Content\r\n\r\n", false, (204, Framing::Empty, true)),
            ("HTTP/1.1 100 Continue\r\n\r\n", false, (100, Framing::Empty, true)),
            ("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n", false, (200, Framing::Length(3), false)),
            (
                "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\n",
                false,
                (200, Framing::Length(3), true),
            ),
            (
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
                false,
                (200, Framing::Length(0), false),
            ),
        ];
        for (head, to_head, expected) in cases {
            assert_eq!(read(head, to_head), Ok(expected), "{head:?}");
        }
    }

    #[test]
    fn garbage_is_refused() {
        for head in [
            "SSH-2.0-x\r\n\r\n",
            "HTTP/1.1 99 No\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA b\r\n\r\n",
            "HTTP/2 200\r\n\r\n",
        ] {
            assert_eq!(read(head, false), Err(Garbage), "{head:?}");
        }
    }
}
