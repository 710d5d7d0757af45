//! What an invocation that runs out of time gives to the next one: an event to the same function.

use longshore_model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::request::{Request, Unreadable};

/// A request is handed over at most so often. Five invocations of 15 minutes and a sixth are more than the hour that
/// CloudFormation waits, and fewer than the 16 after which Lambda ends what it takes for a loop.
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>
pub const MAX_HOPS: u32 = 5;

/// One part in so many of an invocation is kept back for what comes after the decision to end it: of 15 minutes, one.
const KEPT_BACK: i64 = 15;

/// The shape of the event. Another version does not read it.
const VERSION: u32 = 1;

/// No event of CloudFormation has this member.
const MARK: &str = "LongshoreHandover";

/// A request that one invocation has begun and another goes on with.
#[derive(Debug, Clone, PartialEq)]
pub struct Handover {
    /// Without the properties that it had before, which were compared already.
    pub request: Request,
    /// When it was received first.
    pub received_at: Timestamp,
    /// How often it was handed over, this time included: from 1 to [`MAX_HOPS`].
    pub hop: u32,
    /// What the run needs to go on.
    pub run: Value,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Event {
    #[serde(rename = "LongshoreHandover")]
    version: u32,
    request: Value,
    received_at: Timestamp,
    hop: u32,
    run: Value,
}

impl Handover {
    /// The event for the next invocation. It holds the `ResponseURL`, and is for no log.
    #[must_use]
    pub fn event(&self) -> Value {
        let Self { request, received_at, hop, run } = self;
        let request = request.essentials();
        let event =
            Event { version: VERSION, request, received_at: *received_at, hop: *hop, run: run.clone() };
        serde_json::to_value(event).unwrap_or_default()
    }

    /// From an event; `None` when it is another kind of event.
    ///
    /// # Errors
    ///
    /// When it was written by another version, or by nobody that we know. The request can be answered if it is in there.
    pub fn read(event: &Value) -> Result<Option<Self>, Unreadable> {
        let Some(version) = event.get(MARK) else { return Ok(None) };
        let inner = event.get("Request").unwrap_or(&Value::Null);
        let request = Request::read(inner)?;
        let unreadable = |why: String| Unreadable::new(why, Some(request.address.clone()));
        if *version != VERSION {
            let why = format!(
                "another version of this function ({version}, this is {VERSION}) handed it over: the function was \
                 updated while the task ran, which may still run. Run it again"
            );
            return Err(unreadable(why));
        }
        let Event { received_at, hop, run, .. } =
            serde_json::from_value(event.clone()).map_err(|error| unreadable(error.to_string()))?;
        if !(1..=MAX_HOPS).contains(&hop) {
            return Err(unreadable(format!("it was handed over {hop} times, and may be {MAX_HOPS} times")));
        }
        Ok(Some(Self { request, received_at, hop, run }))
    }
}

/// What an invocation does when its time is nearly up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtTheEnd {
    /// It hands over.
    HandOver {
        /// As the [`Handover::hop`] of the next one.
        hop: u32,
    },
    /// It stops the run and answers.
    StopAndAnswer,
}

/// What an invocation does when its time is nearly up. `hop` is how often its request was handed over: 0 in the first.
#[must_use]
pub const fn at_the_end(hop: u32) -> AtTheEnd {
    if hop < MAX_HOPS { AtTheEnd::HandOver { hop: hop + 1 } } else { AtTheEnd::StopAndAnswer }
}

/// When an invocation's time is nearly up.
#[must_use]
pub const fn when_to_hand_over(began: Timestamp, deadline: Timestamp) -> Timestamp {
    deadline.plus_ms(-(deadline.ms_since(began) / KEPT_BACK))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::samples::{self, event};
    use super::*;

    fn handover() -> Handover {
        Handover {
            request: Request::read(&event("Create")).unwrap(),
            received_at: Timestamp(1_700_000_000_123),
            hop: 2,
            run: json!({"tasks": ["arn"]}),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let written = handover();
        let text = written.event().to_string();
        assert_eq!(Handover::read(&serde_json::from_str(&text).unwrap()).unwrap(), Some(written));
        assert!(!text.contains("OldResourceProperties"), "{text}");
    }

    #[test]
    fn an_event_of_cloudformation_is_no_handover() {
        for kind in ["Create", "Update", "Delete", "Upsert"] {
            assert_eq!(Handover::read(&event(kind)), Ok(None));
        }
        assert_eq!(Handover::read(&json!("LongshoreHandover")), Ok(None));
        // Nor is a handover a request of CloudFormation.
        assert!(Request::read(&handover().event()).is_err());
        // What a user writes into the properties is no mark either.
        let mut event = event("Create");
        event["ResourceProperties"]["LongshoreHandover"] = 1.into();
        assert_eq!(Handover::read(&event), Ok(None));
    }

    #[test]
    fn one_that_cannot_be_read_can_be_answered() {
        let changes: [(&str, Value, &str); 5] = [
            ("LongshoreHandover", json!(2), "another version"),
            ("Hop", json!(0), "0 times"),
            ("Hop", json!(MAX_HOPS + 1), "6 times"),
            ("ReceivedAt", json!("now"), "invalid type"),
            ("More", json!(1), "unknown field"),
        ];
        for (member, value, why) in changes {
            let mut event = handover().event();
            event[member] = value;
            let failed = Handover::read(&event).unwrap_err();
            assert!(failed.to_string().contains(why), "{failed}");
            assert_eq!(failed.address.unwrap().request_id(), "request-1");
        }
        let mut event = handover().event();
        event["Request"] = Value::Null;
        assert_eq!(Handover::read(&event).unwrap_err().address, None);
    }

    #[test]
    fn debug_shows_neither_url_nor_values() {
        let shown = format!("{:?}", handover());
        assert!(!shown.contains("https") && !shown.contains(samples::SECRET), "{shown}");
    }

    #[test]
    fn a_fifteenth_is_kept_back() {
        for (length_s, at_s) in [(900, 840), (60, 56), (300, 280), (0, 0)] {
            let began = Timestamp(1_700_000_000_000);
            let at = when_to_hand_over(began, began.plus_seconds(length_s));
            assert_eq!(at.ms_since(began), at_s * 1000, "{length_s} s");
        }
    }

    #[test]
    fn an_hour_fits_into_the_hops_and_the_chain_ends() {
        let (mut hop, mut invocations) = (0, 1);
        while let AtTheEnd::HandOver { hop: next } = at_the_end(hop) {
            assert!((1..=MAX_HOPS).contains(&next));
            (hop, invocations) = (next, invocations + 1);
        }
        assert_eq!(invocations, 6);
        assert!(invocations * 14 >= 60);
    }
}
