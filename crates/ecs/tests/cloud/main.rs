//! A whole cloud, driven from outside as the engine drives it: by calls, reports, time and restarts.

#[cfg(test)]
mod after_restart;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod checks;
#[cfg(test)]
mod definitions;
#[cfg(test)]
mod fake_runtime;
#[cfg(test)]
mod local;
#[cfg(test)]
mod one_task;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod start_order;
#[cfg(test)]
mod staying_up;
#[cfg(test)]
mod stopping;
#[cfg(test)]
mod story;
#[cfg(test)]
mod tokens;
