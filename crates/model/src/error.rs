//! A call that failed, said once and in the service's own words.

use std::error::Error as StdError;
use std::fmt;

/// What kind of trouble it is, decided where the error is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The object does not exist.
    NotFound,
    /// It contradicts something that was done before.
    Conflict,
    /// Too many calls, or too many tasks that wait for capacity: the same call will do later.
    Throttled,
    /// No credentials, or not allowed.
    Denied,
    /// The request itself is wrong.
    Invalid,
    /// Nobody answers, or the service itself failed. Trying again may help.
    Unavailable,
    /// Neither the user's fault nor the service's.
    Bug,
}

/// A call that failed. `Display` says what failed on which object, with the service's own code and message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Parts>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    kind: Kind,
    message: String,
    code: Option<String>,
    hint: Option<String>,
    resource_ids: Vec<String>,
    source: Option<RootCause>,
}

/// The innermost cause, without the layers of the HTTP client in between.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RootCause(String);

impl Error {
    /// With what failed on which object, and why.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind,
            message: message.into(),
            code: None,
            hint: None,
            resource_ids: Vec::new(),
            source: None,
        }))
    }

    /// With what the user can do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// With the service's own code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.0.code = Some(code.into());
        self
    }

    /// With the objects that it contradicts.
    #[must_use]
    pub fn with_resource_ids(mut self, ids: Vec<String>) -> Self {
        self.0.resource_ids = ids;
        self
    }

    /// With the innermost cause.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<String>) -> Self {
        self.0.source = Some(RootCause(cause.into()));
        self
    }

    /// What kind of trouble it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Whether trying the same again may help.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self.0.kind, Kind::Unavailable | Kind::Throttled)
    }

    /// The service's code, such as `ClusterNotFoundException`, when the service answered.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Of a [`Kind::Conflict`]: what exists already, such as the tasks that a client token has started.
    #[must_use]
    pub fn resource_ids(&self) -> &[String] {
        &self.0.resource_ids
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl fmt::Display for RootCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for RootCause {}
