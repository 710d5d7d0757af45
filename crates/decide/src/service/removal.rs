//! The way of one service out: scaled to nothing, deleted, and waited for until it is gone.

use std::time::Duration;

use longshore_model::seen::Service;
use longshore_model::{Error, Kind};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// For so long, a service that cannot be described is asked for again.
const PATIENCE: Duration = Duration::from_secs(120);

/// What to do next. Each is answered before the next is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// UpdateService.
    Scale(Map<String, Value>),
    /// DeleteService, forced.
    Delete,
    /// DescribeServices, in a while.
    Look,
}

/// How it ended, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Gone {
    /// It is no more.
    Deleted,
    /// It was deleted, and its end is not waited for.
    Deleting,
    /// ECS refused.
    Refused,
    /// It is not gone within the time given.
    TimedOut,
    /// Whoever waits wanted to wait no longer.
    Interrupted,
    /// ECS could not be asked any longer.
    Unknown,
}

/// The result of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Removed {
    /// Its name.
    pub service: String,
    /// How it ended.
    pub result: Gone,
    /// One sentence, without a full stop.
    pub explanation: String,
}

impl Removed {
    /// Whether it went as it should.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        matches!(self.result, Gone::Deleted | Gone::Deleting)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Scaling,
    Deleting,
    Waiting,
}

/// The way of one service.
#[derive(Debug, Clone)]
pub struct Removal {
    service: Service,
    cluster: String,
    /// Its end is waited for this long; not at all without it.
    timeout: Option<Duration>,
    state: State,
    began: Duration,
    trouble_since: Option<Duration>,
    running: i64,
    end: Option<Removed>,
}

impl Removal {
    /// Begins. A service that is on its way out already is only waited for.
    #[must_use]
    pub fn new(cluster: &str, service: Service, timeout: Option<Duration>, now: Duration) -> Self {
        let scheduling = service.document.get("schedulingStrategy").and_then(Value::as_str);
        let state = match service.status.as_str() {
            "DRAINING" => State::Waiting,
            // ECS counts daemons itself.
            _ if service.desired_count > 0 && scheduling != Some("DAEMON") => State::Scaling,
            _ => State::Deleting,
        };
        let mut removal = Self {
            cluster: cluster.to_owned(),
            timeout,
            state,
            began: now,
            trouble_since: None,
            running: service.running_count,
            end: None,
            service,
        };
        if state == State::Waiting && timeout.is_none() {
            removal.over(Gone::Deleting, "on its way out".to_owned());
        }
        removal
    }

