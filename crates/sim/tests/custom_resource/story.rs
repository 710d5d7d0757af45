//! One request, or a Create that is followed by its Delete, and all that happens to them.

use std::sync::Arc;
use std::time::Duration;

use longshore_ecs::random::Random;
use longshore_sim::{Arrival, Faults, Life, Plan, Simulated};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::function::{Delivery, deliver};
use crate::support::{milliseconds, register, room, seconds};

pub(crate) const STACK_ID: &str = "arn:aws:cloudformation:eu-west-1:123456789012:stack/web/6f1c2a30";

/// The most that an answer may have.
const LONGEST_ANSWER: usize = 4096;

/// The simulation begins at this time of the 18th of May 2033.
const BEGINNING_OF_DAY: Duration = seconds(3 * 3600 + 33 * 60 + 20);

/// For so long CloudFormation waits.
const SERVICE_TIMEOUT: Duration = seconds(3600);

/// One resource, and all that happens to it.
#[derive(Debug)]
pub(crate) struct Story {
    seed: u64,
    count: usize,
    timeout_s: u64,
    /// The longest that a task runs.
    runs: Duration,
    instances: Vec<Arrival>,
    faults: Faults,
    /// When the Create is delivered, and when the function crashes then.
    creates: Vec<(Duration, Vec<Duration>)>,
    /// When the stack is given up, and the resource deleted.
    deleted_at: Option<Duration>,
    twice_percent: usize,
}

impl Story {
    pub(crate) fn of(seed: u64) -> Self {
        let mut random = Random::seeded(seed);
        let count = 1 + random.below(12);
        let timeout_s = [60, 290, 1500, 3540][random.below(4)];
        let mut creates = vec![(Duration::ZERO, crashes(&mut random))];
        while random.below(100) < 40 {
            let latest = if random.below(2) == 0 { 5_000 } else { 3_590_000 };
            creates.push((ms(&mut random, latest), crashes(&mut random)));
        }
        let room_at = if random.below(4) == 0 { ms(&mut random, 600_000) } else { Duration::ZERO };
        let mut rate = || if random.below(2) == 0 { 0 } else { random.below(60) };
        let rates = [rate(), rate(), rate(), rate(), rate()];
        let [lost_requests, lost_replies, throttled, slow, stale] = rates;
        let deleted = random.below(4) == 0;
        Self {
            seed,
            count,
            timeout_s,
            runs: milliseconds(1000 * timeout_s + 20_000),
            instances: vec![room(1, Duration::ZERO), room(i32::try_from(count).unwrap(), room_at)],
            faults: Faults {
                latency: ms(&mut random, 200),
                lost_requests,
                lost_replies,
                throttled,
                slow,
                slow_by: seconds(8),
                stale,
                stale_by: seconds(10),
                ..Faults::default()
            },
            creates,
            deleted_at: deleted.then(|| ms(&mut random, 200_000)),
            twice_percent: random.below(50),
        }
    }

    /// Plays it, and gives back what is wrong.
    pub(crate) async fn play(&self) -> Vec<String> {
        let (seed, runs) = (self.seed, self.runs);
        let simulated = Arc::new(Simulated::new(Plan {
            seed,
            lives: Box::new(move |number, _| life(seed, runs, number)),
            instances: self.instances.clone(),
            faults: self.faults.clone(),
        }));
        register(&simulated);
        simulated.set_stack_status(STACK_ID, "CREATE_IN_PROGRESS");
        let properties = json!({"Count": self.count.to_string(), "Timeout": self.timeout_s.to_string()});
        let event = create(&properties);
        let delivery = |(after, crashes): &(Duration, Vec<Duration>)| Delivery {
            event: event.clone(),
            after: *after,
            crashes: crashes.clone(),
        };
        let mut deliveries: Vec<Delivery> = self.creates.iter().map(delivery).collect();
        if let Some(after) = self.deleted_at {
            let event = delete(after, &properties);
            deliveries.push(Delivery { event, after, crashes: Vec::new() });
            let simulated = Arc::clone(&simulated);
            drop(tokio::spawn(async move {
                sleep(after).await;
                simulated.set_stack_status(STACK_ID, "ROLLBACK_IN_PROGRESS");
            }));
        }
        deliver(&simulated, deliveries, self.twice_percent).await;
        let failed = answers(&simulated).iter().any(|(_, body)| body["Status"] == "FAILED");
        if failed && self.deleted_at.is_none() {
            // A stack whose Create failed is rolled back.
            simulated.set_stack_status(STACK_ID, "ROLLBACK_IN_PROGRESS");
            let rollback = delete(simulated.elapsed(), &properties);
            deliver(&simulated, vec![Delivery::at_once(rollback)], 0).await;
        }
        let mut wrong = Vec::new();
        self.tasks_are_right(&simulated, &mut wrong);
        self.answers_are_right(&simulated, &mut wrong);
        wrong
    }

