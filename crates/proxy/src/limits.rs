//! How much a client, a target and the proxy itself may take.

use std::time::Duration;

/// How the proxy is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Threads that carry requests; one for each core is best.
    pub workers: usize,
    /// What everybody may take.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { workers, limits: Limits::default() }
    }
}

/// The limit of everything that a client or a target controls.
///
/// The sizes of heads are those of Application Load Balancers (ELB User Guide, "HTTP header quotas").
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of the request line, and of one header.
    pub line: usize,
    /// Bytes of a head, of requests and of answers.
    pub head: usize,
    /// Time from the first byte of a head to its last, and for a TLS handshake.
    pub head_time: Duration,
    /// Time to connect to a target; twice as long over all targets that are tried.
    pub connect_time: Duration,
    /// Connections of clients to one listener. More wait in the kernel's queue.
    pub connections: usize,
    /// Requests that a client may have under way on one HTTP/2 connection. hyper limits how many it may break off.
    pub streams: u32,
    /// Idle connections to one target that each worker keeps.
    pub idle_to_target: usize,
    /// How long such a connection is kept.
    pub idle_to_target_time: Duration,
    /// How long an idle connection of a client stays open for one more request once its listener closes.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line: 16 * 1024,
            head: 64 * 1024,
            head_time: Duration::from_secs(30),
            connect_time: Duration::from_secs(10),
            connections: 16_384,
            streams: 128,
            idle_to_target: 256,
            idle_to_target_time: Duration::from_secs(60),
            grace: Duration::from_secs(1),
        }
    }
}

/// Addresses in `X-Forwarded-For` (ELB: more than 30 are answered with 463).
pub(crate) const FORWARDED_FOR_MAX: usize = 30;
/// The least that hyper reads at once.
pub(crate) const BUFFER_MIN: usize = 8 * 1024;
/// Requests of one HTTP/2 connection that were broken off before they were looked at, and errors of its client that
/// hyper answers with a reset. One more of either, and the connection ends: a flood costs its sender a handshake.
pub(crate) const RESETS_MAX: usize = 20;
/// What is read from a client that was refused, so that it sees the answer, and for how long.
pub(crate) const LINGER_BYTES: usize = 256 * 1024;
/// See [`LINGER_BYTES`].
pub(crate) const LINGER_TIME: Duration = Duration::from_secs(2);
/// Connections that may wait to be accepted.
pub(crate) const LISTEN_QUEUE: i32 = 4096;
/// The pause after `accept` failed, for want of descriptors most of all.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often idle connections to targets are looked at.
pub(crate) const SWEEP_INTERVAL: Duration = Duration::from_secs(2);
