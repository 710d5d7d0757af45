//! Names of headers that mean something to a proxy.

/// What a header means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    /// Goes through as it is.
    Other,
    Host,
    Cookie,
    Connection,
    Upgrade,
    ContentLength,
    TransferEncoding,
    ForwardedFor,
    ForwardedProto,
    ForwardedPort,
    /// Any other that is for one connection only.
    Hop,
}

/// Sorts a name; most are told apart by their length.
pub(crate) fn sort(name: &str) -> Name {
    let is = |wanted: &str, meaning| if name.eq_ignore_ascii_case(wanted) { meaning } else { Name::Other };
    match name.len() {
        2 => is("te", Name::Hop),
        4 => is("host", Name::Host),
        6 => is("cookie", Name::Cookie),
        7 => match is("upgrade", Name::Upgrade) {
            Name::Other => is("trailer", Name::Hop),
            found => found,
        },
        10 => match is("connection", Name::Connection) {
            Name::Other => is("keep-alive", Name::Hop),
            found => found,
        },
        14 => match is("content-length", Name::ContentLength) {
            // Goes with `Upgrade: h2c`, which is never passed on.
            Name::Other => is("http2-settings", Name::Hop),
            found => found,
        },
        15 => is("x-forwarded-for", Name::ForwardedFor),
        16 => match is("x-forwarded-port", Name::ForwardedPort) {
            Name::Other => is("proxy-connection", Name::Hop),
            found => found,
        },
        17 => match is("transfer-encoding", Name::TransferEncoding) {
            Name::Other => is("x-forwarded-proto", Name::ForwardedProto),
            found => found,
        },
        _ => Name::Other,
    }
}

/// The words of a list such as the value of `Connection`.
pub(crate) fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|word| !word.is_empty())
}

/// What the `Connection` headers of a message say.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Connection {
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    pub(crate) upgrade: bool,
    /// Other headers are named, which are for this connection only.
    pub(crate) names: bool,
}

impl Connection {
    pub(crate) fn read(&mut self, value: &[u8]) {
        for word in words(value) {
            if word.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if word.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if word.eq_ignore_ascii_case(b"upgrade") {
                self.upgrade = true;
            } else {
                self.names = true;
            }
        }
    }
}

/// Whether one of the `Connection` headers names this header.
pub(crate) fn is_named(name: &str, headers: &[httparse::Header<'_>]) -> bool {
    headers
        .iter()
        .filter(|header| sort(header.name) == Name::Connection)
        .any(|header| words(header.value).any(|word| word.eq_ignore_ascii_case(name.as_bytes())))
}
