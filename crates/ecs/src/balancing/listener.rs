//! Listeners: made, described, changed, deleted, and their certificates.

use std::collections::{BTreeMap, BTreeSet};

use longshore_model::{Timestamp, words};
use serde::{Deserialize, Serialize};

use super::action::{self, Actions};
use super::certificate::read_default;
use super::check;
use super::fault::{Fault, FaultKind};
use super::limit;
use super::of_kind;
use super::page::page;
use super::rule::Rule;
use super::shape::{Action, Certificate, Done, Tag, shape};
use super::tags::read_tags;
use crate::cloud::{Cloud, Key};

words! {
    /// What a listener speaks.
    ListenerProtocol {
        /// HTTP.
        Http = "HTTP",
        /// HTTP in TLS.
        Https = "HTTPS",
    }
}

/// The security policy of listeners for which none is named.
const SSL_POLICY: &str = "ELBSecurityPolicy-2016-08";

/// A listener and its rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listener {
    pub(super) arn: String,
    /// Its load balancer's ARN.
    pub(super) balancer: String,
    pub(super) protocol: ListenerProtocol,
    pub(super) port: u16,
    ssl_policy: Option<String>,
    /// The default certificate; HTTPS listeners have one.
    pub(super) certificate: Option<String>,
    /// Further certificates.
    pub(super) certificates: BTreeSet<String>,
    /// What is done with requests that no rule takes.
    pub(super) default: Rule,
    /// By priority.
    pub(super) rules: BTreeMap<u16, Rule>,
    pub(super) tags: Vec<Tag>,
}

shape! {
    /// CreateListener.
    CreateListener {
        load_balancer_arn: Option<String>,
        protocol: Option<String>,
        port: Option<i32>,
        ssl_policy: Option<String>,
        certificates: Vec<Certificate>,
        default_actions: Vec<Action>,
        tags: Vec<Tag>,
        mutual_authentication: Option<MutualAuthentication>,
    }
}
shape! {
    /// ModifyListener.
    ModifyListener {
        listener_arn: Option<String>,
        protocol: Option<String>,
        port: Option<i32>,
        ssl_policy: Option<String>,
        certificates: Vec<Certificate>,
        default_actions: Vec<Action>,
        mutual_authentication: Option<MutualAuthentication>,
    }
}
shape! {
    /// Whether clients show a certificate.
    MutualAuthentication { mode: Option<String> }
}
shape! {
    /// DescribeListeners.
    DescribeListeners {
        load_balancer_arn: Option<String>,
        listener_arns: Vec<String>,
        marker: Option<String>,
        page_size: Option<i32>,
    }
}
shape! {
    /// A call about one listener.
    OfListener { listener_arn: Option<String> }
}
shape! {
    /// A listener as ELB describes it.
    ListenerView {
        listener_arn: String,
        load_balancer_arn: String,
        port: i32,
        protocol: String,
        certificates: Option<Vec<Certificate>>,
        ssl_policy: Option<String>,
        default_actions: Vec<Action>,
        mutual_authentication: Option<MutualAuthentication>,
    }
}

/// The answer of the calls that show listeners.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Listeners {
    /// All, or a page of them.
    pub listeners: Vec<ListenerView>,
    /// Where the next page begins.
    pub next_marker: Option<String>,
}

impl Cloud {
    pub(super) fn create_listener(
        &mut self,
        request: &CreateListener,
        now: Timestamp,
    ) -> Result<Listeners, Fault> {
        let balancer = self.balancer(request.load_balancer_arn.as_ref())?;
        let protocol = request.protocol.as_deref();
        let protocol = protocol.ok_or_else(|| Fault::invalid("A listener protocol must be specified"))?;
        let port = request.port.ok_or_else(|| Fault::invalid("A listener port must be specified"))?;
        check_mutual(request.mutual_authentication.as_ref())?;
        let prefix = balancer.arn.replacen(":loadbalancer/", ":listener/", 1);
        let mut new = Listener {
            arn: String::new(),
            balancer: balancer.arn.clone(),
            protocol: read_protocol(protocol)?,
            port: check::port("port", port)?,
            ssl_policy: request.ssl_policy.clone(),
            certificate: read_default(&request.certificates)?,
            certificates: BTreeSet::new(),
            default: Rule::new(
                String::new(),
                Vec::new(),
                action::read(&request.default_actions)?,
                Vec::new(),
            ),
            rules: BTreeMap::new(),
            tags: read_tags(&[], &request.tags)?,
        };
        new.check_tls()?;
        let same = self.balancing.listeners_of(&new.balancer).find(|other| other.port == new.port);
        if let Some(same) = same.filter(|same| same.is_like(&new)) {
            return Ok(show(&[same]));
        }
        self.check_listener(&new)?;
        new.arn = format!("{prefix}/{:016x}", self.random.next_u64());
        new.default.arn = self.new_rule_arn(&new.arn);
        let answer = show(&[&new]);
        self.set_listener(&new.arn.clone(), Some(new), now);
        Ok(answer)
    }

