//! What local HTTPS listeners show: a certificate that this engine has signed itself. The ones that their ARNs name are
//! in ACM, and no engine has their keys.

use std::collections::{BTreeMap, BTreeSet};

use longshore_ecs::balancing::{Condition, ListenerProtocol, ListenerRoutes};
use longshore_proxy::{Certificate, Secret, Tls};

/// The certificates that were made, by the names on them: a browser that trusts one goes on to do so.
#[derive(Debug, Default)]
pub(super) struct Certificates(BTreeMap<Vec<String>, Certificate>);

impl Certificates {
    /// What an HTTPS listener shows: a certificate for its address, `localhost`, and the hosts that its rules name.
    pub(super) fn of(&mut self, listener: &ListenerRoutes) -> Option<Tls> {
        if listener.protocol != ListenerProtocol::Https {
            return None;
        }
        let names = names(listener);
        if !self.0.contains_key(&names) {
            match make(&names) {
                Ok(made) => drop(self.0.insert(names.clone(), made)),
                Err(error) => {
                    tracing::error!(%error, listener = listener.arn, "no certificate can be made for the listener");
                }
            }
        }
        Some(Tls { certificates: self.0.get(&names).cloned().into_iter().collect() })
    }
}

fn names(listener: &ListenerRoutes) -> Vec<String> {
    let mut names = BTreeSet::from(["localhost".to_owned(), listener.address.to_string()]);
    for condition in listener.rules.iter().flat_map(|rule| &rule.conditions) {
        if let Condition::HostHeader(hosts) = condition {
            names.extend(hosts.iter().filter(|host| is_name(host)).cloned());
        }
    }
    names.into_iter().collect()
}

fn make(names: &[String]) -> Result<Certificate, rcgen::Error> {
    let made = rcgen::generate_simple_self_signed(names)?;
    let key = Secret(made.signing_key.serialize_pem());
    Ok(Certificate { names: names.to_vec(), chain: made.cert.pem(), key })
}

/// Whether a pattern is a name that a certificate may carry: without wildcards, but for a first label of `*`.
fn is_name(pattern: &str) -> bool {
    let rest = pattern.strip_prefix("*.").unwrap_or(pattern);
    !rest.contains(['*', '?']) && rest.contains('.')
}
