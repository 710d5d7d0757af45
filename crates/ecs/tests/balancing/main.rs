//! Load balancers driven from outside as the engine drives them: by calls, health, time and restarts.

#[cfg(test)]
mod attributes;
#[cfg(test)]
mod balancers;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod listeners;
#[cfg(test)]
mod local;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod targets;