    fn tasks_are_right(&self, simulated: &Simulated, wrong: &mut Vec<String>) {
        let known = simulated.tasks();
        if known.len() > self.count {
            wrong.push(format!("{} tasks instead of {}", known.len(), self.count));
        }
        for known in known.iter().filter(|known| !known.task.is_stopped()) {
            wrong.push(format!("left running: {:?}", known.task));
        }
    }

    fn answers_are_right(&self, simulated: &Simulated, wrong: &mut Vec<String>) {
        let answers = answers(simulated);
        for (request, sent_at) in [("Create", Some(Duration::ZERO)), ("Delete", self.deleted_at)] {
            let Some(sent_at) = sent_at else { continue };
            match answers.iter().find(|(_, body)| body["RequestId"] == request) {
                None => wrong.push(format!("{request} was not answered")),
                Some((at, body)) if *at > sent_at + SERVICE_TIMEOUT => {
                    wrong.push(format!("{request} was answered at {at:?}: {body}"));
                }
                Some((_, body)) if request == "Create" => self.is_true(simulated, body, wrong),
                Some((_, body)) if body["Status"] != "SUCCESS" => {
                    wrong.push(format!("Delete failed: {body}"));
                }
                Some(_) => {}
            }
        }
        for put in simulated.answers().iter().filter(|put| put.body.len() > LONGEST_ANSWER) {
            wrong.push(format!("an answer has {} bytes", put.body.len()));
        }
    }

    /// The first answer is the one that counts.
    fn is_true(&self, simulated: &Simulated, body: &Value, wrong: &mut Vec<String>) {
        let known = simulated.tasks();
        let ended = |code| {
            let of_task = |known: &&longshore_sim::Known| known.task.containers[0].exit_code == code;
            known.iter().filter(of_task).count()
        };
        let all_well = ended(Some(0)) == self.count;
        // What was stopped may have come to a good end all the same; and who gets a request after its Timeout does not
        // look what became of the one that had begun it.
        let stopped = known.iter().any(|known| !known.stops.is_empty());
        let too_late =
            body["Reason"].as_str().is_some_and(|reason| reason.contains("before the request was received"));
        let may_fail = !all_well || stopped || too_late;
        let is_true = if body["Status"] == "SUCCESS" { all_well } else { may_fail };
        if !is_true {
            wrong.push(format!("{} of {} tasks ended well: {body}", ended(Some(0)), self.count));
        }
    }
}

/// How the so many-th task runs: mostly well, and in time.
fn life(seed: u64, runs: Duration, number: usize) -> Life {
    let mut random = Random::seeded(seed.wrapping_mul(1009) + number as u64);
    let longest = if random.below(100) < 90 { runs / 3 } else { runs };
    let after = ms(&mut random, usize::try_from(longest.as_millis()).unwrap());
    let code = if random.below(100) < 97 { 0 } else { 1 };
    let stop = ms(&mut random, 12_000);
    Life { stop, prepare: ms(&mut random, 5_000), ..Life::exits(after, code) }
}

fn crashes(random: &mut Random) -> Vec<Duration> {
    let mut crashes = Vec::new();
    while crashes.len() < 2 && random.below(100) < 30 {
        let latest = if random.below(2) == 0 { 2_000 } else { 900_000 };
        crashes.push(ms(random, latest));
    }
    crashes
}

fn ms(random: &mut Random, most: usize) -> Duration {
    milliseconds(random.below(most + 1) as u64)
}

/// All answers with when they arrived.
pub(crate) fn answers(simulated: &Simulated) -> Vec<(Duration, Value)> {
    simulated.answers().into_iter().map(|put| (put.at, serde_json::from_str(&put.body).unwrap())).collect()
}

/// The event of a Create, with these properties beside those that must be.
pub(crate) fn create(properties: &Value) -> Value {
    event("Create", Duration::ZERO, properties)
}

pub(crate) fn update(sent_at: Duration, properties: &Value) -> Value {
    event("Update", sent_at, properties)
}

fn delete(sent_at: Duration, properties: &Value) -> Value {
    event("Delete", sent_at, properties)
}

/// A request that is sent so long after the beginning, as its URL says.
fn event(kind: &str, sent_at: Duration, properties: &Value) -> Value {
    let mut all = json!({"ServiceToken": "arn", "Cluster": "default", "TaskDefinition": "migrate"});
    for (name, value) in properties.as_object().unwrap() {
        all[name] = value.clone();
    }
    let second = BEGINNING_OF_DAY.as_secs() + sent_at.as_secs();
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let url = format!("https://bucket/{kind}?X-Amz-Date=20330518T{hour:02}{minute:02}{second:02}Z");
    json!({
        "RequestType": kind,
        "ResponseURL": url,
        "StackId": STACK_ID,
        "RequestId": kind,
        "LogicalResourceId": "MigrateTask",
        "PhysicalResourceId": if kind == "Create" { Value::Null } else { "web-MigrateTask-1".into() },
        "ResourceType": "Custom::ECSTask",
        "ResourceProperties": all,
    })
}
