//! Log groups: made, described, given a retention and tags, deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use longshore_model::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::state::{Group, GroupSettings, State, check_names, constrain_group, no_group};
use super::{Answer, GROUP, Logs, done, invalid};
use crate::beside::request::Constraints;
use crate::refusal::Refusal;
use crate::store::Write;

/// How many groups or streams a page of a Describe call has at most.
pub(super) const PAGE: i64 = 50;

/// The retentions that CloudWatch offers, in days.
const RETENTIONS: [i64; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct CreateLogGroup {
    log_group_name: String,
    kms_key_id: Option<String>,
    tags: BTreeMap<String, String>,
    log_group_class: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct NamedGroup {
    log_group_name: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct DescribeLogGroups {
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    log_group_class: Option<String>,
    log_group_identifiers: Option<Vec<String>>,
    next_token: Option<String>,
    limit: Option<i64>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PutRetentionPolicy {
    log_group_name: String,
    retention_in_days: i64,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TagResource {
    resource_arn: String,
    tags: BTreeMap<String, String>,
    tag_keys: Vec<String>,
}

impl DescribeLogGroups {
    fn check(&self) -> Result<(), Refusal> {
        let mut constraints = Constraints::new("InvalidParameterException");
        if let Some(prefix) = &self.log_group_name_prefix {
            constrain_group(&mut constraints, "logGroupNamePrefix", prefix);
        }
        constraints.range("limit", self.limit.unwrap_or(PAGE), 1, PAGE);
        constraints.check()?;
        if self.log_group_name_prefix.is_some() && self.log_group_name_pattern.is_some() {
            return Err(invalid(
                "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
            ));
        }
        Ok(())
    }
}

impl GroupSettings {
    fn class(&self) -> &str {
        self.class.as_deref().unwrap_or("STANDARD")
    }
}

impl Logs {
    pub(super) fn create_group(&self, request: CreateLogGroup, now: Timestamp) -> Answer {
        check_names(&request.log_group_name, None)?;
        let mut constraints = Constraints::new("InvalidParameterException");
        if let Some(class) = &request.log_group_class {
            constraints.one_of("logGroupClass", class, &["STANDARD", "INFREQUENT_ACCESS", "DELIVERY"]);
        }
        constraints.check()?;
        let mut state = self.state();
        if state.groups.contains_key(&request.log_group_name) {
            let message = "The specified log group already exists";
            return Err(Refusal::new("ResourceAlreadyExistsException", message));
        }
        let settings = GroupSettings {
            name: request.log_group_name,
            created_ms: now.0,
            retention_days: None,
            class: request.log_group_class,
            kms_key_id: request.kms_key_id,
            tags: request.tags,
        };
        let write = self.put_group(&settings)?;
        state.restore_group(settings);
        done(self.store.submit(vec![write]))
    }

    pub(super) fn put_group(&self, settings: &GroupSettings) -> Result<Write, Refusal> {
        self.write(GROUP, settings.name.clone(), settings)
    }

    pub(super) fn delete_group(&self, request: NamedGroup) -> Answer {
        check_names(&request.log_group_name, None)?;
        let mut state = self.state();
        let group = state.groups.remove(&request.log_group_name).ok_or_else(no_group)?;
        let mut writes = vec![self.delete(GROUP, request.log_group_name)];
        writes.extend(group.streams.values().flat_map(|stream| self.forget_stream(&stream.identity)));
        done(self.store.submit(writes))
    }

    pub(super) fn delete(&self, kind: &'static str, id: String) -> Write {
        Write::Delete { scope: Arc::clone(&self.key), kind, id }
    }

    pub(super) async fn describe_groups(&self, request: DescribeLogGroups) -> Result<Value, Refusal> {
        request.check()?;
        self.count_sizes(&request).await?;
        let ticket = self.store.barrier();
        let (groups, next) = {
            let state = self.state();
            let (page, next) = self.page_of_groups(&state, &request);
            (page.into_iter().map(|group| self.describe_group(group)).collect::<Vec<_>>(), next)
        };
        ticket.durable().await?;
        let mut answer = json!({"logGroups": groups});
        if let Some(next) = next {
            answer["nextToken"] = json!(next);
        }
        Ok(answer)
    }

    /// The groups that a page shows, and the token for the next one: the last name.
    fn page_of_groups<'a>(
        &self,
        state: &'a State,
        request: &DescribeLogGroups,
    ) -> (Vec<&'a Group>, Option<String>) {
        let limit = usize::try_from(request.limit.unwrap_or(PAGE)).unwrap_or(0);
        let after = request.next_token.as_deref().unwrap_or("");
        let mut page: Vec<&Group> = state
            .groups
            .values()
            .filter(|group| group.settings.name.as_str() > after && self.is_wanted(&group.settings, request))
            .take(limit + 1)
            .collect();
        let next = (page.len() > limit).then(|| {
            page.truncate(limit);
            page.last().map(|group| group.settings.name.clone())
        });
        (page, next.flatten())
    }

    fn is_wanted(&self, group: &GroupSettings, request: &DescribeLogGroups) -> bool {
        let name = &group.name;
        request.log_group_name_prefix.as_ref().is_none_or(|prefix| name.starts_with(prefix))
            && request.log_group_name_pattern.as_ref().is_none_or(|part| name.contains(part))
            && request.log_group_class.as_ref().is_none_or(|class| group.class() == class)
            && request.log_group_identifiers.as_ref().is_none_or(|identifiers| {
                identifiers.iter().any(|id| id == name || self.group_of_arn(id).is_ok_and(|id| id == *name))
            })
    }

    fn describe_group(&self, group: &Group) -> Value {
        let settings = &group.settings;
        let arn = self.arn(&settings.name);
        let sizes = group.streams.values().map(|stream| stream.size);
        let mut answer = json!({
            "logGroupName": settings.name,
            "creationTime": settings.created_ms,
            "metricFilterCount": 0,
            "arn": format!("{arn}:*"),
            "logGroupArn": arn,
            "logGroupClass": settings.class(),
            "storedBytes": sizes.fold(0_i64, |sum, size| sum.saturating_add(size.before.unwrap_or(0) + size.since)),
        });
        if let Some(days) = settings.retention_days {
            answer["retentionInDays"] = json!(days);
        }
        if let Some(key) = &settings.kms_key_id {
            answer["kmsKeyId"] = json!(key);
        }
        answer
    }

    /// Counts the bytes of the page's streams that were restored, or swept, since they were last described.
    async fn count_sizes(&self, request: &DescribeLogGroups) -> Result<(), Refusal> {
        let (uncounted, ticket): (Vec<_>, _) = {
            let state = self.state();
            let (page, _) = self.page_of_groups(&state, request);
            let streams = page.into_iter().flat_map(|group| group.streams.values());
            let uncounted = streams.filter(|stream| stream.size.before.is_none());
            (uncounted.map(|s| (s.identity.number, s.size.boundary)).collect(), self.store.barrier())
        };
        if uncounted.is_empty() {
            return Ok(());
        }
        ticket.durable().await?;
        let counted = self
            .store
            .read(move |connection| {
                let mut count = connection.prepare(
                    "SELECT count(*), coalesce(sum(octet_length(message)), 0) FROM log_event
                     WHERE stream = ?1 AND number <= ?2",
                )?;
                let mut counted = BTreeMap::new();
                for (stream, boundary) in uncounted {
                    let (events, bytes) =
                        count.query_row((stream, boundary), |row| Ok((row.get(0)?, row.get(1)?)))?;
                    counted.insert((stream, boundary), (events, bytes));
                }
                Ok(counted)
            })
            .await?;
        self.state().learn_sizes(&counted);
        Ok(())
    }

    pub(super) fn put_retention(&self, request: PutRetentionPolicy) -> Answer {
        let days = request.retention_in_days;
        if !RETENTIONS.contains(&days) {
            let offered = RETENTIONS.map(|days| days.to_string()).join(", ");
            return Err(invalid(format!(
                "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: \
                 Member must satisfy enum value set: [{offered}]"
            )));
        }
        self.change_group(&request.log_group_name, |group| group.retention_days = Some(days))
    }

    pub(super) fn delete_retention(&self, request: NamedGroup) -> Answer {
        self.change_group(&request.log_group_name, |group| group.retention_days = None)
    }

    pub(super) fn tag(&self, request: TagResource) -> Answer {
        let name = self.group_of_arn(&request.resource_arn)?;
        self.change_group(&name, |group| group.tags.extend(request.tags))
    }

    pub(super) fn untag(&self, request: TagResource) -> Answer {
        let name = self.group_of_arn(&request.resource_arn)?;
        self.change_group(&name, |group| group.tags.retain(|key, _| !request.tag_keys.contains(key)))
    }

    pub(super) fn list_tags(&self, request: TagResource) -> Answer {
        let name = self.group_of_arn(&request.resource_arn)?;
        let state = self.state();
        Ok((json!({"tags": state.group(&name)?.settings.tags}), self.store.barrier()))
    }

    fn change_group(&self, name: &str, change: impl FnOnce(&mut GroupSettings)) -> Answer {
        check_names(name, None)?;
        let mut state = self.state();
        let settings = &mut state.group_mut(name)?.settings;
        change(settings);
        let write = self.put_group(settings)?;
        done(self.store.submit(vec![write]))
    }
}
