//! Secrets Manager of one account and region: what a task definition's `secrets` refer to by ARN.

mod change;
mod state;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard};

use longshore_model::Timestamp;
use longshore_model::arn::Scope;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use self::state::{CURRENT, Secret, State, Version};
use super::request::{Constraints, parse, unknown_operation};
use super::{Answer, lock, when_durable};
use crate::refusal::Refusal;
use crate::store::{Record, Store, Write};

const KIND: &str = "secret";

/// How many secrets a page of ListSecrets has.
const PAGE: i64 = 100;

/// The secrets of one account and region.
pub struct Secrets {
    scope: Scope,
    key: Arc<str>,
    store: Arc<Store>,
    state: Mutex<State>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct GetSecretValue {
    secret_id: Option<String>,
    version_id: Option<String>,
    version_stage: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ListSecrets {
    include_planned_deletion: bool,
    filters: Option<Value>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

impl Secrets {
    /// No secrets yet; stored ones come back through [`Secrets::restore`].
    #[must_use]
    pub fn new(scope: Scope, store: Arc<Store>) -> Self {
        let key = format!("{}/{}", scope.account, scope.region).into();
        Self { scope, key, store, state: Mutex::new(State::new()) }
    }

    /// Takes a stored record back, at the start; a record of another kind is ignored.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn restore(&self, record: &Record) -> Result<(), serde_json::Error> {
        if record.kind == KIND {
            let secret: Secret = serde_json::from_str(&record.body)?;
            self.state().all.insert(secret.name.clone(), secret);
        }
        Ok(())
    }

    /// Answers a call of the API `secretsmanager`.
    ///
    /// # Errors
    /// What Secrets Manager refuses, and what the engine does not offer.
    pub async fn call(&self, operation: &str, body: Value, now: Timestamp) -> Result<Value, Refusal> {
        self.forget_deleted(now);
        let answer = match operation {
            "CreateSecret" => parse(body).and_then(|request| self.create(request, now)),
            "PutSecretValue" => parse(body).and_then(|request| self.put(request, now)),
            "DeleteSecret" => parse(body).and_then(|request| self.delete(request, now)),
            "GetSecretValue" => parse(body).and_then(|request| self.get(&request)),
            "DescribeSecret" => parse(body).and_then(|request| self.describe(&request)),
            "ListSecrets" => parse(body).and_then(|request| self.list(&request)),
            _ => Err(unknown_operation()),
        };
        when_durable(&self.store, answer).await
    }

    /// A secret's text, for a container's environment; `None` when the version is binary.
    pub(super) fn value(
        &self,
        id: &str,
        stage: Option<&str>,
        version: Option<&str>,
    ) -> Result<Option<String>, Refusal> {
        let state = self.state();
        let found = self.find(&state, id)?.readable()?.version(stage, version)?;
        Ok(found.text.as_ref().map(|text| text.0.clone()))
    }

    fn get(&self, request: &GetSecretValue) -> Answer {
        let state = self.state();
        let secret = self.find(&state, &secret_id(request.secret_id.as_ref())?)?.readable()?;
        let version = secret.version(request.version_stage.as_deref(), request.version_id.as_deref())?;
        let mut answer = json!({
            "ARN": secret.arn,
            "Name": secret.name,
            "VersionId": version.id,
            "VersionStages": version.stages,
            "CreatedDate": version.created,
        });
        if let Some(text) = &version.text {
            answer["SecretString"] = json!(text);
        }
        if let Some(binary) = &version.binary {
            answer["SecretBinary"] = json!(binary);
        }
        Ok((answer, self.store.barrier()))
    }

    fn describe(&self, request: &GetSecretValue) -> Answer {
        let state = self.state();
        let secret = self.find(&state, &secret_id(request.secret_id.as_ref())?)?;
        Ok((secret.describe("VersionIdsToStages"), self.store.barrier()))
    }

    fn list(&self, request: &ListSecrets) -> Answer {
        let mut constraints = Constraints::new("ValidationException");
        constraints.range("maxResults", request.max_results.unwrap_or(PAGE), 1, PAGE);
        constraints.check()?;
        if request.filters.is_some() {
            return Err(refusal(
                "InvalidParameterException",
                "Longshore's engine does not offer Filters of ListSecrets",
            ));
        }
        let limit = usize::try_from(request.max_results.unwrap_or(PAGE)).unwrap_or(0);
        let after = request.next_token.as_deref().unwrap_or("");
        let state = self.state();
        let mut page: Vec<&Secret> = state
            .all
            .values()
            .filter(|secret| request.include_planned_deletion || secret.deletion.is_none())
            .filter(|secret| secret.name.as_str() > after)
            .take(limit + 1)
            .collect();
        let more = page.len() > limit;
        page.truncate(limit);
        let listed: Vec<Value> =
            page.iter().map(|secret| secret.describe("SecretVersionsToStages")).collect();
        let mut answer = json!({"SecretList": listed});
        if let Some(last) = page.last().filter(|_| more) {
            answer["NextToken"] = json!(last.name);
        }
        Ok((answer, self.store.barrier()))
    }

    /// Removes the secrets whose recovery window has passed.
    fn forget_deleted(&self, now: Timestamp) {
        let mut state = self.state();
        let over = |secret: &Secret| secret.deletion.is_some_and(|date| date <= now);
        let names: Vec<String> = state.all.values().filter(|s| over(s)).map(|s| s.name.clone()).collect();
        state.all.retain(|_, secret| !over(secret));
        let writes = names.into_iter().map(|name| self.delete_record(name)).collect();
        // Nobody waits for it: a secret that comes back after a crash is removed again.
        drop(self.store.submit(writes));
    }

    /// The secret with this name, ARN, or ARN without the random end.
    fn find<'a>(&self, state: &'a State, id: &str) -> Result<&'a Secret, Refusal> {
        let missing =
            || refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
        let Some(rest) = id.strip_prefix(&self.arn("")) else {
            return state.all.get(id).ok_or_else(missing);
        };
        let full = rest.rsplit_once('-').and_then(|(name, _)| state.all.get(name));
        full.filter(|secret| secret.arn == id).or_else(|| state.all.get(rest)).ok_or_else(missing)
    }

