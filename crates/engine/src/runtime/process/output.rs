//! A container's standard output and standard error become numbered lines, in reports.

use std::io;
use std::time::Duration;

use tokio::net::unix::pipe::Receiver;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until};

use crate::clock;
use crate::runtime::lines::LineSplitter;
use crate::runtime::{ContainerKey, LINES_PER_REPORT, LogLine, Report, Reports};

/// Bytes read at once from a pipe: as much as a pipe holds.
const CHUNK_BYTES: usize = 65_536;

/// Reports of one container are at least this far apart unless they are full: live enough for eyes, and a fast
/// printer's lines travel in batches.
const PAUSE: Duration = Duration::from_millis(5);

/// A report is full with this much text, however few its lines are.
const REPORT_BYTES: usize = 262_144;

/// After the end of all that the container started, how long a pipe may stay open in silence: somebody outside the
/// container may have been handed it.
const SILENCE_LIMIT: Duration = Duration::from_secs(5);

/// Reads both streams of a container and reports their lines, until both have ended.
///
/// Streams ready at the same time are read standard output first. `ended` tells when nothing of the container is
/// alive any more.
pub(super) async fn report_lines(
    stdout: Receiver,
    stderr: Receiver,
    key: &ContainerKey,
    reports: &Reports,
    mut ended: oneshot::Receiver<()>,
) {
    let mut streams = [Stream::new(stdout), Stream::new(stderr)];
    let mut batch = Batch { key, reports, lines: Vec::new(), bytes: 0, number: 0, earliest: Instant::now() };
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut is_over = false;
    while streams.iter().any(|stream| stream.is_open) {
        let [stdout, stderr] = &streams;
        tokio::select! {
            () = stdout.ready(), if stdout.is_open => {}
            () = stderr.ready(), if stderr.is_open => {}
            () = sleep_until(batch.earliest), if !batch.lines.is_empty() => batch.send().await,
            _ = &mut ended, if !is_over => is_over = true,
            () = sleep(SILENCE_LIMIT), if is_over => break,
        }
        for stream in &mut streams {
            batch.add(stream.read(&mut buffer));
        }
        if batch.is_due() {
            batch.send().await;
        }
    }
    batch.send().await;
}

/// One pipe from the container.
struct Stream {
    pipe: Receiver,
    splitter: LineSplitter,
    is_open: bool,
}

impl Stream {
    fn new(pipe: Receiver) -> Self {
        Self { pipe, splitter: LineSplitter::new(), is_open: true }
    }

    /// Waits until there is something to read. An error is met again by the read.
    async fn ready(&self) {
        self.pipe.readable().await.ok();
    }

    /// The lines that one read completes.
    fn read(&mut self, buffer: &mut [u8]) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.is_open {
            return lines;
        }
        match self.pipe.try_read(buffer) {
            Ok(0) => self.is_open = false,
            Ok(length) => self.splitter.push(buffer.get(..length).unwrap_or_default(), &mut lines),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(_) => self.is_open = false,
        }
        if !self.is_open {
            self.splitter.finish(&mut lines);
        }
        lines
    }
}

/// Lines that wait for their report.
struct Batch<'container> {
    key: &'container ContainerKey,
    reports: &'container Reports,
    lines: Vec<LogLine>,
    bytes: usize,
    number: u64,
    earliest: Instant,
}

impl Batch<'_> {
    fn add(&mut self, texts: Vec<String>) {
        if texts.is_empty() {
            return;
        }
        let at_ms = clock::now().0;
        for text in texts {
            self.bytes += text.len();
            self.lines.push(LogLine { at_ms, number: self.number, text });
            self.number += 1;
        }
    }

    fn is_due(&self) -> bool {
        let is_full = self.lines.len() >= LINES_PER_REPORT || self.bytes >= REPORT_BYTES;
        is_full || (!self.lines.is_empty() && Instant::now() >= self.earliest)
    }

    /// Reports all that waits. Nobody to report to means that the engine is going down.
    async fn send(&mut self) {
        let mut lines = std::mem::take(&mut self.lines);
        while !lines.is_empty() {
            let later = lines.split_off(lines.len().min(LINES_PER_REPORT));
            self.reports.send(Report::Lines(self.key.clone(), lines)).await.ok();
            lines = later;
        }
        self.bytes = 0;
        self.earliest = Instant::now() + PAUSE;
    }
}
