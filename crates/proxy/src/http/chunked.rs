//! Reads chunked bodies, strictly: lines end in CRLF, sizes are plain hexadecimal, and nothing is unbounded.

use crate::limits::TRAILERS_MAX;

/// Where a chunked body is.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    at: At,
}

#[derive(Debug)]
enum At {
    /// In the line with the size: the size so far, its digits, and the bytes of its extension.
    Size {
        size: u64,
        digits: u8,
        extension: Option<usize>,
    },
    /// After the CR of that line.
    SizeEnd(u64),
    Data(u64),
    /// After the data, before its CR.
    DataEnd,
    /// After that CR.
    DataEndLf,
    /// In what follows the last chunk: bytes of this line, and of all.
    Trailer {
        line: usize,
        all: usize,
    },
    /// After the CR of such a line.
    TrailerEnd {
        empty: bool,
        all: usize,
    },
}

impl Default for At {
    fn default() -> Self {
        Self::Size { size: 0, digits: 0, extension: None }
    }
}

/// What the next bytes are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// So many bytes of framing.
    Skip(usize),
    /// So many bytes of the body.
    Data(usize),
    /// So many bytes of framing, and the body is over.
    End(usize),
}

/// A chunked body that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadChunk;

impl Chunks {
    /// Looks at bytes, of which there is at least one.
    pub(crate) fn step(&mut self, input: &[u8]) -> Result<Step, BadChunk> {
        for (place, byte) in input.iter().enumerate() {
            if let At::Data(left) = &mut self.at {
                if place > 0 {
                    return Ok(Step::Skip(place));
                }
                let some = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= some as u64;
                if *left == 0 {
                    self.at = At::DataEnd;
                }
                return Ok(Step::Data(some));
            }
            if self.framing(*byte)? {
                return Ok(Step::End(place + 1));
            }
        }
        Ok(Step::Skip(input.len()))
    }

    /// Takes a byte of framing; true when it was the last.
    fn framing(&mut self, byte: u8) -> Result<bool, BadChunk> {
        self.at = match (&self.at, byte) {
            (At::Size { size, digits: 1.., .. }, b'\r') => At::SizeEnd(*size),
            (At::Size { size, digits: digits @ 1.., extension: None }, b';' | b' ' | b'\t') => {
                At::Size { size: *size, digits: *digits, extension: Some(0) }
            }
            (At::Size { size, digits, extension: Some(bytes) }, _) => {
                let bytes = bytes + 1;
                if is_control(byte) || bytes > TRAILERS_MAX {
                    return Err(BadChunk);
                }
                At::Size { size: *size, digits: *digits, extension: Some(bytes) }
            }
            // Fifteen digits always fit.
            (At::Size { size, digits: digits @ ..15, extension: None }, _) => {
                let digit = char::from(byte).to_digit(16).ok_or(BadChunk)?;
                At::Size { size: size * 16 + u64::from(digit), digits: digits + 1, extension: None }
            }
            (At::SizeEnd(0), b'\n') => At::Trailer { line: 0, all: 0 },
            (At::SizeEnd(size), b'\n') => At::Data(*size),
            (At::DataEnd, b'\r') => At::DataEndLf,
            (At::DataEndLf, b'\n') => At::default(),
            (At::Trailer { line, all }, b'\r') => At::TrailerEnd { empty: *line == 0, all: *all },
            (At::Trailer { line, all }, _) if !is_control(byte) && *all < TRAILERS_MAX => {
                At::Trailer { line: line + 1, all: all + 1 }
            }
            (At::TrailerEnd { empty: true, .. }, b'\n') => return Ok(true),
            (At::TrailerEnd { empty: false, all }, b'\n') => At::Trailer { line: 0, all: *all },
            _ => return Err(BadChunk),
        };
        Ok(false)
    }
}

fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a text in pieces; the body, and whether it ended.
    fn read(text: &[u8], piece: usize) -> Result<(Vec<u8>, bool), BadChunk> {
        let (mut chunks, mut body) = (Chunks::default(), Vec::new());
        for mut part in text.chunks(piece) {
            while !part.is_empty() {
                match chunks.step(part)? {
                    Step::Skip(bytes) => part = &part[bytes..],
                    Step::Data(bytes) => {
                        body.extend_from_slice(&part[..bytes]);
                        part = &part[bytes..];
                    }
                    Step::End(_) => return Ok((body, true)),
                }
            }
        }
        Ok((body, false))
    }

    #[test]
    fn bodies_are_read_however_they_come() {
        let cases: [(&str, &str, bool); 6] = [
            ("0\r\n\r\n", "", true),
            ("3\r\nabc\r\n0\r\n\r\n", "abc", true),
            ("A\r\n0123456789\r\n00\r\n\r\n", "0123456789", true),
            ("1;name=\"value\"\r\na\r\n0;x\r\n\r\n", "a", true),
            ("1\r\na\r\n0\r\nChecksum: 1\r\nOther: 2\r\n\r\n", "a", true),
            ("5\r\nab", "ab", false),
        ];
        for (text, body, whole) in cases {
            for piece in [1, 2, 5, 1000] {
                assert_eq!(read(text.as_bytes(), piece), Ok((body.into(), whole)), "{text:?} by {piece}");
            }
        }
    }

    #[test]
    fn what_is_not_strictly_chunked_is_refused() {
        let long_extension = format!("1;{}\r\n", "x".repeat(TRAILERS_MAX + 1));
        let long_trailer = format!("0\r\n{}\r\n\r\n", "x".repeat(TRAILERS_MAX + 1));
        let cases = [
            "\r\n",
            "g\r\n",
            "-1\r\n",
            "+1\r\n",
            "0x1\r\n",
            " 1\r\n",
            "1\n",
            "1\r\r",
            "1\r\nab",
            "1\r\na\n",
            "1\r\na\rb",
            "1;\n\r\n",
            "1;a\0\r\n",
            "0\r\nA: b\n\r\n",
            "0\r\n\n",
            "0000000000000001\r\n",
            "ffffffffffffffffff\r\n",
            &long_extension,
            &long_trailer,
        ];
        for text in cases {
            for piece in [1, 1000] {
                assert_eq!(read(text.as_bytes(), piece), Err(BadChunk), "{text:?} by {piece}");
            }
        }
    }
}
