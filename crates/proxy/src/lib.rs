//! The data plane: a reverse proxy that is given tables, swaps them whole, and loses no request while it does.
//!
//! A [`Table`] says what listens where and which request goes to which target. [`Proxy::swap`] puts it in force on
//! every worker. A worker is a thread with a runtime, sockets (`SO_REUSEPORT`) and connections to targets of its own,
//! so that a request is carried without a lock and without leaving its thread.
//!
//! hyper speaks HTTP, on both sides. Here is what it leaves to its user: `request` refuses what could be understood in
//! two ways, `rewrite` says what a target and a client may see, `pool` keeps connections to targets, and `visit` holds
//! clients to their time. What decides is apart from what waits: `routes` chooses, `retry` says what happens after a
//! failure.

mod answer;
mod bind;
mod body;
mod deaf;
mod door;
mod doorkeeper;
mod exchange;
mod flight;
pub mod health;
mod hold;
mod life;
mod limits;
mod pace;
mod pattern;
mod pool;
mod proxy;
mod request;
mod retry;
mod rewrite;
mod routes;
pub mod sites;
mod state;
mod table;
mod tls;
mod tunnel;
mod visit;
mod worker;

pub use doorkeeper::{Admission, Doorkeeper, Guard, Head};
pub use limits::{Limits, Options};
pub use pattern::{Cidr, NoCidr};
pub use proxy::{Bound, Proxy};
pub use routes::TableError;
pub use table::{
    Action, Balance, Certificate, Condition, Cookie, Fixed, Forward, Group, Listener, Protocol, Redirect,
    Rule, Secret, Table, Target, Tls,
};
pub use tls::CertificateError;
