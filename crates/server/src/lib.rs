//! HTTP for people and machines: webhooks in, the JSON API, the dashboard, and what watches this process.
//!
//! It decides nothing about environments: each request becomes a question to, or a wish at, `control::preview::Desk`.

mod address;
mod api;
mod app;
mod assets;
mod audit;
mod glance;
mod guard;
mod health;
mod limit;
mod live;
mod metrics;
mod network;
mod openapi;
mod pages;
pub mod people;
mod problem;
mod random;
mod routes;
mod serve;
mod signature;
mod webhooks;

pub use self::app::{App, Reply, Secrets, SignLink};
pub use self::glance::{ApiCalls, Glance, RunRow, ServiceRow, Standing};
pub use self::network::Network;
pub use self::openapi::document;
pub use self::routes::{Access, router, table};
pub use self::serve::serve;
