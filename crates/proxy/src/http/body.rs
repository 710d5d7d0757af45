//! How long a body is, and moving it from one connection's bytes to another's.

use bytes::{Buf, BytesMut};

use super::chunked::{BadChunk, Chunks, Step};
use super::name::{Name, sort};
use crate::limits::BACKLOG_MAX;

/// How a body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none, and nothing says so.
    Empty,
    /// So many bytes.
    Length(u64),
    Chunked,
    /// All until the connection ends; only answers may.
    UntilClose,
}

/// A body whose length can be read in two ways, or in none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ambiguous;

/// Reads the framing that headers give; `None` when they say nothing.
///
/// `Content-Length` beside `Transfer-Encoding`, more than one of either, a coding other than `chunked`, and
/// anything but digits are refused: another reader could find another end (RFC 9112, section 6.3 and 11.2).
pub(crate) fn framing(headers: &[httparse::Header<'_>]) -> Result<Option<Framing>, Ambiguous> {
    let mut found = None;
    for header in headers {
        let one = match sort(header.name) {
            Name::ContentLength => Framing::Length(length(header.value).ok_or(Ambiguous)?),
            Name::TransferEncoding if header.value.eq_ignore_ascii_case(b"chunked") => Framing::Chunked,
            Name::TransferEncoding => return Err(Ambiguous),
            _ => continue,
        };
        if found.replace(one).is_some() {
            return Err(Ambiguous);
        }
    }
    Ok(found)
}

fn length(value: &[u8]) -> Option<u64> {
    // Nineteen digits always fit.
    if value.is_empty() || value.len() > 19 || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    value.iter().try_fold(0u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
}

/// A body on its way. It takes bytes from what was read on one side and appends them to what is to be written
/// on the other, in the framing of that side.
#[derive(Debug)]
pub(crate) struct Transfer {
    from: From,
    /// Whether the other side gets chunks.
    chunks: bool,
    done: bool,
}

#[derive(Debug)]
enum From {
    Length(u64),
    Chunked(Chunks),
    UntilClose,
}

impl Transfer {
    pub(crate) fn new(framing: Framing, chunks: bool) -> Self {
        let (from, done) = match framing {
            Framing::Empty | Framing::Length(0) => (From::Length(0), true),
            Framing::Length(bytes) => (From::Length(bytes), false),
            Framing::Chunked => (From::Chunked(Chunks::default()), false),
            Framing::UntilClose => (From::UntilClose, false),
        };
        Self { from, chunks, done }
    }

    /// Whether the whole body has been moved.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// Moves what there is, up to [`BACKLOG_MAX`] bytes that wait to be written.
    pub(crate) fn run(&mut self, input: &mut BytesMut, output: &mut Vec<u8>) -> Result<(), BadChunk> {
        while !self.done && !input.is_empty() && output.len() < BACKLOG_MAX {
            match &mut self.from {
                From::Length(left) => {
                    let some = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                    put(self.chunks, &input[..some], output);
                    input.advance(some);
                    *left -= some as u64;
                    self.done = *left == 0;
                }
                From::UntilClose => {
                    put(self.chunks, input, output);
                    input.clear();
                }
                From::Chunked(chunks) => match chunks.step(input)? {
                    Step::Skip(bytes) => input.advance(bytes),
                    Step::Data(bytes) => {
                        put(self.chunks, &input[..bytes], output);
                        input.advance(bytes);
                    }
                    Step::End(bytes) => {
                        input.advance(bytes);
                        self.done = true;
                    }
                },
            }
            if self.done {
                self.end(output);
            }
        }
        Ok(())
    }

    /// Nothing more comes. False when the body is not whole.
    pub(crate) fn ended(&mut self, output: &mut Vec<u8>) -> bool {
        if !self.done && matches!(self.from, From::UntilClose) {
            self.done = true;
            self.end(output);
        }
        self.done
    }

    fn end(&self, output: &mut Vec<u8>) {
        if self.chunks {
            output.extend_from_slice(b"0\r\n\r\n");
        }
    }
}

fn put(chunks: bool, data: &[u8], output: &mut Vec<u8>) {
    if !chunks {
        output.extend_from_slice(data);
        return;
    }
    if data.is_empty() {
        return;
    }
    let digits = (usize::BITS - data.len().leading_zeros()).div_ceil(4);
    for place in (0..digits).rev() {
        output.push(b"0123456789abcdef"[(data.len() >> (place * 4)) & 15]);
    }
    output.extend_from_slice(b"\r\n");
    output.extend_from_slice(data);
    output.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &'static str, value: &'static str) -> httparse::Header<'static> {
        httparse::Header { name, value: value.as_bytes() }
    }

    #[test]
    fn a_body_has_one_length_or_is_refused() {
        type Case = (&'static [(&'static str, &'static str)], Result<Option<Framing>, Ambiguous>);
        let cases: [Case; 14] = [
            (&[], Ok(None)),
            (&[("content-length", "0")], Ok(Some(Framing::Length(0)))),
            (&[("Content-Length", "42")], Ok(Some(Framing::Length(42)))),
            (&[("Transfer-Encoding", "Chunked")], Ok(Some(Framing::Chunked))),
            (&[("content-length", "4"), ("content-length", "4")], Err(Ambiguous)),
            (&[("content-length", "4"), ("transfer-encoding", "chunked")], Err(Ambiguous)),
            (&[("transfer-encoding", "chunked"), ("content-length", "4")], Err(Ambiguous)),
            (&[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")], Err(Ambiguous)),
            (&[("transfer-encoding", "gzip, chunked")], Err(Ambiguous)),
            (&[("transfer-encoding", "identity")], Err(Ambiguous)),
            (&[("content-length", "+4")], Err(Ambiguous)),
            (&[("content-length", "4, 4")], Err(Ambiguous)),
            (&[("content-length", "")], Err(Ambiguous)),
            (&[("content-length", "99999999999999999999")], Err(Ambiguous)),
        ];
        for (headers, expected) in cases {
            let headers: Vec<_> = headers.iter().map(|(name, value)| header(name, value)).collect();
            assert_eq!(framing(&headers), expected, "{headers:?}");
        }
    }

    /// Moves a text in pieces of some size, and tells what came out and what was left.
    fn moved(framing: Framing, chunks: bool, text: &str, piece: usize) -> (String, String, bool) {
        let mut transfer = Transfer::new(framing, chunks);
        let (mut input, mut output) = (BytesMut::new(), Vec::new());
        for part in text.as_bytes().chunks(piece) {
            input.extend_from_slice(part);
            transfer.run(&mut input, &mut output).unwrap();
        }
        let whole = transfer.ended(&mut output);
        (String::from_utf8(output).unwrap(), String::from_utf8(input.to_vec()).unwrap(), whole)
    }

    #[test]
    fn bodies_come_out_in_the_other_sides_framing() {
        let text = |it: &str| it.to_owned();
        assert_eq!(moved(Framing::Length(3), false, "abcde", 9), (text("abc"), text("de"), true));
        assert_eq!(
            moved(Framing::Length(3), true, "abcde", 9),
            (text("3\r\nabc\r\n0\r\n\r\n"), text("de"), true)
        );
        assert_eq!(moved(Framing::Length(3), false, "ab", 1), (text("ab"), text(""), false));
        assert_eq!(moved(Framing::UntilClose, false, "ab", 1), (text("ab"), text(""), true));
        assert_eq!(
            moved(Framing::UntilClose, true, "abc", 3),
            (text("3\r\nabc\r\n0\r\n\r\n"), text(""), true)
        );
        assert_eq!(moved(Framing::Empty, false, "ab", 1), (text(""), text("ab"), true));
        let chunked = "5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: a\r\n\r\nNEXT";
        for piece in [1, 2, 3, 7, 100] {
            assert_eq!(moved(Framing::Chunked, false, chunked, piece), (text("hello!"), text("NEXT"), true));
        }
        let at_once = moved(Framing::Chunked, true, chunked, 100).0;
        assert_eq!(at_once, "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n");
    }

    #[test]
    fn sizes_of_chunks_are_written_as_they_are() {
        for size in [1, 15, 16, 255, 256, 65_535, 65_536] {
            let mut output = Vec::new();
            put(true, &vec![b'x'; size], &mut output);
            assert!(output.starts_with(format!("{size:x}\r\n").as_bytes()), "{size}");
        }
    }

    #[test]
    fn what_waits_to_be_written_is_bounded() {
        let mut transfer = Transfer::new(Framing::Length(1 << 30), false);
        let (mut input, mut output) = (BytesMut::zeroed(BACKLOG_MAX), Vec::new());
        transfer.run(&mut input, &mut output).unwrap();
        input.extend_from_slice(b"more");
        transfer.run(&mut input, &mut output).unwrap();
        assert_eq!((input.len(), output.len()), (4, BACKLOG_MAX));
    }
}
