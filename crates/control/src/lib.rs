//! The loops: they ask the world, hand what they saw to `decide`, and do what it says.

pub mod book;
pub mod custom_resource;
pub mod driver;
pub mod lease;
mod pace;
mod patience;
mod poller;
pub mod preview;
pub mod recent;
mod revisions;
pub mod run;
pub mod service;
pub mod shutdown;
