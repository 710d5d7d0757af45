//! What a simulation is told beforehand: how containers live, when capacity comes, what goes wrong. Plain data.

use std::time::Duration;

/// How the containers of a task live, by the task's number (in the order in which tasks were made, from 0) and the
/// container's name.
pub type Lives = Box<dyn Fn(usize, &str) -> Life + Send + Sync>;

/// All that a simulation is told beforehand.
pub struct Plan {
    /// Of everything that is random: ids, placement, latency, faults.
    pub seed: u64,
    /// How containers live.
    pub lives: Lives,
    /// The container instances of the cluster `default`.
    pub instances: Vec<Arrival>,
    /// What goes wrong.
    pub faults: Faults,
}

/// A container instance that joins the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// After the beginning of the simulation.
    pub at: Duration,
    /// In CPU units.
    pub cpu: i32,
    /// In MiB.
    pub memory: i32,
}

/// How one container lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// What its image needs to be pulled; the container that needs longest counts.
    pub prepare: Duration,
    /// From the order to start it until it runs.
    pub start: Duration,
    /// How it ends when nobody stops it.
    pub end: End,
    /// From its stop signal to its end. When this is longer than its `stopTimeout`, it is killed.
    pub stop: Duration,
    /// What it writes, in order.
    pub lines: Vec<Line>,
}

/// A line of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// After the container's start.
    pub at: Duration,
    /// Without its line end.
    pub text: String,
}

/// How a container ends when nobody stops it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Its task cannot be made ready, with ECS's sentence.
    CannotPrepare(String),
    /// It cannot be started, with ECS's sentence.
    CannotStart(String),
    /// By itself.
    Exits {
        /// After its start.
        after: Duration,
        /// Its exit code.
        code: i32,
    },
    /// It does not.
    Never,
    /// Its task's host is lost.
    HostLost {
        /// After its start.
        after: Duration,
    },
}

impl Life {
    /// Starts at once, writes nothing, and ends by itself.
    #[must_use]
    pub const fn exits(after: Duration, code: i32) -> Self {
        Self::ending(End::Exits { after, code })
    }

    /// Starts at once, writes nothing, and ends in this way.
    #[must_use]
    pub const fn ending(end: End) -> Self {
        Self { prepare: Duration::ZERO, start: Duration::ZERO, end, stop: Duration::ZERO, lines: Vec::new() }
    }

    /// With a line that is written so long after the start.
    #[must_use]
    pub fn saying(mut self, at: Duration, text: impl Into<String>) -> Self {
        self.lines.push(Line { at, text: text.into() });
        self
    }
}

/// What goes wrong, and how long calls take. The default: nothing, and no time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults {
    /// The longest that a call takes when nothing is wrong.
    pub latency: Duration,
    /// Of 1000 calls, so many never arrive.
    pub lost_requests: usize,
    /// Of 1000 calls, so many are carried out and their answers never arrive.
    pub lost_replies: usize,
    /// Of 1000 calls, so many are refused because there were too many.
    pub throttled: usize,
    /// Of 1000 calls, so many take up to `slow_by` longer.
    pub slow: usize,
    /// How much longer a slow call takes at most.
    pub slow_by: Duration,
    /// Of 1000 looks at tasks, so many show them as they were up to `stale_by` ago: what is newer is missing.
    pub stale: usize,
    /// How old a stale look is at most.
    pub stale_by: Duration,
    /// Of 1000 calls of RunTask with a client token that has started tasks, so many are refused for a conflict with it.
    pub conflicts: usize,
    /// Of 1000 pages of a log, so many are empty although the log goes on.
    pub empty_pages: usize,
    /// How long after it was written a log line shows at most. Those of a container that has ended all show.
    pub log_lag: Duration,
    /// After this time nothing goes wrong any more.
    pub until: Option<Duration>,
    /// What goes wrong with one call: the operation's so many-th, from 0.
    pub at: Vec<(Operation, u64, Trouble)>,
}

/// What can be wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It never arrives.
    LostRequest,
    /// It is carried out, and its answer never arrives.
    LostReply,
    /// It is refused because there were too many.
    Throttled,
    /// It is refused because the caller may not.
    Denied,
    /// It takes so much longer.
    Slow(Duration),
    /// It shows tasks as they were so long ago.
    Stale(Duration),
    /// It is refused for a conflict, when its client token has started tasks.
    Conflict,
    /// Its page is empty although the log goes on.
    EmptyPage,
}

/// The calls that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the services' own names")]
pub enum Operation {
    RunTask,
    StartTask,
    DescribeTasks,
    ListTasks,
    StopTask,
    DescribeTaskDefinition,
    DescribeContainerInstances,
    GetLogEvents,
    DescribeStacks,
    PutAnswer,
    Invoke,
}
