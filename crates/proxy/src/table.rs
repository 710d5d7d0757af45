//! What the proxy should do, as a value: listeners, their rules, and the groups of targets behind them.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::doorkeeper::Guard;
use crate::pattern::Cidr;

/// Everything at once. A table is swapped whole; nothing in it changes afterwards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Where clients come in.
    pub listeners: Vec<Listener>,
    /// Where requests go; actions name them by id.
    pub groups: Vec<Group>,
}

/// A port that is open for clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// What keeps its socket and its connections over a swap.
    pub id: String,
    /// The first of these that can be bound is. Port 0 takes any free port.
    pub addresses: Vec<SocketAddr>,
    /// Certificates, for HTTPS.
    pub tls: Option<Tls>,
    /// Tried in order of their priority, the lowest number first.
    pub rules: Vec<Rule>,
    /// What happens to a request that no rule matches.
    pub default: Action,
    /// How long a connection may be silent (Application Load Balancers: 60 seconds unless told otherwise).
    pub idle_timeout: Duration,
}

/// The certificates of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The first is for clients that name no known host.
    pub certificates: Vec<Certificate>,
}

/// A certificate and the names that it is shown for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Host names; `*.example.com` stands for any one label.
    pub names: Vec<String>,
    /// The certificate and those that vouch for it, PEM.
    pub chain: String,
    /// The private key, PEM.
    pub key: Secret,
}

/// A text that is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("(secret)")
    }
}

/// A rule: when all conditions hold, the action is what happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The lowest number is tried first. Of two that are equal the first in the list is.
    pub priority: u32,
    /// All must hold.
    pub conditions: Vec<Condition>,
    /// What happens.
    pub action: Action,
}

/// Something about a request. Any of its values will do. `*` stands for any text, `?` for one character
/// (ELB User Guide, "Condition types for listener rules").
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The host name without its port, in any case.
    Host(Vec<String>),
    /// The path without the query, in this case.
    Path(Vec<String>),
    /// A header; its values in any case.
    Header {
        /// The header's name.
        name: String,
        /// Patterns of its value.
        values: Vec<String>,
    },
    /// Pairs of the query string in any case; without a name, any pair with that value.
    Query(Vec<(Option<String>, String)>),
    /// Where the connection comes from.
    SourceIp(Vec<Cidr>),
    /// The method, exactly.
    Method(Vec<String>),
}

/// What is done with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It goes to a target of a group.
    Forward(Forward),
    /// The same, if the doorkeeper lets it in; it may also wait there until the group has a target.
    Guarded(Forward, Guard),
    /// The client is sent elsewhere.
    Redirect(Redirect),
    /// It is answered here.
    Fixed(Fixed),
}

/// The groups among which requests are spread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// The ids of groups, and their weights. A weight of 0 gets nothing unless all are 0.
    pub groups: Vec<(String, u32)>,
    /// Keeps a client with the group that it had first.
    pub stickiness: Option<Cookie>,
}

impl Forward {
    /// All to one group.
    pub fn to(group: impl Into<String>) -> Self {
        Self { groups: vec![(group.into(), 1)], stickiness: None }
    }
}

/// The cookie that keeps a client where it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    /// Its name.
    pub name: String,
    /// How long the client keeps it.
    pub lasts: Duration,
}

/// A redirect. Its parts may hold `#{protocol}`, `#{host}`, `#{port}`, `#{path}` (without its first slash) and
/// `#{query}`, which stand for those of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// `HTTP` or `HTTPS`.
    pub protocol: String,
    /// The host name.
    pub host: String,
    /// The port.
    pub port: String,
    /// The path, with its first slash.
    pub path: String,
    /// The query without its question mark.
    pub query: String,
    /// 301 or 302.
    pub status: u16,
}

impl Default for Redirect {
    /// Back to where the request went, for good: change the part that differs.
    fn default() -> Self {
        let part = |name: &str| format!("#{{{name}}}");
        Self {
            protocol: part("protocol"),
            host: part("host"),
            port: part("port"),
            path: format!("/{}", part("path")),
            query: part("query"),
            status: 301,
        }
    }
}

/// An answer that needs no target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    /// The status code.
    pub status: u16,
    /// The body's type.
    pub content_type: String,
    /// The body.
    pub body: String,
}

/// Targets that do the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What actions call it.
    pub id: String,
    /// Those that may get requests now: health is the caller's affair.
    pub targets: Vec<Target>,
    /// How the targets are spoken to.
    pub protocol: Protocol,
    /// Which target gets the next request.
    pub balance: Balance,
    /// Keeps a client with the target that it had first.
    pub stickiness: Option<Cookie>,
}

/// A server behind the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What its requests under way are counted under; see [`crate::Proxy::in_flight`].
    pub key: String,
    /// Where it listens.
    pub address: SocketAddr,
}

/// How targets are spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.1 in the clear.
    Http1,
    /// HTTP/2 in the clear, with prior knowledge. Upgrades do not pass, and no trailers to clients of HTTP/1.1.
    Http2,
    /// HTTP/1.1 over TLS. The target's certificate is not verified, as Application Load Balancers do not.
    Https,
}

/// Which target gets the next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balance {
    /// Each in turn.
    RoundRobin,
    /// The one with the fewest requests under way.
    LeastOutstanding,
}
