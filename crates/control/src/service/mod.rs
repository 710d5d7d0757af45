//! Drives services to what their files say: does what each of them asks, looks at all that wait with one call, and runs
//! their gates.

mod observe;
mod remove;
mod survey;
mod tail;
mod verify;

pub use self::observe::{Family, Observed, Planned, Trouble, Wanted};
pub use self::survey::{Deregistered, Stopped};
pub use self::tail::Tailer;
pub use self::verify::verify;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use longshore_decide::run::{self, Run};
use longshore_decide::service::{
    Apply, Ask, Did, FAILING_LINES, Failing, Gate, News, SHOWN_FAILING, failing, gate_spec, gate_started_by,
    look_again,
};
use longshore_model::Error;
use longshore_model::call::{ListTasks, MAX_SERVICES_PER_DESCRIBE, MAX_TASKS_PER_DESCRIBE};
use longshore_model::seen::{LogPosition, Service, Task};
use longshore_model::tag::Tag;
use longshore_world::{Ecs, Logs, Services};
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::run::Runner;

/// Drives the services of one cluster.
#[derive(Debug)]
pub struct Applier {
    cluster: String,
    /// Who we are, for the `stoppedReason` of a gate's task that we stop.
    who: String,
    services: Arc<dyn Services>,
    ecs: Arc<dyn Ecs>,
    logs: Arc<dyn Logs>,
    runner: Runner,
}

/// Something to be told of.
#[derive(Debug)]
pub enum Told<'a> {
    /// Of the service itself.
    News(News),
    /// Of the run of one of its gates.
    Gate(&'a Run, run::News),
}

