//! The data plane: a reverse proxy that is given tables, swaps them whole, and loses no request while it does.
//!
//! A [`Table`] says what listens where and which request goes to which target. [`Proxy::swap`] puts it in force on
//! every worker. A worker is a thread with a runtime, sockets (`SO_REUSEPORT`) and connections to targets of its own,
//! so that a request is carried without a lock and without leaving its thread.
//!
//! HTTP/1.1 is spoken here (`http`, `wire`, `client`), strictly and without copying heads into maps. What decides is
//! apart from what waits: `routes` chooses, `retry` says what happens after a failure.

mod bind;
mod client;
mod clock;
mod door;
mod flight;
mod h2;
pub mod health;
mod http;
mod limits;
mod pace;
mod pattern;
mod pool;
mod proxy;
mod retry;
mod routes;
mod state;
mod table;
mod tls;
mod wire;
mod worker;

pub use limits::{Limits, Options};
pub use pattern::{Cidr, NoCidr};
pub use proxy::{Bound, Proxy};
pub use routes::TableError;
pub use table::{
    Action, Balance, Certificate, Condition, Cookie, Fixed, Forward, Group, Listener, Protocol, Redirect,
    Rule, Secret, Table, Target, Tls,
};
pub use tls::CertificateError;
