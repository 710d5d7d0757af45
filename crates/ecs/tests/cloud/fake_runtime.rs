//! A runtime that does what chance says: it answers in any order, late, twice, or not at all.

use std::collections::BTreeSet;

use longshore_ecs::{ContainerRef, Effect, Event, Report};
use proptest::sample::Index;

/// Something that the runtime owes an answer for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Open {
    Prepare(String),
    Start(ContainerRef),
    Check(ContainerRef),
    /// A container that runs and will end.
    End(ContainerRef),
    /// The answer to a start whose container has ended already.
    LateStart(ContainerRef),
}

/// Everything that was asked for and is not answered, and everything that was ever said.
#[derive(Debug, Default)]
pub(super) struct FakeRuntime {
    open: Vec<Open>,
    said: Vec<Event>,
    signalled: BTreeSet<ContainerRef>,
    killed: BTreeSet<ContainerRef>,
}

impl FakeRuntime {
    /// Takes in what the cloud asks for.
    pub(super) fn take(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Prepare(task) => self.open.push(Open::Prepare(task.clone())),
                Effect::Start(of) => {
                    assert!(!self.runs(of), "{of:?} is started although it runs");
                    assert!(!self.open.contains(&Open::Start(of.clone())), "{of:?} is started twice");
                    self.open.push(Open::Start(of.clone()));
                }
                Effect::Check(of) => self.open.push(Open::Check(of.clone())),
                Effect::Terminate(of) => drop(self.signalled.insert(of.clone())),
                Effect::Kill(of) => drop(self.killed.insert(of.clone())),
                Effect::Release(task) => self.open.retain(|open| open.task() != task),
                Effect::TaskChanged(_)
                | Effect::InstanceChanged(_)
                | Effect::ServiceChanged(_)
                | Effect::RoutesChanged => {}
            }
        }
    }

    fn runs(&self, of: &ContainerRef) -> bool {
        self.open.contains(&Open::End(of.clone()))
    }

    /// Answers one open question in a way that `choice` says.
    pub(super) fn answer(&mut self, which: Index, choice: u8) -> Option<Event> {
        if self.open.is_empty() {
            return None;
        }
        let open = self.open.remove(which.index(self.open.len()));
        let event = match open {
            Open::Prepare(task) if choice.is_multiple_of(8) => {
                Event::Task(task, Report::PrepareFailed { reason: "CannotPullContainerError: no".into() })
            }
            Open::Prepare(task) => prepared(task),
            Open::Start(of) if choice.is_multiple_of(8) => {
                Event::Container(of, Report::StartFailed { reason: "CannotStartContainerError: no".into() })
            }
            Open::Start(of) if choice % 8 == 1 => {
                self.open.push(Open::LateStart(of.clone()));
                exited(of, i32::from(choice / 8 % 4))
            }
            Open::Start(of) => {
                self.open.push(Open::End(of.clone()));
                started(of)
            }
            Open::LateStart(of) => started(of),
            Open::Check(of) => Event::Container(of, Report::Checked { healthy: !choice.is_multiple_of(3) }),
            Open::End(of) => exited(of, i32::from(choice % 4)),
        };
        self.said.push(event.clone());
        Some(event)
    }

    /// Says once more what was said at any time.
    pub(super) fn repeat(&self, which: Index) -> Option<Event> {
        (!self.said.is_empty()).then(|| which.get(&self.said).clone())
    }

    /// One round of a runtime that works: every question is answered, and a container that was told to end does so,
    /// unless it is stubborn: then nothing ends it.
    pub(super) fn work(&mut self, is_stubborn: bool) -> Vec<Event> {
        let mut events = Vec::new();
        for open in std::mem::take(&mut self.open) {
            match open {
                Open::Prepare(task) => events.push(prepared(task)),
                Open::Start(of) => {
                    events.push(started(of.clone()));
                    self.open.push(Open::End(of));
                }
                Open::LateStart(of) => events.push(started(of)),
                Open::Check(of) => events.push(Event::Container(of, Report::Checked { healthy: true })),
                Open::End(of) => {
                    let told = self.signalled.contains(&of) || self.killed.contains(&of);
                    if told && !is_stubborn {
                        events.push(exited(of, 143));
                    } else {
                        self.open.push(Open::End(of));
                    }
                }
            }
        }
        self.said.extend(events.iter().cloned());
        events
    }

    /// What is still there after a restart of the engine: of those that ran or were about to, those that `mask` says.
    pub(super) fn survivors(&mut self, expected: &[ContainerRef], mask: u64) -> BTreeSet<ContainerRef> {
        let before = std::mem::take(&mut self.open);
        let existed = |of: &ContainerRef| {
            before.iter().any(|open| *open == Open::End(of.clone()) || *open == Open::Start(of.clone()))
        };
        let kept = expected.iter().enumerate().filter(|(n, of)| mask >> (n % 64) & 1 == 1 && existed(of));
        let kept: BTreeSet<ContainerRef> = kept.map(|(_, of)| of.clone()).collect();
        self.open.extend(kept.iter().cloned().map(Open::End));
        // What an engine that has ended was told reaches nobody any more.
        self.said.clear();
        self.signalled.clear();
        self.killed.clear();
        kept
    }
}

impl Open {
    fn task(&self) -> &String {
        match self {
            Self::Prepare(task) => task,
            Self::Start(of) | Self::Check(of) | Self::End(of) | Self::LateStart(of) => &of.task,
        }
    }
}

pub(super) fn prepared(task: String) -> Event {
    let digests = vec![("main".to_owned(), "sha256:0".to_owned())];
    Event::Task(task, Report::Prepared { ip: Some("10.0.0.1".into()), digests })
}

pub(super) fn started(of: ContainerRef) -> Event {
    let runtime_id = format!("{}-{}", of.container, of.attempt);
    Event::Container(of, Report::Started { runtime_id, bindings: Vec::new() })
}

pub(super) fn exited(of: ContainerRef, code: i32) -> Event {
    Event::Container(of, Report::Exited { exit_code: Some(code), reason: None })
}
