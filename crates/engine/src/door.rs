//! The locked door: who may call, checked before a request is looked at any further.
//!
//! Only loopback names are served (a web page that rebinds its own name to 127.0.0.1 is refused), and every request
//! carries an AWS Signature Version 4 made with the engine's own key.

mod signature;

use hyper::HeaderMap;
use hyper::header::HOST;
use longshore_model::Timestamp;

use crate::refusal::Refusal;

pub use signature::{Keys, sha256_hex};

/// A caller that was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// The access key id of the signature.
    pub access_key: String,
    /// The region of the signature's scope.
    pub region: String,
    /// The service of the signature's scope, such as `ecs`.
    pub service: String,
}

/// The parts of a request that the door looks at.
#[derive(Debug, Clone, Copy)]
pub struct Knock<'a> {
    /// `POST` or `GET`.
    pub method: &'a str,
    /// The path as sent.
    pub path: &'a str,
    /// The query as sent, without `?`.
    pub query: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
}

/// Whom the door lets in.
#[derive(Debug)]
pub enum Door {
    /// Those who sign with the key.
    Locked(Box<Keys>),
    /// Whoever signs with anything: for test suites that bring their own keys.
    AnyCredentials,
}

impl Door {
    /// Lets a caller in, or says in AWS's words why not.
    ///
    /// # Errors
    /// The refusal that AWS would answer.
    pub fn open(&self, knock: &Knock<'_>, now: Timestamp) -> Result<Visitor, Refusal> {
        check_host(knock.headers)?;
        let claim = signature::Claim::read(knock.headers)?;
        match self {
            Self::AnyCredentials => {}
            Self::Locked(keys) => keys.check(&claim, knock, now)?,
        }
        Ok(Visitor {
            access_key: claim.access_key.to_owned(),
            region: claim.region.to_owned(),
            service: claim.service.to_owned(),
        })
    }
}

/// Only names that mean this machine, whatever the port.
fn check_host(headers: &HeaderMap) -> Result<(), Refusal> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    if matches!(name, "localhost" | "127.0.0.1" | "[::1]") {
        return Ok(());
    }
    let message = "This engine answers only under localhost, 127.0.0.1 and [::1].";
    Err(Refusal::new("AccessDeniedException", message).with_status(403))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_served() {
        let with = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            check_host(&headers).is_ok()
        };
        for host in ["localhost:4510", "127.0.0.1", "[::1]:80", "localhost"] {
            assert!(with(host), "{host}");
        }
        for host in ["evil.example:4510", "127.0.0.1.evil.example", "localhost.evil", "", "127.0.0.1:80:90"] {
            assert!(!with(host), "{host}");
        }
        assert!(check_host(&HeaderMap::new()).is_err());
    }
}
