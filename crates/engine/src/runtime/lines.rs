//! Bytes of a container's output become lines, for every runtime in the same way.

use super::LINE_LIMIT_BYTES;

/// Cuts one stream of bytes into lines.
///
/// A line ends at `\n` or `\r\n`; the last one may have no end. A line longer than [`LINE_LIMIT_BYTES`] becomes
/// several of at most that many bytes, cut between characters. Invalid UTF-8 is replaced. What waits for its line end
/// is never longer than a line may be.
#[derive(Debug, Default)]
pub struct LineSplitter {
    waiting: Vec<u8>,
}

impl LineSplitter {
    /// A splitter at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes and adds the lines that they complete.
    pub fn push(&mut self, chunk: &[u8], lines: &mut Vec<String>) {
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            match part.strip_suffix(b"\n") {
                Some(end) => {
                    self.wait_for(end, lines);
                    if self.waiting.last() == Some(&b'\r') {
                        self.waiting.pop();
                    }
                    cut(&self.waiting, lines);
                    self.waiting.clear();
                }
                None => self.wait_for(part, lines),
            }
        }
    }

    /// The end of the stream: adds the line that had no end, if there is one.
    pub fn finish(&mut self, lines: &mut Vec<String>) {
        if !self.waiting.is_empty() {
            cut(&self.waiting, lines);
            self.waiting.clear();
        }
    }

    /// Keeps `part` until the line's end, handing out whole pieces of a line that is too long.
    fn wait_for(&mut self, mut part: &[u8], lines: &mut Vec<String>) {
        // One byte more than a line may have: it could be the `\r` of the line end.
        while self.waiting.len() + part.len() > LINE_LIMIT_BYTES + 1 {
            let (now, later) = part.split_at((LINE_LIMIT_BYTES + 1).saturating_sub(self.waiting.len()));
            self.waiting.extend_from_slice(now);
            part = later;
            let piece = whole_characters(&self.waiting);
            cut(&self.waiting[..piece], lines);
            self.waiting.drain(..piece);
        }
        self.waiting.extend_from_slice(part);
    }
}

/// How many of the first [`LINE_LIMIT_BYTES`] bytes can be cut off without cutting a character in two.
fn whole_characters(bytes: &[u8]) -> usize {
    let is_inside_a_character = |at: &usize| bytes[*at] & 0b1100_0000 == 0b1000_0000;
    (LINE_LIMIT_BYTES - 3..=LINE_LIMIT_BYTES)
        .rev()
        .find(|at| !is_inside_a_character(at))
        .unwrap_or(LINE_LIMIT_BYTES)
}

/// Adds a line as text, in pieces where it is too long: replacing an invalid byte takes three.
fn cut(line: &[u8], lines: &mut Vec<String>) {
    let text = String::from_utf8_lossy(line);
    let mut rest = text.as_ref();
    while rest.len() > LINE_LIMIT_BYTES {
        let (piece, later) = rest.split_at(rest.floor_char_boundary(LINE_LIMIT_BYTES));
        lines.push(piece.to_owned());
        rest = later;
    }
    lines.push(rest.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of `bytes`, given in chunks of every size that matters: all must give the same.
    fn split(bytes: &[u8]) -> Vec<String> {
        let by_chunk = |size: usize| {
            let (mut splitter, mut lines) = (LineSplitter::new(), Vec::new());
            for chunk in bytes.chunks(size) {
                splitter.push(chunk, &mut lines);
            }
            splitter.finish(&mut lines);
            lines
        };
        let whole = by_chunk(bytes.len().max(1));
        for size in [1, 2, 3, 7, 65_536, LINE_LIMIT_BYTES, LINE_LIMIT_BYTES + 1] {
            assert!(by_chunk(size) == whole, "chunks of {size} bytes give other lines");
        }
        whole
    }

    #[test]
    fn lines_end_at_line_feeds_and_lose_their_carriage_return() {
        assert_eq!(split(b"one\r\ntwo\n\n\r\nfive"), ["one", "two", "", "", "five"]);
        assert_eq!(split(b"progress 1%\rprogress 2%\r\r\n"), ["progress 1%\rprogress 2%\r"]);
        assert_eq!(split(b"ended\n"), ["ended"]);
        assert_eq!(split(b"\r"), ["\r"]);
        assert_eq!(split(b""), [""; 0]);
    }

    #[test]
    fn invalid_bytes_are_replaced() {
        assert_eq!(split(b"a\xffb\nc\xe2\x82"), ["a\u{fffd}b", "c\u{fffd}"]);
        assert_eq!(split("größer\n".as_bytes()), ["größer"]);
    }

    #[test]
    fn a_line_of_the_limit_stays_whole_and_a_longer_one_is_cut() {
        let full = "x".repeat(LINE_LIMIT_BYTES);
        assert_eq!(split(format!("{full}\r\nnext\n").as_bytes()), [full.as_str(), "next"]);
        assert_eq!(split(format!("{full}y\n").as_bytes()), [full.as_str(), "y"]);
        assert_eq!(split(format!("{full}{full}{full}yz").as_bytes()), [&full, &full, &full, "yz"]);
    }

    #[test]
    fn a_cut_is_between_characters() {
        let line = format!("x{}", "é".repeat(LINE_LIMIT_BYTES));
        let pieces = split(line.as_bytes());
        assert!(pieces.iter().all(|piece| piece.len() <= LINE_LIMIT_BYTES && !piece.contains('\u{fffd}')));
        assert!(pieces.concat() == line);
    }

    #[test]
    fn replacing_bytes_makes_no_line_too_long() {
        let pieces = split(&vec![0xff; LINE_LIMIT_BYTES]);
        assert!(pieces.iter().all(|piece| piece.len() <= LINE_LIMIT_BYTES));
        assert_eq!(pieces.concat().chars().count(), LINE_LIMIT_BYTES);
    }
}
