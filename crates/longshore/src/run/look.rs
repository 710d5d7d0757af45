//! One look at the service: everything that is due, asked at the same time.

use std::time::Duration;

use futures_util::future::join_all;
use longshore_aws::{Aws, Described, Error, LogPage, LogStream, MAX_TASKS_PER_DESCRIBE};
use tokio::time::Instant;

/// What is due. Empty parts make no call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Questions {
    /// Tasks to describe.
    pub(crate) describe: Vec<String>,
    /// Tasks to stop.
    pub(crate) stop: Vec<String>,
    /// Log streams to read on, each with the number of its log and where to go on.
    pub(crate) read: Vec<(usize, LogStream, Option<String>)>,
}

/// What came back, in parts that fail one by one.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) described: Option<Result<Described, Error>>,
    /// How long one call of DescribeTasks took.
    pub(crate) round_trip: Duration,
    pub(crate) stopped: Vec<(String, Result<(), Error>)>,
    pub(crate) pages: Vec<(usize, Result<Option<LogPage>, Error>)>,
}

/// Asks. Giving it up loses nothing: what was not taken is asked again.
pub(crate) async fn look(aws: &Aws, cluster: &str, questions: Questions, stop_reason: &str) -> Answers {
    let stop = |arn: String| async move {
        let end = aws.stop_task(cluster, &arn, stop_reason).await;
        (arn, end)
    };
    let read = |(log, stream, token): (usize, LogStream, Option<String>)| async move {
        (log, aws.read_log(&stream, token.as_deref()).await)
    };
    let ((described, round_trip), stopped, pages) = tokio::join!(
        describe(aws, cluster, &questions.describe),
        join_all(questions.stop.into_iter().map(stop)),
        join_all(questions.read.into_iter().map(read)),
    );
    Answers { described, round_trip, stopped, pages }
}

async fn describe(aws: &Aws, cluster: &str, arns: &[String]) -> (Option<Result<Described, Error>>, Duration) {
    if arns.is_empty() {
        return (None, Duration::ZERO);
    }
    let asked = Instant::now();
    let answers =
        join_all(arns.chunks(MAX_TASKS_PER_DESCRIBE).map(|part| aws.describe_tasks(cluster, part))).await;
    let round_trip = asked.elapsed();
    let mut all = Described::default();
    for answer in answers {
        match answer {
            Ok(part) => {
                all.tasks.extend(part.tasks);
                all.failures.extend(part.failures);
            }
            Err(error) => return (Some(Err(error)), round_trip),
        }
    }
    (Some(Ok(all)), round_trip)
}
