//! Who may do what: tokens of machines and people, and sessions of browsers.

pub(crate) mod csrf;
pub(crate) mod login;
pub(crate) mod sessions;
pub mod tokens;

use longshore_model::preview::view::Role;

/// Somebody who was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Visitor {
    /// A token's name, or a login; for the audit log and timelines.
    pub(crate) name: String,
    /// What they may do.
    pub(crate) role: Role,
    /// What their forms carry, when they came with a session.
    pub(crate) csrf: String,
}

impl Visitor {
    pub(crate) fn is_operator(&self) -> bool {
        self.role == Role::Operator
    }
}

/// A role as people read it.
pub(crate) const fn word(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Operator => "operator",
    }
}