    pub(super) fn modify_listener(
        &mut self,
        request: &ModifyListener,
        now: Timestamp,
    ) -> Result<Listeners, Fault> {
        check_mutual(request.mutual_authentication.as_ref())?;
        let mut listener = self.listener(request.listener_arn.as_ref())?.clone();
        if let Some(port) = request.port {
            listener.port = check::port("port", port)?;
        }
        if let Some(protocol) = &request.protocol {
            listener.protocol = read_protocol(protocol)?;
            if listener.protocol == ListenerProtocol::Http {
                (listener.ssl_policy, listener.certificate) = (None, None);
                listener.certificates.clear();
            }
        }
        if let Some(policy) = &request.ssl_policy {
            listener.ssl_policy = Some(policy.clone());
        }
        if let Some(certificate) = read_default(&request.certificates)? {
            listener.certificate = Some(certificate);
        }
        if !request.default_actions.is_empty() {
            listener.default.actions = action::read(&request.default_actions)?;
        }
        listener.check_tls()?;
        self.check_listener(&listener)?;
        let answer = show(&[&listener]);
        self.set_listener(&listener.arn.clone(), Some(listener), now);
        Ok(answer)
    }

    pub(super) fn describe_listeners(&self, request: &DescribeListeners) -> Result<Listeners, Fault> {
        let balancer = request.load_balancer_arn.as_ref().map(|arn| self.balancer(Some(arn))).transpose()?;
        if balancer.is_some() != request.listener_arns.is_empty() {
            let message = "You must specify either a load balancer ARN or listener ARNs";
            return Err(Fault::invalid(message));
        }
        for arn in &request.listener_arns {
            self.listener(Some(arn))?;
        }
        let is_asked = |it: &&Listener| match balancer {
            Some(balancer) => it.balancer == balancer.arn,
            None => request.listener_arns.contains(&it.arn),
        };
        let found = self.balancing.listeners.values().filter(is_asked).map(|it| (it.arn.clone(), it));
        let (listeners, next_marker) = page(found, request.marker.as_deref(), request.page_size)?;
        Ok(Listeners { next_marker, ..show(&listeners) })
    }

    pub(super) fn delete_listener(&mut self, request: &OfListener, now: Timestamp) -> Result<Done, Fault> {
        let arn = self.listener(request.listener_arn.as_ref())?.arn.clone();
        self.set_listener(&arn, None, now);
        Ok(Done {})
    }

    /// The listener that an ARN names.
    pub(super) fn listener(&self, arn: Option<&String>) -> Result<&Listener, Fault> {
        let arn = check::required("listenerArn", arn)?;
        of_kind(&self.scope, "listener", arn)?;
        let not_found = || Fault::new(FaultKind::ListenerNotFound, format!("Listener '{arn}' not found"));
        self.balancing.listeners.get(arn).ok_or_else(not_found)
    }

    /// Whether a listener may be as it is among those of its load balancer: ports, target groups, and the limits.
    pub(super) fn check_listener(&self, new: &Listener) -> Result<(), Fault> {
        let others: Vec<&Listener> =
            self.balancing.listeners_of(&new.balancer).filter(|other| other.arn != new.arn).collect();
        if others.iter().any(|other| other.port == new.port) {
            let message =
                format!("A listener already exists on this port for this load balancer '{}'", new.balancer);
            return Err(Fault::new(FaultKind::DuplicateListener, message));
        }
        let too_many = |kind, what: &str| {
            let message = format!("You've reached the limit on the number of {what} per load balancer");
            Err(Fault::new(kind, message))
        };
        let all = || others.iter().copied().chain([new]);
        if others.len() >= limit::LISTENERS {
            return too_many(FaultKind::TooManyListeners, "listeners");
        }
        if all().map(|it| it.rules.len()).sum::<usize>() > limit::RULES {
            return too_many(FaultKind::TooManyRules, "rules");
        }
        if all().flat_map(|it| &it.certificates).collect::<BTreeSet<_>>().len() > limit::CERTIFICATES {
            return too_many(FaultKind::TooManyCertificates, "certificates");
        }
        for arn in new.groups() {
            let group = self.group(Some(arn))?;
            if self.balancing.balancers_of(&group.arn).into_iter().any(|user| user != new.balancer) {
                let message = format!(
                    "The following target groups cannot be associated with more than one load balancer: {arn}"
                );
                return Err(Fault::new(FaultKind::TargetGroupAssociationLimit, message));
            }
        }
        let groups: BTreeSet<&String> = all().flat_map(Listener::groups).collect();
        if groups.len() > limit::TARGET_GROUPS_OF_BALANCER {
            return too_many(FaultKind::TooManyUniqueTargetGroupsPerLoadBalancer, "unique target groups");
        }
        if self.balancing.count_targets(&groups) > limit::TARGETS {
            return too_many(FaultKind::TooManyTargets, "targets");
        }
        Ok(())
    }

