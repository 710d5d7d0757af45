//! What the way of a service asks, what comes back, and how it is to go.

use std::time::Duration;

use longshore_model::Error;
use longshore_model::seen::Service;
use longshore_model::tag::Tag;
use serde_json::{Map, Value};

use crate::run;
use crate::service::gate::Gate;
use crate::service::outcome::Failing;

/// What to do next. Each is answered before the next is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// Run a task of this revision, to its end.
    Gate(Gate, String),
    /// CreateService.
    Create(Map<String, Value>),
    /// UpdateService.
    Update(Map<String, Value>),
    /// TagResource and UntagResource.
    Tag {
        /// Of the service.
        arn: String,
        /// To be set.
        set: Vec<Tag>,
        /// To be taken off.
        unset: Vec<String>,
    },
    /// DescribeServices, in a while.
    Look,
    /// The stopped tasks of this deployment that failed.
    Failing {
        /// Its id.
        deployment: String,
        /// ARNs of those that are known already.
        known: Vec<String>,
    },
}

/// What came back.
#[derive(Debug)]
pub enum Did {
    /// Of [`Ask::Gate`]; an error when it could not even begin.
    Gate(Result<Box<run::Outcome>, Error>),
    /// Of [`Ask::Create`] and [`Ask::Update`].
    Changed(Result<Service, Error>),
    /// Of [`Ask::Tag`].
    Tagged(Result<(), Error>),
    /// Of [`Ask::Look`].
    Looked(Result<Option<Service>, Error>),
    /// Of [`Ask::Failing`]: what could be found out.
    Failing(Vec<Failing>),
}

/// How a service is brought to what is wanted.
#[derive(Debug, Clone, Default)]
pub struct Way {
    /// Run before a new revision is deployed.
    pub before: Vec<Gate>,
    /// Run after it was.
    pub after: Vec<Gate>,
    /// Whether the deployment is not waited for.
    pub no_wait: bool,
    /// Whether a failed deployment is left as it is.
    pub no_rollback: bool,
    /// The deployment is waited for this long.
    pub timeout: Option<Duration>,
}
