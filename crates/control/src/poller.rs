//! One polite poller for all runs of a process: what several of them ask at about the same time is one call of
//! DescribeTasks, and between calls there is a gap that grows with the company.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use longshore_decide::run::Pace;
use longshore_model::call::MAX_TASKS_PER_DESCRIBE;
use longshore_model::seen::{Described, Task};
use longshore_model::{Error, Kind};
use longshore_world::Ecs;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// The answer of DescribeTasks, and the time that the call took.
pub(crate) type Answer = (Result<Described, Error>, Duration);

/// Runs that look at the same moment have so long to ask, once the first of them has.
const GATHER: Duration = Duration::from_millis(5);

/// Ends with its last handle.
#[derive(Debug)]
pub(crate) struct Poller {
    questions: mpsc::UnboundedSender<Question>,
    asking: AbortHandle,
}

#[derive(Debug)]
struct Question {
    cluster: String,
    arns: Vec<String>,
    answer: oneshot::Sender<Answer>,
}

impl Poller {
    /// Must be made inside a tokio runtime.
    pub(crate) fn new(ecs: Arc<dyn Ecs>) -> Self {
        let (questions, asked) = mpsc::unbounded_channel();
        Self { questions, asking: tokio::spawn(keep_asking(ecs, asked)).abort_handle() }
    }

    /// Describes tasks, any number of them.
    pub(crate) async fn describe(&self, cluster: &str, arns: Vec<String>) -> Answer {
        let (answer, answered) = oneshot::channel();
        let question = Question { cluster: cluster.to_owned(), arns, answer };
        let ended = || (Err(Error::new(Kind::Bug, "the poller has ended")), Duration::ZERO);
        if self.questions.send(question).is_err() {
            return ended();
        }
        answered.await.unwrap_or_else(|_| ended())
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.asking.abort();
    }
}

async fn keep_asking(ecs: Arc<dyn Ecs>, mut asked: mpsc::UnboundedReceiver<Question>) {
    let mut waiting = VecDeque::new();
    let mut runs = 1;
    while let Some(question) = asked.recv().await {
        waiting.push_back(question);
        while !waiting.is_empty() {
            if runs > 1 {
                tokio::time::sleep(GATHER).await;
            }
            while let Ok(question) = asked.try_recv() {
                waiting.push_back(question);
            }
            let together = next(&mut waiting);
            runs = together.len().max(waiting.len());
            let took = describe(ecs.as_ref(), together).await;
            tokio::time::sleep(Pace::gap(took, runs)).await;
        }
    }
}

/// The questions that fit into one call with the first one. A question that is larger than a call is alone.
fn next(waiting: &mut VecDeque<Question>) -> Vec<Question> {
    let mut together: Vec<Question> = waiting.pop_front().into_iter().collect();
    let mut arns = together.iter().map(|question| question.arns.len()).sum::<usize>();
    while let Some(question) = waiting.front()
        && together.first().is_some_and(|first| first.cluster == question.cluster)
        && arns + question.arns.len() <= MAX_TASKS_PER_DESCRIBE
    {
        arns += question.arns.len();
        together.extend(waiting.pop_front());
    }
    together
}

async fn describe(ecs: &dyn Ecs, together: Vec<Question>) -> Duration {
    let Some(cluster) = together.first().map(|question| question.cluster.clone()) else {
        return Duration::ZERO;
    };
    let arns: Vec<String> = together.iter().flat_map(|question| question.arns.iter().cloned()).collect();
    let mut took = Duration::ZERO;
    let mut seen = Ok(Described::default());
    for part in arns.chunks(MAX_TASKS_PER_DESCRIBE) {
        let asked = Instant::now();
        let answer = ecs.describe_tasks(&cluster, part).await;
        took = asked.elapsed();
        match (&mut seen, answer) {
            (Ok(seen), Ok(part)) => {
                seen.tasks.extend(part.tasks);
                seen.failures.extend(part.failures);
            }
            (_, Err(error)) => {
                seen = Err(error);
                break;
            }
            (Err(_), Ok(_)) => {}
        }
    }
    give_out(together, seen, took);
    took
}

/// To each its own. Who asked and went away is no loss.
fn give_out(together: Vec<Question>, seen: Result<Described, Error>, took: Duration) {
    let tasks: HashMap<&str, &Task> = match &seen {
        Ok(seen) => seen.tasks.iter().map(|task| (task.arn.as_str(), task)).collect(),
        Err(_) => HashMap::new(),
    };
    for question in together {
        let answer = match &seen {
            Ok(seen) => {
                let own = question.arns.iter().filter_map(|arn| tasks.get(arn.as_str()).copied().cloned());
                Ok(Described { tasks: own.collect(), failures: seen.failures.clone() })
            }
            Err(error) => Err(error.clone()),
        };
        drop(question.answer.send((answer, took)));
    }
}
