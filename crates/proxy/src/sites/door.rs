//! The doorkeeper of a site: lets in who may, counts requests, and holds them while there is no target.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Response, StatusCode};
use longshore_model::Timestamp;
use longshore_model::preview::Entrance;
use longshore_world::{Clock, Site};
use tokio::sync::Notify;

use super::access::{Gate, refuse, strip};
use super::page::page;
use super::pass::{Key, Place};
use crate::doorkeeper::{Admission, Doorkeeper, Head};
use crate::rewrite::{X_FORWARDED_PORT, X_FORWARDED_PROTO};

/// What our own programs call themselves when they ask whether a site answers (`User-Agent`).
pub const PROBER: &str = "longshore-prober/1";
/// How the user agents of health checks begin: they wake nothing, and keep nothing awake.
const PROBERS: [&str; 5] = [
    "longshore-prober/",
    "ELB-HealthChecker/",
    "Amazon-Route53-Health-Check-Service",
    "kube-probe/",
    "GoogleHC/",
];
const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");

/// How many requests may wait for targets, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Holding {
    /// For one site.
    pub per_site: usize,
    /// For all of them.
    pub total: usize,
    /// Less than the minute after which load balancers give up.
    pub longest: Duration,
}

impl Default for Holding {
    fn default() -> Self {
        Self { per_site: 100, total: 1000, longest: Duration::from_secs(55) }
    }
}

/// What all doors share.
#[derive(Debug)]
pub(super) struct House {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) key: Key,
    pub(super) dashboard: String,
    pub(super) cookie_seconds: i64,
    pub(super) holding: Holding,
    /// Requests that wait, of all sites.
    pub(super) held: AtomicUsize,
    /// Told when the first site calls.
    pub(super) calling: Notify,
}

/// What goes on at a site, whatever it is set to.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// The last time that a counted request moved, in milliseconds since 1970; 0 before the first.
    last: AtomicI64,
    /// What of it has been told.
    told: AtomicI64,
    held: AtomicUsize,
    /// Somebody should look at the site.
    calls: AtomicBool,
}

impl Activity {
    fn touch(&self, now: Timestamp) {
        self.last.store(now.0, Ordering::Relaxed);
    }

    /// The last request, if it has not been told yet.
    pub(super) fn news(&self) -> Option<Timestamp> {
        let last = self.last.load(Ordering::Relaxed);
        (self.told.swap(last, Ordering::Relaxed) != last).then_some(Timestamp(last))
    }

    /// Has somebody look at the site.
    pub(super) fn call(&self, house: &House) {
        if !self.calls.swap(true, Ordering::AcqRel) {
            house.calling.notify_one();
        }
    }

    /// Whether somebody should look at it; from here on, somebody does.
    pub(super) fn take_call(&self) -> bool {
        self.calls.load(Ordering::Relaxed) && self.calls.swap(false, Ordering::AcqRel)
    }
}

/// The doorkeeper of a site as it is set.
#[derive(Debug)]
pub(super) struct Door {
    house: Arc<House>,
    pub(super) activity: Arc<Activity>,
    sign: Sign,
    proto: HeaderValue,
    port: HeaderValue,
}

/// What stands on the door.
#[derive(Debug, PartialEq, Eq)]
struct Sign {
    environment: String,
    app: String,
    entrance: Entrance,
    closed: Option<String>,
}

impl Sign {
    fn of(site: &Site) -> Self {
        Self {
            environment: site.environment.clone(),
            app: site.policy.app.clone(),
            entrance: site.entrance,
            closed: site.closed.clone(),
        }
    }
}

impl Door {
    /// The door of a site; the one `before`, where nothing about it has changed.
    pub(super) fn of(site: &Site, house: &Arc<House>, before: Option<&Arc<Self>>) -> Arc<Self> {
        let sign = Sign::of(site);
        if let Some(before) = before.filter(|before| before.sign == sign) {
            return before.clone();
        }
        Arc::new(Self {
            house: house.clone(),
            activity: before.map(|before| before.activity.clone()).unwrap_or_default(),
            proto: HeaderValue::from_static(if sign.entrance.is_secure { "https" } else { "http" }),
            port: sign.entrance.port.into(),
            sign,
        })
    }

    fn gate(&self) -> Gate<'_> {
        let (house, sign) = (&*self.house, &self.sign);
        Gate {
            key: &house.key,
            place: Place { environment: &sign.environment, app: &sign.app },
            access: sign.entrance.access,
            secure: sign.entrance.is_secure,
            dashboard: &house.dashboard,
            cookie_seconds: house.cookie_seconds,
        }
    }

    /// A place among those who wait.
    fn take_place(&self) -> bool {
        let take = |count: &AtomicUsize, max| {
            let more = |held| if held < max { Some(held + 1) } else { None };
            count.fetch_update(Ordering::AcqRel, Ordering::Relaxed, more).is_ok()
        };
        let Holding { per_site, total, .. } = self.house.holding;
        if !take(&self.activity.held, per_site) {
            return false;
        }
        let is_taken = take(&self.house.held, total);
        if !is_taken {
            self.activity.held.fetch_sub(1, Ordering::AcqRel);
        }
        is_taken
    }
}

impl Doorkeeper for Door {
    fn admit(&self, request: &Head<'_>) -> Admission {
        let now = self.house.clock.now();
        if let Some(answer) = refuse(&self.gate(), request, now) {
            return Admission::Answer(answer);
        }
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        if let Some(why) = &self.sign.closed {
            let heading = "This preview does not answer";
            return Admission::Answer(page(request.headers, unavailable, heading, why, false));
        }
        if is_probe(request.headers) {
            if request.has_target {
                return Admission::Pass { counted: false };
            }
            let sentence = "a health check does not wake it";
            let heading = "This preview is asleep";
            return Admission::Answer(page(request.headers, unavailable, heading, sentence, true));
        }
        self.activity.touch(now);
        if request.has_target {
            return Admission::Pass { counted: true };
        }
        self.activity.call(&self.house);
        if self.take_place() {
            return Admission::Hold(self.house.holding.longest);
        }
        let sentence = "it is waking up, and many requests wait for it already; try again in a few seconds";
        Admission::Answer(page(request.headers, unavailable, "This preview is busy", sentence, true))
    }

    fn in_vain(&self, request: &Head<'_>) -> Response<Bytes> {
        let sentence = "it takes longer than a request can wait; try again in a few seconds";
        let heading = "This preview is still waking up";
        page(request.headers, StatusCode::SERVICE_UNAVAILABLE, heading, sentence, true)
    }

    fn let_go(&self) {
        self.activity.held.fetch_sub(1, Ordering::AcqRel);
        self.house.held.fetch_sub(1, Ordering::AcqRel);
    }

    fn moved(&self) {
        self.activity.touch(self.house.clock.now());
    }

    /// Takes our cookie off, and tells the target the address that the client sees: a load balancer may have ended TLS
    /// before us.
    fn to_target(&self, headers: &mut HeaderMap) {
        strip(headers);
        headers.insert(X_FORWARDED_PROTO, self.proto.clone());
        headers.insert(X_FORWARDED_PORT, self.port.clone());
    }

    /// No search engine should know a preview.
    fn to_client(&self, headers: &mut HeaderMap) {
        headers.insert(X_ROBOTS_TAG, HeaderValue::from_static("noindex"));
    }
}

/// Whether it is a health check that asks.
fn is_probe(headers: &HeaderMap) -> bool {
    let agent = headers.get(USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
    PROBERS.iter().any(|prober| agent.starts_with(prober.as_bytes()))
}
