//! A whole cloud, driven from outside as the engine drives it: by calls, reports, time and restarts.

#[cfg(test)]
mod checks;
#[cfg(test)]
mod definitions;
#[cfg(test)]
mod fake_runtime;
#[cfg(test)]
mod local;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod story;
