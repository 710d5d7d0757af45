//! How requests reach an environment, and who is let in.

use serde::{Deserialize, Serialize};

/// How requests reach an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// `LABEL.APP.DOMAIN` through our own proxy.
    Proxy {
        /// Behind one wildcard record for `*.APP.DOMAIN`.
        domain: String,
        /// What URLs begin with: `http` or `https`.
        scheme: String,
        /// The port in URLs, when it is not the scheme's own.
        port: Option<u16>,
        /// Who is let in.
        access: Access,
    },
    /// A listener of its own on a random free port of a shared load balancer.
    Port {
        /// The load balancer's ARN.
        load_balancer: String,
        /// The first port.
        first: u16,
        /// The last port; it is used, too.
        last: u16,
    },
    /// A target group and a rule for `LABEL.APP.DOMAIN` on a shared listener.
    Host {
        /// The listener's ARN.
        listener: String,
        /// The domain behind the app's label.
        domain: String,
    },
}

/// Who our own proxy lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Who has logged in, or comes with a signed link.
    Login,
    /// Anybody.
    Public,
}

/// How clients come to an environment behind our own proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entrance {
    /// Over TLS, which somebody in front of the proxy ends.
    pub is_secure: bool,
    /// The port that they see.
    pub port: u16,
    /// Who is let in.
    pub access: Access,
}
