//! Who is asked before a request goes to a target: whether it may, and whether it waits until there is one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::HeaderMap;
use hyper::http::request::Parts;
use hyper::{Method, Response};

/// Decides about the requests of the rules that name it ([`crate::Action::Guarded`]).
///
/// It is called on the threads that carry requests, so nothing here may wait.
pub trait Doorkeeper: Send + Sync + fmt::Debug {
    /// What becomes of a request.
    fn admit(&self, request: &Head<'_>) -> Admission;

    /// The answer to a request that was held in vain.
    fn in_vain(&self, request: &Head<'_>) -> Response<Bytes>;

    /// A request that was held no longer is: it goes on, was given up, or its client has gone. Called once for each
    /// [`Admission::Hold`].
    fn let_go(&self);

    /// Something of a counted request has moved, or of its answer, or of the connection that it was upgraded to.
    fn moved(&self);

    /// Changes the headers of a request that goes to a target.
    fn to_target(&self, headers: &mut HeaderMap);

    /// Changes the headers of every answer, the doorkeeper's own included.
    fn to_client(&self, headers: &mut HeaderMap);
}

/// What becomes of a request.
#[derive(Debug)]
pub enum Admission {
    /// It goes on. One that is `counted` is told of whenever it moves.
    Pass {
        /// See [`Doorkeeper::moved`].
        counted: bool,
    },
    /// This is the answer.
    Answer(Response<Bytes>),
    /// It waits, its body unread, until a table has a target for it: at most so long, and never longer than the
    /// connection may be silent.
    Hold(Duration),
}

/// What a doorkeeper sees of a request. It has been checked: `Host` is its host, and the path has been sent so.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path, or `*`.
    pub path: &'a str,
    /// Without its question mark.
    pub query: Option<&'a str>,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// Whether the group that it would go to has a target now.
    pub has_target: bool,
}

impl<'a> Head<'a> {
    pub(crate) fn of(head: &'a Parts, has_target: bool) -> Self {
        let (path, query) = (head.uri.path(), head.uri.query());
        Self { method: &head.method, path, query, headers: &head.headers, has_target }
    }
}

/// A doorkeeper in a table. Two are equal when they are the same object.
#[derive(Debug, Clone)]
pub struct Guard(pub Arc<dyn Doorkeeper>);

impl PartialEq for Guard {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Guard {}