    /// Puts a listener in the place of the one that was there, or none, and tells the target groups whether they are used.
    pub(super) fn set_listener(&mut self, arn: &str, new: Option<Listener>, now: Timestamp) {
        let groups = |listener: Option<&Listener>| -> BTreeSet<String> {
            listener.into_iter().flat_map(Listener::groups).cloned().collect()
        };
        let before = groups(self.balancing.listeners.get(arn));
        let after = groups(new.as_ref());
        let was_used: BTreeSet<String> =
            after.iter().filter(|group| self.balancing.is_used(group)).cloned().collect();
        match new {
            Some(listener) => drop(self.balancing.listeners.insert(arn.to_owned(), listener)),
            None => drop(self.balancing.listeners.remove(arn)),
        }
        for group in before.difference(&after) {
            self.balancing.unlink_user(group, arn);
        }
        for group in after.difference(&before) {
            self.balancing.link_user(group, arn);
        }
        self.touch(Key::Listener(arn.to_owned()));
        self.routes_changed();
        let begun = after.difference(&was_used);
        let ended: Vec<&String> =
            before.difference(&after).filter(|group| !self.balancing.is_used(group)).collect();
        for group in begun.chain(ended) {
            self.use_changed(group, now);
        }
    }
}

impl Listener {
    /// The target groups of all of its rules.
    pub(super) fn groups(&self) -> impl Iterator<Item = &String> {
        [&self.default].into_iter().chain(self.rules.values()).flat_map(|rule| rule.actions.groups())
    }

    /// TLS needs a certificate and a policy; without TLS there is neither.
    fn check_tls(&mut self) -> Result<(), Fault> {
        if self.protocol == ListenerProtocol::Http {
            if self.certificate.is_some() {
                return Err(Fault::invalid("A certificate cannot be specified for HTTP listeners"));
            }
            return match &self.ssl_policy {
                Some(_) => Err(Fault::invalid("An SSL policy cannot be specified for HTTP listeners")),
                None => Ok(()),
            };
        }
        if self.certificate.is_none() {
            return Err(Fault::invalid("A certificate must be specified for HTTPS listeners"));
        }
        let policy = self.ssl_policy.get_or_insert_with(|| SSL_POLICY.to_owned());
        if !policy.starts_with("ELBSecurityPolicy-") {
            let message = format!("SSL policy '{policy}' not found");
            return Err(Fault::new(FaultKind::SslPolicyNotFound, message));
        }
        Ok(())
    }

    /// Whether both were asked for with the same settings.
    fn is_like(&self, other: &Self) -> bool {
        self.protocol == other.protocol
            && (&self.ssl_policy, &self.certificate) == (&other.ssl_policy, &other.certificate)
            && self.default.actions == other.default.actions
    }
}

fn show(listeners: &[&Listener]) -> Listeners {
    let show = |it: &&Listener| {
        let is_tls = it.protocol == ListenerProtocol::Https;
        let certificate = |arn: &String| Certificate { certificate_arn: Some(arn.clone()), is_default: None };
        ListenerView {
            listener_arn: it.arn.clone(),
            load_balancer_arn: it.balancer.clone(),
            port: it.port.into(),
            protocol: it.protocol.as_str().into(),
            certificates: is_tls.then(|| it.certificate.iter().map(certificate).collect()),
            ssl_policy: it.ssl_policy.clone(),
            default_actions: Actions::shapes(&it.default.actions),
            mutual_authentication: is_tls.then(|| MutualAuthentication { mode: Some("off".into()) }),
        }
    };
    Listeners { listeners: listeners.iter().map(show).collect(), next_marker: None }
}

fn read_protocol(word: &str) -> Result<ListenerProtocol, Fault> {
    if ["TCP", "TLS", "UDP", "TCP_UDP", "GENEVE", "QUIC", "TCP_QUIC"].contains(&word) {
        return Err(Fault::invalid(format!("Listener protocol '{word}' must be one of 'HTTPS, HTTP'")));
    }
    check::word("protocol", word)
}

fn check_mutual(given: Option<&MutualAuthentication>) -> Result<(), Fault> {
    match given.and_then(|given| given.mode.as_deref()) {
        None | Some("off") => Ok(()),
        Some(other) => {
            let message = format!(
                "The local engine's listeners ask clients for no certificate: '{other}' is not offered"
            );
            Err(Fault::configuration(message))
        }
    }
}
