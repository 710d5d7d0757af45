//! Services, driven from outside as the engine drives them: by calls, reports, time and restarts.

#[cfg(test)]
mod asking;
#[cfg(test)]
mod balancers;
#[cfg(test)]
mod basics;
#[cfg(test)]
mod deployments;
#[cfg(test)]
#[path = "../cloud/fake_runtime.rs"]
mod fake_runtime;
#[cfg(test)]
#[path = "../cloud/local.rs"]
#[allow(dead_code, reason = "shared with the tests of tasks, which use more of it")]
mod local;
#[cfg(test)]
mod many;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod story;
#[cfg(test)]
mod upkeep;
