//! A table made ready: checked, indexed, and bound to what outlives a swap.

mod action;
mod condition;
mod index;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use action::Choice;
use action::ForwardRoute;
use condition::Facts;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use index::Index;

use crate::answer::Answer;
use crate::doorkeeper::Guard;
use crate::pool::Place;
use crate::request::{Request, without_port};
use crate::rewrite::Origin;
use crate::state::{GroupState, State, TargetState};
use crate::table::{Action, Balance, Cookie, Forward, Listener, Protocol, Redirect, Rule, Table, Tls};
use crate::tls;

/// What is wrong with a table; nothing of it is used then.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// Two listeners, two groups, or two targets of a group have one name.
    #[error("{what} `{id}` is there twice; give each its own name")]
    Twice {
        /// What it is.
        what: &'static str,
        /// Its name.
        id: String,
    },
    /// An action names a group that is not in the table.
    #[error("listener `{listener}` forwards to group `{group}`, which is not in the table; add the group")]
    NoGroup {
        /// The listener.
        listener: String,
        /// The group.
        group: String,
    },
    /// A text cannot be part of an answer's head, or a status cannot be one.
    #[error(
        "listener `{listener}` has `{text}` where a header's text or a status of 200 to 599 is needed; correct it"
    )]
    NotAnswerable {
        /// The listener.
        listener: String,
        /// What it has.
        text: String,
    },
    /// A certificate or its key is of no use.
    #[error(
        "the certificates of listener `{listener}` cannot be used; check that chain and key are PEM and belong together"
    )]
    Certificate {
        /// The listener.
        listener: String,
        /// What is wrong.
        #[source]
        source: tls::CertificateError,
    },
}

/// A table made ready, shared by all workers.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    pub(crate) listeners: Vec<ListenerRoutes>,
    pub(crate) groups: Vec<GroupRoutes>,
    group_numbers: HashMap<String, usize>,
    places: HashSet<Place>,
}

/// A listener made ready.
#[derive(Debug)]
pub(crate) struct ListenerRoutes {
    pub(crate) id: String,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) idle_timeout: Duration,
    pub(crate) tls: Option<(Tls, Arc<tls::ServerConfig>)>,
    index: Index,
    rules: Vec<ReadyRule>,
    default: Ready,
}

#[derive(Debug)]
struct ReadyRule {
    conditions: Vec<crate::table::Condition>,
    action: Ready,
}

#[derive(Debug)]
enum Ready {
    Forward(ForwardRoute),
    Guarded(ForwardRoute, Guard),
    Redirect(Redirect),
    Fixed(Answer),
}

/// A group made ready.
#[derive(Debug)]
pub(crate) struct GroupRoutes {
    pub(crate) id: String,
    pub(crate) targets: Vec<TargetRoute>,
    pub(crate) protocol: Protocol,
    balance: Balance,
    pub(crate) stickiness: Option<Cookie>,
    state: Arc<GroupState>,
}

/// A target made ready.
#[derive(Debug)]
pub(crate) struct TargetRoute {
    pub(crate) address: SocketAddr,
    pub(crate) state: Arc<TargetState>,
}

/// What is to be done with a request.
#[derive(Debug)]
pub(crate) enum Decision {
    /// It goes to a target of this group. The cookie lines go with the answer.
    Forward(Choice),
    /// It does if the doorkeeper lets it in.
    Guarded(Choice, Guard),
    Answer(Answer),
}

impl Routes {
    /// Makes a table ready. `before` lends what has not changed.
    pub(crate) fn new(table: Table, state: &State, before: &Self) -> Result<Self, TableError> {
        let mut routes = Self::default();
        for group in table.groups {
            let mut keys = HashSet::new();
            if let Some(target) = group.targets.iter().find(|target| !keys.insert(&target.key)) {
                return Err(TableError::Twice { what: "target", id: target.key.clone() });
            }
            let targets = group.targets.iter();
            let targets =
                targets.map(|it| TargetRoute { address: it.address, state: state.target(&it.key) }).collect();
            let (number, state) = (routes.groups.len(), state.group(&group.id));
            if routes.group_numbers.insert(group.id.clone(), number).is_some() {
                return Err(TableError::Twice { what: "group", id: group.id });
            }
            let (id, protocol, balance, stickiness) =
                (group.id, group.protocol, group.balance, group.stickiness);
            routes.places.extend(
                group.targets.iter().map(|it| Place { address: it.address, protocol: group.protocol }),
            );
            routes.groups.push(GroupRoutes { id, targets, protocol, balance, stickiness, state });
        }
        let mut ids = HashSet::new();
        for listener in table.listeners {
            if !ids.insert(listener.id.clone()) {
                return Err(TableError::Twice { what: "listener", id: listener.id });
            }
            let ready = ListenerRoutes::new(listener, &routes.group_numbers, before)?;
            routes.listeners.push(ready);
        }
        Ok(routes)
    }

    /// The group of this name.
    pub(crate) fn group(&self, id: &str) -> Option<usize> {
        self.group_numbers.get(id).copied()
    }

    /// Whether a group has a target.
    pub(crate) fn has_target(&self, group: usize) -> bool {
        !self.groups[group].targets.is_empty()
    }

    /// Whether a target of the table is there.
    pub(crate) fn has(&self, place: &Place) -> bool {
        self.places.contains(place)
    }