    /// Its service's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.service.name
    }

    /// How many of its tasks run still.
    #[must_use]
    pub const fn running(&self) -> i64 {
        self.running
    }

    /// How it ended, once it has.
    #[must_use]
    pub const fn end(&self) -> Option<&Removed> {
        self.end.as_ref()
    }

    /// What to do now; nothing when it is over.
    #[must_use]
    pub fn ask(&self) -> Option<Step> {
        let scale = || {
            let input = json!({"cluster": self.cluster, "service": self.service.name, "desiredCount": 0});
            input.as_object().cloned().unwrap_or_default()
        };
        match (&self.end, self.state) {
            (Some(_), _) => None,
            (None, State::Scaling) => Some(Step::Scale(scale())),
            (None, State::Deleting) => Some(Step::Delete),
            (None, State::Waiting) => Some(Step::Look),
        }
    }

    /// The calls that change something, as a dry run shows them.
    #[must_use]
    pub fn calls(&self) -> Vec<Value> {
        let name = &self.service.name;
        let delete = json!({"call": "DeleteService", "input": {"cluster": self.cluster, "service": name, "force": true}});
        match self.ask() {
            Some(Step::Scale(input)) => vec![json!({"call": "UpdateService", "input": input}), delete],
            Some(Step::Delete) => vec![delete],
            Some(Step::Look) | None => Vec::new(),
        }
    }

    /// Takes the answer to [`Step::Scale`]. That it was refused does not matter: the deletion stops the tasks as well.
    pub const fn scaled(&mut self) {
        self.state = State::Deleting;
    }

    /// Takes the answer to [`Step::Delete`].
    pub fn deleted(&mut self, end: Result<Service, Error>, now: Duration) {
        match end {
            Err(error) if error.kind() == Kind::NotFound => self.over(Gone::Deleted, "deleted".to_owned()),
            Err(error) => self.over(Gone::Refused, error.to_string()),
            Ok(_) if self.timeout.is_none() => {
                self.over(Gone::Deleting, "deleted; its tasks stop by themselves".to_owned());
            }
            Ok(_) => {
                self.state = State::Waiting;
                self.began = now;
            }
        }
    }

    /// Takes the answer to [`Step::Look`]; `None` when it is not there.
    pub fn looked(&mut self, seen: Result<Option<&Service>, &Error>, now: Duration) {
        match seen {
            Ok(None) => self.over(Gone::Deleted, "deleted".to_owned()),
            Ok(Some(service)) if service.status == "INACTIVE" => {
                self.over(Gone::Deleted, "deleted".to_owned());
            }
            Ok(Some(service)) => {
                self.trouble_since = None;
                self.running = service.running_count;
                if self.timeout.is_some_and(|timeout| now.saturating_sub(self.began) >= timeout) {
                    let (status, running) = (service.status.to_lowercase(), service.running_count);
                    let text = format!("still {status} when the time was up, with {running} tasks running");
                    self.over(Gone::TimedOut, text);
                }
            }
            Err(error) => {
                let since = *self.trouble_since.get_or_insert(now);
                if !error.is_passing() || now.saturating_sub(since) >= PATIENCE {
                    self.over(Gone::Unknown, error.to_string());
                }
            }
        }
    }

    /// It is not waited for any longer. `words` complete "left ...".
    pub fn interrupt(&mut self, words: &str) {
        let what =
            if self.state == State::Waiting { "its deletion goes on" } else { "it may not be deleted" };
        if self.end.is_none() {
            self.over(Gone::Interrupted, format!("left {words}; {what}"));
        }
    }

    fn over(&mut self, result: Gone, explanation: String) {
        self.end = Some(Removed { service: self.service.name.clone(), result, explanation });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_secs(60);

    fn service(members: Value) -> Service {
        let mut document = json!({"serviceName": "web", "status": "ACTIVE", "desiredCount": 2});
        for (member, value) in members.as_object().unwrap() {
            document[member] = value.clone();
        }
        Service::read(document).unwrap()
    }

    fn of(members: Value) -> Removal {
        Removal::new("prod", service(members), Some(MINUTE), Duration::ZERO)
    }

    fn draining() -> Service {
        service(json!({"status": "DRAINING", "runningCount": 1}))
    }

    fn result(removal: &Removal) -> Option<Gone> {
        removal.end().map(|end| end.result)
    }

    #[test]
    fn it_is_scaled_deleted_and_waited_for() {
        let mut removal = of(json!({}));
        let Some(Step::Scale(input)) = removal.ask() else { panic!("{removal:?}") };
        assert_eq!(Value::Object(input), json!({"cluster": "prod", "service": "web", "desiredCount": 0}));
        removal.scaled();
        assert_eq!(removal.ask(), Some(Step::Delete));
        removal.deleted(Ok(draining()), SECOND);
        assert_eq!(removal.ask(), Some(Step::Look));
        removal.looked(Ok(Some(&draining())), 2 * SECOND);
        assert_eq!((removal.ask(), removal.running()), (Some(Step::Look), 1));
        removal.looked(Ok(Some(&service(json!({"status": "INACTIVE"})))), 3 * SECOND);
        assert_eq!((removal.ask(), result(&removal)), (None, Some(Gone::Deleted)));
    }

    #[test]
    fn the_beginning_depends_on_what_there_is() {
        let cases = [
            (json!({}), 2),
            (json!({"desiredCount": 0}), 1),
            (json!({"schedulingStrategy": "DAEMON"}), 1),
            (json!({"schedulingStrategy": "REPLICA"}), 2),
            (json!({"status": "DRAINING"}), 0),
        ];
        for (members, calls) in cases {
            assert_eq!(of(members.clone()).calls().len(), calls, "{members}");
        }
        assert_eq!(
            of(json!({})).calls()[1],
            json!({"call": "DeleteService", "input": {"cluster": "prod", "service": "web", "force": true}})
        );
        assert_eq!(of(json!({"status": "DRAINING"})).ask(), Some(Step::Look));
        let unwaited = Removal::new("prod", draining(), None, Duration::ZERO);
        assert_eq!(result(&unwaited), Some(Gone::Deleting));
    }

    #[test]
    fn every_end_has_its_word() {
        let error = |kind| Error::new(kind, "no");
        let deleting = || {
            let mut removal = of(json!({"desiredCount": 0}));
            removal.deleted(Ok(draining()), Duration::ZERO);
            removal
        };
        let mut gone = of(json!({"desiredCount": 0}));
        gone.deleted(Err(error(Kind::NotFound)), SECOND);
        assert_eq!(result(&gone), Some(Gone::Deleted));
        let mut refused = of(json!({"desiredCount": 0}));
        refused.deleted(Err(error(Kind::Denied)), SECOND);
        assert_eq!(result(&refused), Some(Gone::Refused));
        refused.interrupt("on Ctrl-C");
        assert_eq!(result(&refused), Some(Gone::Refused), "what is over stays so");
        let mut missing = deleting();
        missing.looked(Ok(None), SECOND);
        assert_eq!(result(&missing), Some(Gone::Deleted));
        let mut late = deleting();
        late.looked(Ok(Some(&draining())), MINUTE);
        assert_eq!(
            late.end().unwrap().explanation,
            "still draining when the time was up, with 1 tasks running"
        );
        let mut left = deleting();
        left.interrupt("on Ctrl-C");
        assert_eq!(left.end().unwrap().explanation, "left on Ctrl-C; its deletion goes on");
        let mut unwaited = Removal::new("prod", service(json!({"desiredCount": 0})), None, Duration::ZERO);
        unwaited.deleted(Ok(draining()), SECOND);
        assert_eq!(result(&unwaited), Some(Gone::Deleting));
        assert!(unwaited.end().unwrap().is_good() && !late.end().unwrap().is_good());
    }

    #[test]
    fn a_service_that_cannot_be_described_is_not_gone() {
        let passing = Error::new(Kind::Unavailable, "no answer");
        let mut removal = of(json!({"status": "DRAINING"}));
        removal.looked(Err(&passing), SECOND);
        removal.looked(Err(&passing), 100 * SECOND);
        assert_eq!(removal.ask(), Some(Step::Look));
        removal.looked(Err(&passing), 121 * SECOND);
        assert_eq!(result(&removal), Some(Gone::Unknown));
        let mut denied = of(json!({"status": "DRAINING"}));
        denied.looked(Err(&Error::new(Kind::Denied, "no")), SECOND);
        assert_eq!(result(&denied), Some(Gone::Unknown));
    }
}
