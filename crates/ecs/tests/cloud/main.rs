//! A whole cloud, driven from outside as the engine drives it: by calls, reports, time and restarts.

mod checks;
mod definitions;
mod fake_runtime;
mod local;
mod properties;