    fn arn(&self, name: &str) -> String {
        let Scope { account, region } = &self.scope;
        format!("arn:{}:secretsmanager:{region}:{account}:secret:{name}", self.scope.partition())
    }

    fn put_record(&self, secret: &Secret) -> Result<Write, Refusal> {
        let body = serde_json::to_string(secret)
            .map_err(|error| refusal("InternalServiceError", &error.to_string()).with_status(500))?;
        Ok(Write::Put { scope: Arc::clone(&self.key), kind: KIND, id: secret.name.clone(), body })
    }

    fn delete_record(&self, name: String) -> Write {
        Write::Delete { scope: Arc::clone(&self.key), kind: KIND, id: name }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Secret {
    /// The secret itself, unless it is marked for deletion.
    fn readable(&self) -> Result<&Self, Refusal> {
        if self.deletion.is_none() {
            return Ok(self);
        }
        Err(refusal(
            "InvalidRequestException",
            "You can't perform this operation on the secret because it was marked for deletion.",
        ))
    }

    /// The version with this stage and this id; without either the current one.
    fn version(&self, stage: Option<&str>, id: Option<&str>) -> Result<&Version, Refusal> {
        let missing = |what: String| {
            let message = format!("Secrets Manager can't find the specified secret value for {what}");
            refusal("ResourceNotFoundException", &message)
        };
        let Some(id) = id else {
            let stage = stage.unwrap_or(CURRENT);
            return self.staged(stage).ok_or_else(|| missing(format!("staging label: {stage}")));
        };
        let version = self.versions.iter().find(|version| version.id == id);
        let version = version.ok_or_else(|| missing(format!("VersionId: {id}")))?;
        if stage.is_none_or(|stage| version.has(stage)) {
            return Ok(version);
        }
        Err(refusal(
            "InvalidRequestException",
            "You provided a VersionStage that is not associated to the provided VersionId.",
        ))
    }

    /// Everything but the values; ListSecrets calls the versions otherwise than DescribeSecret.
    fn describe(&self, versions_member: &str) -> Value {
        let staged = self.versions.iter().filter(|version| !version.stages.is_empty());
        let stages: Map<String, Value> = staged.map(|v| (v.id.clone(), json!(v.stages))).collect();
        let mut described = json!({
            "ARN": self.arn,
            "Name": self.name,
            "CreatedDate": self.created,
            "LastChangedDate": self.changed,
            "Tags": self.tags,
        });
        if !stages.is_empty() {
            described[versions_member] = Value::Object(stages);
        }
        if let Some(description) = &self.description {
            described["Description"] = json!(description);
        }
        if let Some(key) = &self.kms_key_id {
            described["KmsKeyId"] = json!(key);
        }
        if let Some(date) = self.deletion {
            described["DeletedDate"] = json!(date);
        }
        described
    }
}

fn secret_id(id: Option<&String>) -> Result<String, Refusal> {
    let mut constraints = Constraints::new("ValidationException");
    constraints.required("secretId", id);
    constraints.length("secretId", id.map_or("-", String::as_str), 1, 2048);
    constraints.check()?;
    Ok(id.cloned().unwrap_or_default())
}

fn refusal(code: &str, message: &str) -> Refusal {
    Refusal::new(code, message)
}
