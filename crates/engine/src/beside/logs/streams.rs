//! Log streams: made, listed, deleted.

use std::collections::BTreeMap;

use longshore_model::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::groups::PAGE;
use super::state::{State, Stream, StreamIdentity, check_names, no_stream};
use super::{Answer, Logs, STREAM, done, invalid};
use crate::beside::request::Constraints;
use crate::refusal::Refusal;
use crate::store::Write;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct NamedStream {
    log_group_name: String,
    log_stream_name: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct DescribeLogStreams {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    descending: bool,
    next_token: Option<String>,
    limit: Option<i64>,
}

impl Logs {
    pub(super) fn create_stream(&self, request: NamedStream, now: Timestamp) -> Answer {
        let NamedStream { log_group_name: group, log_stream_name: stream } = request;
        check_names(&group, Some(&stream))?;
        let mut state = self.state();
        if state.group(&group)?.streams.contains_key(&stream) {
            let message = "The specified log stream already exists";
            return Err(Refusal::new("ResourceAlreadyExistsException", message));
        }
        let write = self.add_stream(&mut state, &group, &stream, now)?;
        done(self.store.submit(vec![write]))
    }

    /// Adds a stream, which must not be there yet, to a group that is.
    pub(super) fn add_stream(
        &self,
        state: &mut State,
        group: &str,
        stream: &str,
        now: Timestamp,
    ) -> Result<Write, Refusal> {
        let number = state.new_stream_number();
        let identity = StreamIdentity { group: group.into(), name: stream.into(), number, created_ms: now.0 };
        let write = self.write(STREAM, record_id(&identity), &identity)?;
        state.restore_stream(identity);
        Ok(write)
    }

    pub(super) fn delete_stream(&self, request: NamedStream) -> Answer {
        check_names(&request.log_group_name, Some(&request.log_stream_name))?;
        let mut state = self.state();
        let streams = &mut state.group_mut(&request.log_group_name)?.streams;
        let stream = streams.remove(&request.log_stream_name).ok_or_else(no_stream)?;
        done(self.store.submit(self.forget_stream(&stream.identity).into()))
    }

    /// Removes a stream's record and its events.
    pub(super) fn forget_stream(&self, identity: &StreamIdentity) -> [Write; 2] {
        [
            self.delete(STREAM, record_id(identity)),
            Write::ForgetLogEvents { stream: identity.number, before_ms: i64::MAX },
        ]
    }

    pub(super) async fn describe_streams(&self, mut request: DescribeLogStreams) -> Result<Value, Refusal> {
        let group = self.named_group(request.log_group_name.take(), request.log_group_identifier.take())?;
        request.check()?;
        let (mut page, next, numbers, ticket) = {
            let state = self.state();
            let (streams, next) = request.page(state.group(&group)?.streams.values());
            let page: Vec<Value> = streams.iter().map(|stream| self.describe_stream(stream)).collect();
            let numbers: Vec<i64> = streams.iter().map(|stream| stream.identity.number).collect();
            (page, next, numbers, self.store.barrier())
        };
        ticket.durable().await?;
        for (stream, oldest_ms) in page.iter_mut().zip(self.oldest(numbers).await?) {
            if let Some(oldest_ms) = oldest_ms {
                stream["firstEventTimestamp"] = json!(oldest_ms);
            }
        }
        let mut answer = json!({"logStreams": page});
        if let Some(next) = next {
            answer["nextToken"] = json!(next);
        }
        Ok(answer)
    }

    /// The time of each stream's first event.
    async fn oldest(&self, streams: Vec<i64>) -> Result<Vec<Option<i64>>, Refusal> {
        let oldest = self.store.read(move |connection| {
            let mut oldest =
                connection.prepare_cached("SELECT min(at_ms) FROM log_event WHERE stream = ?1")?;
            streams.into_iter().map(|stream| oldest.query_row([stream], |row| row.get(0))).collect()
        });
        Ok(oldest.await?)
    }

    fn describe_stream(&self, stream: &Stream) -> Value {
        let StreamIdentity { group, name, created_ms, .. } = &stream.identity;
        let mut answer = json!({
            "logStreamName": name,
            "creationTime": created_ms,
            "arn": format!("{}:log-stream:{name}", self.arn(group)),
            "uploadSequenceToken": stream.sequence_token(),
            // CloudWatch has given 0 for streams since 2019; their group has the size.
            "storedBytes": 0,
        });
        if let Some(newest_ms) = stream.newest_ms {
            answer["lastEventTimestamp"] = json!(newest_ms);
        }
        if let Some(ingested_ms) = stream.ingested_ms {
            answer["lastIngestionTime"] = json!(ingested_ms);
        }
        answer
    }
}

/// A group's name has no colon.
fn record_id(identity: &StreamIdentity) -> String {
    format!("{}:{}", identity.group, identity.name)
}

impl Stream {
    /// A token that any PutLogEvents may give back: CloudWatch has ignored it since 2023.
    pub(super) fn sequence_token(&self) -> String {
        format!("{:056}", self.last_number)
    }
}

impl DescribeLogStreams {
    fn check(&self) -> Result<(), Refusal> {
        let mut constraints = Constraints::new("InvalidParameterException");
        if let Some(order) = &self.order_by {
            constraints.one_of("orderBy", order, &["LogStreamName", "LastEventTime"]);
        }
        constraints.range("limit", self.limit.unwrap_or(PAGE), 1, PAGE);
        constraints.check()?;
        if self.by_time() && self.log_stream_name_prefix.is_some() {
            return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
        }
        Ok(())
    }

    fn by_time(&self) -> bool {
        self.order_by.as_deref() == Some("LastEventTime")
    }

    /// The page's streams, and the token for the next page: the place of the last one.
    fn page<'a>(&self, streams: impl Iterator<Item = &'a Stream>) -> (Vec<&'a Stream>, Option<String>) {
        let prefix = self.log_stream_name_prefix.as_deref().unwrap_or("");
        let place = |stream: &Stream| {
            // Zero-padded, so that the places' order as text is the order of the streams.
            let at = if self.by_time() { stream.newest_ms.unwrap_or(0) } else { 0 };
            format!("{at:020}:{}", stream.identity.name)
        };
        let mut places: BTreeMap<String, &Stream> = streams
            .filter(|stream| stream.identity.name.starts_with(prefix))
            .map(|stream| (place(stream), stream))
            .collect();
        if let Some(token) = &self.next_token {
            let after = places.split_off(token);
            places = if self.descending { places } else { after };
            places.remove(token);
        }
        let limit = usize::try_from(self.limit.unwrap_or(PAGE)).unwrap_or(0);
        let mut sorted: Vec<(String, &Stream)> = places.into_iter().collect();
        if self.descending {
            sorted.reverse();
        }
        let more = sorted.len() > limit;
        sorted.truncate(limit);
        let next = more.then(|| sorted.last().map(|(place, _)| place.clone())).flatten();
        (sorted.into_iter().map(|(_, stream)| stream).collect(), next)
    }
}
