//! RegisterTaskDefinition's rules from outside: one line per rule, real people's files, and properties.

#[cfg(test)]
mod accepted;
#[cfg(test)]
mod files;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod support;
