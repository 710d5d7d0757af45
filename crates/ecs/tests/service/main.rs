//! Services, driven from outside as the engine drives them: by calls, reports, time and restarts.

#[cfg(test)]
mod basics;
#[cfg(test)]
#[path = "../cloud/local.rs"]
#[allow(dead_code, reason = "shared with the tests of tasks, which use more of it")]
mod local;
#[cfg(test)]
mod many;
#[cfg(test)]
mod stage;
