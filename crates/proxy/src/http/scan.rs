//! Finds the end of a head while it comes in, and holds its lines to their limits.

use memchr::memchr_iter;

/// How far a head has been looked at.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    seen: usize,
    line: usize,
    lines: usize,
}

/// Why a head is refused before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bad {
    /// A line that does not end in CRLF, or none at all before the end of the head.
    Line,
    /// The first line is too long.
    FirstLineTooLong,
    /// Another line, or the whole, is too long.
    TooLong,
}

impl Scan {
    /// Looks at what has come since the last time. `Some` is the length of the head with its empty line.
    pub(crate) fn run(
        &mut self,
        input: &[u8],
        line_max: usize,
        head_max: usize,
    ) -> Result<Option<usize>, Bad> {
        // No message begins so; a client that speaks TLS to a plain port need not wait until its time is over.
        if input.first().is_some_and(|byte| !byte.is_ascii_graphic() && *byte != b'\r' && *byte != b'\n') {
            return Err(Bad::Line);
        }
        let fresh = input.get(self.seen..).unwrap_or_default();
        for found in memchr_iter(b'\n', fresh) {
            let end = self.seen + found;
            if end == self.line || input[end - 1] != b'\r' {
                return Err(Bad::Line);
            }
            let length = end - 1 - self.line;
            if length == 0 {
                return if self.lines == 0 { Err(Bad::Line) } else { Self::whole(end + 1, head_max) };
            }
            self.long(length, line_max)?;
            self.line = end + 1;
            self.lines += 1;
        }
        self.seen = input.len();
        self.long(input.len() - self.line, line_max)?;
        Self::whole(input.len(), head_max).map(|_| None)
    }

    fn long(&self, length: usize, max: usize) -> Result<(), Bad> {
        match (length > max, self.lines) {
            (false, _) => Ok(()),
            (true, 0) => Err(Bad::FirstLineTooLong),
            (true, _) => Err(Bad::TooLong),
        }
    }

    fn whole(length: usize, max: usize) -> Result<Option<usize>, Bad> {
        if length > max { Err(Bad::TooLong) } else { Ok(Some(length)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds a text byte by byte.
    fn slowly(text: &str, line: usize, head: usize) -> Result<Option<usize>, Bad> {
        let mut scan = Scan::default();
        for end in 1..text.len() {
            if let found @ Some(_) = scan.run(&text.as_bytes()[..end], line, head)? {
                return Ok(found);
            }
        }
        scan.run(text.as_bytes(), line, head)
    }

    #[test]
    fn the_end_is_found_however_the_bytes_come() {
        let cases = [
            ("GET / HTTP/1.1\r\nA: b\r\n\r\nbody", Ok(Some(24))),
            ("GET / HTTP/1.1\r\nA: b\r\n", Ok(None)),
            ("GET / HTTP/1.1\r\n\r\n", Ok(Some(18))),
            ("", Ok(None)),
            ("\r\n", Err(Bad::Line)),
            ("\n", Err(Bad::Line)),
            ("\u{16}\u{3}", Err(Bad::Line)),
            ("GET / HTTP/1.1\nA: b\r\n\r\n", Err(Bad::Line)),
            ("GET / HTTP/1.1\r\nA: b\n\r\n", Err(Bad::Line)),
            ("GET / HTTP/1.1\r\nA: b\r\n\n", Err(Bad::Line)),
            ("0123456789012345678\r\n\r\n", Err(Bad::FirstLineTooLong)),
            ("0123456789012345678", Err(Bad::FirstLineTooLong)),
            ("a\r\n0123456789012345678", Err(Bad::TooLong)),
            ("a\r\n0123456789\r\n0123456789\r\n\r\n", Err(Bad::TooLong)),
            ("a\r\n0123456789\r\n012345\r\n\r\n", Ok(Some(25))),
        ];
        for (text, expected) in cases {
            assert_eq!(Scan::default().run(text.as_bytes(), 18, 25), expected, "{text:?} at once");
            assert_eq!(slowly(text, 18, 25), expected, "{text:?} byte by byte");
        }
    }
}