type Tell<'a> = Mutex<&'a mut (dyn FnMut(&str, Told<'_>) + Send)>;

/// What came back, and of which services.
struct Answers {
    dids: Vec<(usize, Did)>,
    /// How long a look at services took.
    look: Option<Duration>,
}

impl Answers {
    fn one(index: usize, did: Did) -> Self {
        Self { dids: vec![(index, did)], look: None }
    }
}

impl Applier {
    /// For a cluster, by name or ARN. Must be made inside a tokio runtime.
    #[must_use]
    pub fn new(
        cluster: String,
        who: String,
        services: Arc<dyn Services>,
        ecs: Arc<dyn Ecs>,
        logs: Arc<dyn Logs>,
    ) -> Self {
        let runner = Runner::new(Arc::clone(&ecs), Arc::clone(&logs));
        Self { cluster, who, services, ecs, logs, runner }
    }

    /// The time that everything here counts in.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.runner.now()
    }

    /// Describes services, any number of them. What is not there is not in the answer.
    ///
    /// # Errors
    ///
    /// Those of DescribeServices.
    pub async fn describe(&self, names: &[String]) -> Result<Vec<Service>, Error> {
        let mut all = Vec::new();
        for part in names.chunks(MAX_SERVICES_PER_DESCRIBE) {
            all.extend(self.services.describe_services(&self.cluster, part).await?);
        }
        Ok(all)
    }

    /// Drives all of them to their ends. Words that come through `interrupts` end the waiting, and stop gates. `tell` is
    /// given a service's name and what happened; `look` sees all of them after each round.
    pub async fn drive(
        &self,
        applies: &mut [Apply],
        interrupts: &mut mpsc::UnboundedReceiver<String>,
        tell: &mut (dyn FnMut(&str, Told<'_>) + Send),
        look: &mut (dyn FnMut(&[Apply]) + Send),
    ) {
        let tell: Tell<'_> = Mutex::new(tell);
        let mut stops: Vec<Option<mpsc::UnboundedSender<String>>> = applies.iter().map(|_| None).collect();
        let mut busy = vec![false; applies.len()];
        let mut waiting: Vec<usize> = Vec::new();
        let mut in_flight: FuturesUnordered<BoxFuture<'_, Answers>> = FuturesUnordered::new();
        let mut next_look = Instant::now();
        loop {
            for (index, apply) in applies.iter_mut().enumerate() {
                if !busy[index]
                    && let Some(ask) = apply.ask(self.now())
                {
                    busy[index] = true;
                    match ask {
                        Ask::Look => waiting.push(index),
                        Ask::Gate(gate, revision) => {
                            let (stop, stopped) = mpsc::unbounded_channel();
                            stops[index] = Some(stop);
                            let (name, document) = (apply.name().to_owned(), apply.document());
                            let tell = &tell;
                            in_flight.push(Box::pin(async move {
                                let end = self.gate(&name, &document, gate, &revision, stopped, tell).await;
                                Answers::one(index, Did::Gate(end.map(Box::new)))
                            }));
                        }
                        ask => in_flight.push(self.act(index, apply.name().to_owned(), ask)),
                    }
                }
                for news in apply.news() {
                    say(&tell, apply.name(), Told::News(news));
                }
            }
            look(applies);
            if in_flight.is_empty() && applies.iter().all(|apply| apply.outcome().is_some()) {
                return;
            }
            tokio::select! {
                biased;
                Some(words) = interrupts.recv() => {
                    stops.iter().flatten().for_each(|stop| drop(stop.send(words.clone())));
                    applies.iter_mut().for_each(|apply| apply.interrupt(&words));
                    waiting.clear();
                }
                Some(answers) = in_flight.next() => {
                    next_look = answers.look.map_or(next_look, |took| Instant::now() + look_again(took));
                    for (index, did) in answers.dids {
                        busy[index] = false;
                        applies[index].take(did, self.now());
                    }
                }
                () = tokio::time::sleep_until(next_look), if !waiting.is_empty() => {
                    let together = std::mem::take(&mut waiting);
                    for part in together.chunks(MAX_SERVICES_PER_DESCRIBE) {
                        let names = part.iter().map(|index| applies[*index].name().to_owned()).collect();
                        in_flight.push(self.look_at(part.to_vec(), names));
                    }
                }
            }
        }
    }
}

impl Applier {
    fn act(&self, index: usize, name: String, ask: Ask) -> BoxFuture<'_, Answers> {
        Box::pin(async move {
            let did = match ask {
                Ask::Create(input) => Did::Changed(self.services.create_service(&input).await),
                Ask::Update(input) => Did::Changed(self.services.update_service(&input).await),
                Ask::Tag { arn, set, unset } => Did::Tagged(self.tag(&arn, &set, &unset).await),
                Ask::Failing { deployment, known } => {
                    Did::Failing(self.failing(&name, &deployment, &known).await)
                }
                // These are answered elsewhere, together with others or with news on the way.
                Ask::Look | Ask::Gate(..) => return Answers { dids: Vec::new(), look: None },
            };
            Answers::one(index, did)
        })
    }

    fn look_at(&self, indices: Vec<usize>, names: Vec<String>) -> BoxFuture<'_, Answers> {
        Box::pin(async move {
            let asked = Instant::now();
            let seen = self.services.describe_services(&self.cluster, &names).await;
            let of = |name: &String| {
                let seen = seen.as_ref().map_err(Clone::clone)?;
                Ok(seen.iter().find(|service| service.name == *name).cloned())
            };
            let dids =
                indices.into_iter().zip(&names).map(|(index, name)| (index, Did::Looked(of(name)))).collect();
            Answers { dids, look: Some(asked.elapsed()) }
        })
    }

    async fn tag(&self, arn: &str, set: &[Tag], unset: &[String]) -> Result<(), Error> {
        if !set.is_empty() {
            self.services.tag(arn, set).await?;
        }
        if !unset.is_empty() {
            self.services.untag(arn, unset).await?;
        }
        Ok(())
    }

    /// Runs a gate, or goes on with its task that runs already.
    async fn gate(
        &self,
        service: &str,
        document: &Map<String, Value>,
        gate: Gate,
        revision: &str,
        mut stopped: mpsc::UnboundedReceiver<String>,
        tell: &Tell<'_>,
    ) -> Result<run::Outcome, Error> {
        let definition = self.runner.describe_task_definition(revision).await?;
        let owner = gate_started_by(&self.cluster, service, &definition.arn, &gate);
        let mine = ListTasks {
            cluster: self.cluster.clone(),
            started_by: Some(owner.clone()),
            ..ListTasks::default()
        };
        let running = self.ecs.list_tasks(&mine).await?;
        // Its own name each time: one that failed is not the one that is wanted now.
        let id = format!("{owner}-{}", self.now().as_nanos());
        let spec = gate_spec(&gate, document, &self.cluster, definition, running, &self.who, id);
        say(tell, service, Told::News(News::Say(format!("gate `{}`", gate.name))));
        let mut run = Run::new(spec, self.now());
        let outcome = self
            .runner
            .drive(&mut run, &mut stopped, &mut |run, news| say(tell, service, Told::Gate(run, news)))
            .await;
        Ok(outcome)
    }

    /// The tasks of a deployment that failed, but for those that are known, with the last lines of the first few. What
    /// cannot be found out is left out: it is only shown.
    async fn failing(&self, service: &str, deployment: &str, known: &[String]) -> Vec<Failing> {
        let stopped = ListTasks {
            cluster: self.cluster.clone(),
            service: Some(service.to_owned()),
            stopped: true,
            ..ListTasks::default()
        };
        let mut arns = self.ecs.list_tasks(&stopped).await.unwrap_or_default();
        arns.retain(|arn| !known.contains(arn));
        let mut found: Vec<Failing> = Vec::new();
        for part in arns.chunks(MAX_TASKS_PER_DESCRIBE) {
            let Ok(described) = self.ecs.describe_tasks(&self.cluster, part).await else { continue };
            for task in described.tasks {
                let with_lines = known.len() + found.len() < SHOWN_FAILING;
                found.extend(self.failing_task(&task, deployment, with_lines).await.ok().flatten());
            }
        }
        found
    }

    async fn failing_task(
        &self,
        task: &Task,
        deployment: &str,
        with_lines: bool,
    ) -> Result<Option<Failing>, Error> {
        let definition = self.runner.describe_task_definition(&task.task_definition_arn).await?;
        let Some((mut found, stream)) = failing(task, &definition, deployment) else { return Ok(None) };
        if let Some(stream) = stream.filter(|_| with_lines) {
            let page = self.logs.read_log(&stream, &LogPosition::Tail(FAILING_LINES)).await;
            let lines = page.ok().flatten().map(|page| page.lines).unwrap_or_default();
            found.log_tail = lines.into_iter().map(|line| line.message).collect();
        }
        Ok(Some(found))
    }
}

fn say(tell: &Tell<'_>, service: &str, told: Told<'_>) {
    let mut tell = tell.lock().unwrap_or_else(PoisonError::into_inner);
    (*tell)(service, told);
}
