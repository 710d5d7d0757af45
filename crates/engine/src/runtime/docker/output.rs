//! A container's log as Docker gives it becomes numbered lines.

use bollard::container::LogOutput;

use crate::runtime::LogLine;
use crate::runtime::lines::LineSplitter;

/// Docker cuts a longer line into messages of this many bytes, each with a time of its own.
const MESSAGE_LIMIT_BYTES: usize = 16 * 1024;

/// What was read of a log so far.
#[derive(Debug, Default)]
pub(super) struct Output {
    stdout: LineSplitter,
    stderr: LineSplitter,
    at_ms: i64,
    number: u64,
    /// Lines before this one are known already.
    first: u64,
    lines: Vec<LogLine>,
    last_frame: Option<LogOutput>,
}

impl Output {
    /// Reads from a log's start, and leaves out its first lines.
    pub(super) fn after(lines_known: u64) -> Self {
        Self { first: lines_known, ..Self::default() }
    }

    /// The first line that was not handed out.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// Takes the next piece of the log: a message of one stream, or a line of a terminal.
    pub(super) fn push(&mut self, frame: LogOutput) {
        match &frame {
            LogOutput::StdErr { message } => self.message(message, |output| &mut output.stderr),
            LogOutput::StdOut { message } | LogOutput::StdIn { message } => {
                self.message(message, |output| &mut output.stdout);
            }
            LogOutput::Console { message } => {
                let mut rest = &message[..];
                while !rest.is_empty() {
                    let begin = rest.len() - self.stamp(rest).len();
                    let (message, later) = rest.split_at(rest.len().min(begin + MESSAGE_LIMIT_BYTES));
                    self.message(message, |output| &mut output.stdout);
                    rest = later;
                }
            }
        }
        self.last_frame = Some(frame);
    }

    /// Takes what follows the last piece in the log's last ones, at most `limit`; false when it is not among them.
    pub(super) fn push_rest(&mut self, tail: &[LogOutput], limit: usize) -> bool {
        let after_last = match &self.last_frame {
            Some(last) => tail.iter().rposition(|frame| frame == last).map(|at| at + 1),
            None => (tail.len() < limit).then_some(0),
        };
        let Some(after_last) = after_last else { return false };
        tail[after_last..].iter().for_each(|frame| self.push(frame.clone()));
        true
    }

    /// The log has ended: a line without an end is a line.
    pub(super) fn finish(&mut self) {
        let mut texts = Vec::new();
        self.stdout.finish(&mut texts);
        self.stderr.finish(&mut texts);
        self.add(texts);
    }

    /// The lines since the last call.
    pub(super) fn take(&mut self) -> Vec<LogLine> {
        self.first = self.first.max(self.number);
        std::mem::take(&mut self.lines)
    }

    fn message(&mut self, message: &[u8], splitter: impl Fn(&mut Self) -> &mut LineSplitter) {
        let text = self.stamp(message);
        let mut texts = Vec::new();
        splitter(self).push(text, &mut texts);
        self.add(texts);
    }

    /// Reads the time that Docker puts before each message, and gives what follows it.
    fn stamp<'a>(&mut self, message: &'a [u8]) -> &'a [u8] {
        let Some(space) = message.iter().take(MESSAGE_LIMIT_BYTES).position(|byte| *byte == b' ') else {
            return message;
        };
        let stamp =
            std::str::from_utf8(&message[..space]).ok().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let Some(stamp) = stamp else { return message };
        self.at_ms = stamp.as_millisecond();
        &message[space + 1..]
    }

    fn add(&mut self, texts: Vec<String>) {
        for text in texts {
            if self.number >= self.first {
                self.lines.push(LogLine { at_ms: self.at_ms, number: self.number, text });
            }
            self.number += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn stdout(text: &str) -> LogOutput {
        LogOutput::StdOut { message: Bytes::copy_from_slice(text.as_bytes()) }
    }

    fn stderr(text: &str) -> LogOutput {
        LogOutput::StdErr { message: Bytes::copy_from_slice(text.as_bytes()) }
    }

    fn read(known: u64, frames: &[LogOutput]) -> Vec<(u64, String)> {
        let mut output = Output::after(known);
        frames.iter().for_each(|frame| output.push(frame.clone()));
        output.finish();
        output.take().into_iter().map(|line| (line.number, line.text)).collect()
    }

    #[test]
    fn messages_of_both_streams_become_lines_with_their_times() {
        let mut output = Output::after(0);
        output.push(stdout("2026-11-21T01:59:31.571357222Z out\n"));
        output.push(stderr("2026-11-21T01:59:31.572000000Z \n"));
        let lines = output.take();
        let seen: Vec<_> = lines.iter().map(|line| (line.at_ms, line.number, line.text.as_str())).collect();
        assert_eq!(seen, [(1_795_226_371_571, 0, "out"), (1_795_226_371_572, 1, "")]);
    }

    #[test]
    fn a_long_line_that_docker_cut_is_whole_again_whatever_the_other_stream_says() {
        let frames = [
            stdout("2026-11-21T01:59:31.1Z one "),
            stderr("2026-11-21T01:59:31.2Z meanwhile\n"),
            stdout("2026-11-21T01:59:31.3Z 2026-11-21T01:59:31.3Z two\n"),
            stdout("2026-11-21T01:59:31.4Z no end"),
        ];
        let whole = [(0, "meanwhile"), (1, "one 2026-11-21T01:59:31.3Z two"), (2, "no end")];
        assert_eq!(read(0, &frames), whole.map(|(number, text)| (number, text.to_owned())));
        assert_eq!(read(2, &frames), [(2, "no end".to_owned())]);
        assert_eq!(read(9, &frames), []);
    }

    #[test]
    fn what_docker_left_out_at_the_end_is_found_in_the_tail() {
        let frames =
            ["1Z one\n", "2Z two\n", "3Z three"].map(|text| stdout(&format!("2026-11-21T01:59:31.{text}")));
        let rest = |read: &[LogOutput], tail: &[LogOutput]| {
            let mut output = Output::after(0);
            read.iter().for_each(|frame| output.push(frame.clone()));
            let number = output.take().len() as u64;
            let is_found = output.push_rest(tail, 3);
            output.finish();
            assert!(output.lines.first().is_none_or(|line| line.number == number));
            is_found.then(|| output.take().into_iter().map(|line| line.text).collect::<Vec<_>>())
        };
        assert_eq!(rest(&frames[..2], &frames), Some(vec!["three".to_owned()]));
        assert_eq!(rest(&frames[..1], &frames[1..]), None, "the tail is too short");
        assert_eq!(rest(&[], &frames), None, "there may be more before the tail");
        assert_eq!(rest(&[], &frames[..1]), Some(vec!["one".to_owned()]));
        assert_eq!(rest(&[], &[]), Some(vec![]));
    }

    #[test]
    fn a_terminals_long_line_loses_the_times_within() {
        let full = "x".repeat(MESSAGE_LIMIT_BYTES);
        let line = format!("2026-11-21T01:59:31.1Z {full}2026-11-21T01:59:31.2Z rest\r\n");
        let frame = LogOutput::Console { message: Bytes::from(line.into_bytes()) };
        assert_eq!(read(0, &[frame]), [(0, format!("{full}rest"))]);
    }
}