    pub(crate) fn listener(&self, id: &str) -> Option<usize> {
        self.listeners.iter().position(|it| it.id == id)
    }

    /// What is to be done with a request that came to this listener.
    pub(crate) fn decide(&self, listener: usize, request: &Request<'_>, origin: &Origin) -> Option<Decision> {
        let listener = self.listeners.get(listener)?;
        let host = without_port(request.host).to_ascii_lowercase();
        let facts = Facts { request, host: &host, origin };
        Some(match listener.action(&facts) {
            Ready::Forward(forward) => Decision::Forward(forward.choose(request, self)),
            Ready::Guarded(forward, guard) => Decision::Guarded(forward.choose(request, self), guard.clone()),
            Ready::Redirect(redirect) => Decision::Answer(action::redirect(redirect, request, origin)),
            Ready::Fixed(answer) => Decision::Answer(answer.clone()),
        })
    }
}

impl ListenerRoutes {
    fn new(listener: Listener, groups: &HashMap<String, usize>, before: &Routes) -> Result<Self, TableError> {
        let Listener { id, addresses, tls, mut rules, default, idle_timeout } = listener;
        rules.sort_by_key(|rule| rule.priority);
        let index = Index::new(&rules);
        let ready = |action| Ready::new(action, &id, groups);
        let rules = rules
            .into_iter()
            .map(|Rule { conditions, action, .. }| Ok(ReadyRule { conditions, action: ready(action)? }));
        let rules = rules.collect::<Result<_, TableError>>()?;
        let default = ready(default)?;
        let tls = match tls {
            None => None,
            Some(tls) => {
                let known =
                    before.listeners.iter().filter_map(|it| it.tls.as_ref()).find(|(old, _)| *old == tls);
                let config = match known {
                    // The same object, so that sessions can be resumed.
                    Some((_, config)) => config.clone(),
                    None => tls::server(&tls)
                        .map_err(|source| TableError::Certificate { listener: id.clone(), source })?,
                };
                Some((tls, config))
            }
        };
        Ok(Self { id, addresses, idle_timeout, tls, index, rules, default })
    }

    fn action(&self, facts: &Facts<'_>) -> &Ready {
        let rule = self.index.first(facts.host, |number| {
            self.rules[number].conditions.iter().all(|condition| condition::holds(condition, facts))
        });
        rule.map_or(&self.default, |number| &self.rules[number].action)
    }
}

impl Ready {
    fn new(action: Action, listener: &str, groups: &HashMap<String, usize>) -> Result<Self, TableError> {
        let wrong =
            |text: &str| TableError::NotAnswerable { listener: listener.to_owned(), text: text.to_owned() };
        let check = |text: &str| if is_header_text(text) { Ok(()) } else { Err(wrong(text)) };
        let route = |forward: Forward| {
            if let Some(cookie) = &forward.stickiness {
                check(&cookie.name)?;
            }
            ForwardRoute::new(forward, groups)
                .map_err(|group| TableError::NoGroup { listener: listener.to_owned(), group })
        };
        match action {
            Action::Forward(forward) => route(forward).map(Self::Forward),
            Action::Guarded(forward, guard) => Ok(Self::Guarded(route(forward)?, guard)),
            Action::Redirect(redirect) => {
                let Redirect { protocol, host, port, path, query, status } = &redirect;
                for part in [protocol, host, port, path, query] {
                    check(part)?;
                }
                if !(300..=399).contains(status) {
                    return Err(wrong(&status.to_string()));
                }
                Ok(Self::Redirect(redirect))
            }
            Action::Fixed(fixed) => {
                check(&fixed.content_type)?;
                let status = Some(fixed.status).filter(|status| (200..=599).contains(status));
                let status = status.and_then(|status| StatusCode::from_u16(status).ok());
                let status = status.ok_or_else(|| wrong(&fixed.status.to_string()))?;
                let content_type = Some(fixed.content_type).filter(|it| !it.is_empty());
                let content_type = content_type.and_then(|it| HeaderValue::try_from(it).ok());
                Ok(Self::Fixed(Answer { status, location: None, content_type, body: fixed.body.into() }))
            }
        }
    }
}

impl GroupRoutes {
    /// The target for a request: the one of its cookie, else the next. `None` when all have been tried.
    pub(crate) fn pick(&self, tried: &[u64], cookie: Option<u64>) -> Option<usize> {
        let may = |target: &TargetRoute| !tried.contains(&target.state.id);
        let sticky =
            cookie.and_then(|wanted| self.targets.iter().position(|it| may(it) && it.state.cookie == wanted));
        if sticky.is_some() || self.targets.is_empty() {
            return sticky;
        }
        // Another try takes nobody's turn, so a target that fails does not shift the others' order.
        let turn = if tried.is_empty() { self.state.turn() } else { self.state.next_turn() };
        let first = turn % self.targets.len();
        let mut in_turn =
            (first..self.targets.len()).chain(0..first).filter(|number| may(&self.targets[*number]));
        match self.balance {
            Balance::RoundRobin => in_turn.next(),
            Balance::LeastOutstanding => in_turn.min_by_key(|number| self.targets[*number].state.in_flight()),
        }
    }
}

fn is_header_text(text: &str) -> bool {
    text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}
