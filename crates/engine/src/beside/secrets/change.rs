//! Secrets made, given new versions, and deleted.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use longshore_model::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::state::{CURRENT, Secret, Tag, Version};
use super::{Answer, Secrets, refusal, secret_id};
use crate::beside::Hidden;
use crate::beside::request::Constraints;
use crate::refusal::Refusal;

/// How long a secret may be, in bytes.
const LENGTH: usize = 65_536;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// How long a secret can be brought back when the caller does not say.
const RECOVERY_DAYS: i64 = 30;

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct CreateSecret {
    name: Option<String>,
    description: Option<String>,
    kms_key_id: Option<String>,
    tags: Vec<Tag>,
    #[serde(flatten)]
    version: NewVersion,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct PutSecretValue {
    secret_id: Option<String>,
    version_stages: Option<Vec<String>>,
    #[serde(flatten)]
    version: NewVersion,
}

/// What both requests say about the version.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct NewVersion {
    client_request_token: Option<String>,
    secret_string: Option<Hidden>,
    secret_binary: Option<Hidden>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct DeleteSecret {
    secret_id: Option<String>,
    recovery_window_in_days: Option<i64>,
    force_delete_without_recovery: bool,
}

impl Secrets {
    pub(super) fn create(&self, request: CreateSecret, now: Timestamp) -> Answer {
        let name = request.check()?;
        let mut state = self.state();
        if let Some(existing) = state.all.get(&name) {
            return self.create_again(existing, &request.version);
        }
        let mut secret = Secret {
            arn: self.arn(&format!("{name}{}", state.arn_end())),
            name: name.clone(),
            description: request.description,
            kms_key_id: request.kms_key_id,
            tags: request.tags,
            created: now,
            changed: now,
            deletion: None,
            versions: Vec::new(),
        };
        let mut answer = json!({"ARN": secret.arn, "Name": name});
        if request.version.has_value() {
            let id = request.version.client_request_token.clone().unwrap_or_else(|| state.random.uuid());
            answer["VersionId"] = json!(id);
            secret.add(request.version.with(id, vec![CURRENT.into()], now), now);
        }
        let write = self.put_record(&secret)?;
        state.all.insert(name, secret);
        Ok((answer, self.store.submit(vec![write])))
    }

    /// The same request with the same token once more gets the same answer; anything else is refused.
    fn create_again(&self, existing: &Secret, version: &NewVersion) -> Answer {
        if existing.deletion.is_some() {
            return Err(refusal(
                "InvalidRequestException",
                "You can't create this secret because a secret with this name is already scheduled for deletion.",
            ));
        }
        match version.same_in(existing)? {
            Some(same) => {
                let answer = json!({"ARN": existing.arn, "Name": existing.name, "VersionId": same.id});
                Ok((answer, self.store.barrier()))
            }
            None => {
                let message =
                    format!("The operation failed because the secret {} already exists.", existing.name);
                Err(refusal("ResourceExistsException", &message))
            }
        }
    }

    pub(super) fn put(&self, request: PutSecretValue, now: Timestamp) -> Answer {
        let id = secret_id(request.secret_id.as_ref())?;
        request.version.check()?;
        if !request.version.has_value() {
            return Err(refusal(
                "InvalidRequestException",
                "You must provide either SecretString or SecretBinary.",
            ));
        }
        let stages = request.version_stages.unwrap_or_else(|| vec![CURRENT.into()]);
        let mut constraints = Constraints::new("ValidationException");
        constraints.count("versionStages", stages.len(), 1, 20);
        constraints.check()?;
        let mut state = self.state();
        let mut secret = self.find(&state, &id)?.readable()?.clone();
        if let Some(same) = request.version.same_in(&secret)? {
            let answer = shown(&secret, &same.id, &same.stages);
            return Ok((answer, self.store.barrier()));
        }
        let id = request.version.client_request_token.clone().unwrap_or_else(|| state.random.uuid());
        let mut version = request.version.with(id.clone(), stages, now);
        // A secret that has versions always has a current one.
        if secret.versions.is_empty() && !version.has(CURRENT) {
            version.stages.push(CURRENT.into());
        }
        let answer = shown(&secret, &id, &version.stages);
        secret.add(version, now);
        let write = self.put_record(&secret)?;
        state.all.insert(secret.name.clone(), secret);
        Ok((answer, self.store.submit(vec![write])))
    }

    pub(super) fn delete(&self, request: DeleteSecret, now: Timestamp) -> Answer {
        let id = secret_id(request.secret_id.as_ref())?;
        let window = request.window()?;
        let mut state = self.state();
        let mut secret = self.find(&state, &id)?.clone();
        let Some(days) = window else {
            state.all.remove(&secret.name);
            let answer = json!({"ARN": secret.arn, "Name": secret.name, "DeletionDate": now});
            return Ok((answer, self.store.submit(vec![self.delete_record(secret.name)])));
        };
        secret.readable()?;
        let date = now.plus_seconds(days * DAY_SECONDS);
        secret.deletion = Some(date);
        let answer = json!({"ARN": secret.arn, "Name": secret.name, "DeletionDate": date});
        let write = self.put_record(&secret)?;
        state.all.insert(secret.name.clone(), secret);
        Ok((answer, self.store.submit(vec![write])))
    }
}

fn shown(secret: &Secret, id: &str, stages: &[String]) -> serde_json::Value {
    json!({"ARN": secret.arn, "Name": secret.name, "VersionId": id, "VersionStages": stages})
}

impl CreateSecret {
    fn check(&self) -> Result<String, Refusal> {
        let mut constraints = Constraints::new("ValidationException");
        constraints.required("name", self.name.as_ref());
        constraints.length("name", self.name.as_deref().unwrap_or("-"), 1, 512);
        constraints.check()?;
        let name = self.name.clone().unwrap_or_default();
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || "/_+=.@-!".contains(c)) {
            return Err(refusal(
                "ValidationException",
                "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: \
                 -/_+=.@!",
            ));
        }
        self.version.check()?;
        Ok(name)
    }
}

impl NewVersion {
    fn check(&self) -> Result<(), Refusal> {
        let mut constraints = Constraints::new("ValidationException");
        if let Some(token) = &self.client_request_token {
            constraints.length("clientRequestToken", token, 32, 64);
        }
        if let Some(text) = &self.secret_string {
            constraints.hidden_length("secretString", &text.0, 1, LENGTH);
        }
        let mut decoded = Ok(Vec::new());
        if let Some(binary) = &self.secret_binary {
            decoded = BASE64_STANDARD.decode(&binary.0);
            constraints.count("secretBinary", decoded.as_ref().map_or(1, Vec::len), 1, LENGTH);
        }
        constraints.check()?;
        if decoded.is_err() {
            return Err(refusal("SerializationException", "SecretBinary is not base64"));
        }
        if self.secret_string.is_some() && self.secret_binary.is_some() {
            return Err(refusal(
                "InvalidParameterException",
                "You can't specify both a binary secret value and a string secret value in the same secret.",
            ));
        }
        Ok(())
    }

    fn has_value(&self) -> bool {
        self.secret_string.is_some() || self.secret_binary.is_some()
    }

    /// The version that this token made, when it has the same value; with another value the token is refused.
    fn same_in<'a>(&self, secret: &'a Secret) -> Result<Option<&'a Version>, Refusal> {
        let token = self.client_request_token.as_ref();
        let Some(version) = secret.versions.iter().find(|version| Some(&version.id) == token) else {
            return Ok(None);
        };
        if version.text == self.secret_string && version.binary == self.secret_binary {
            return Ok(Some(version));
        }
        let message = format!(
            "You can't use ClientRequestToken {} because that value is already in use for a version of secret {}.",
            version.id, secret.arn
        );
        Err(refusal("ResourceExistsException", &message))
    }

    fn with(self, id: String, stages: Vec<String>, created: Timestamp) -> Version {
        Version { id, stages, created, text: self.secret_string, binary: self.secret_binary }
    }
}

impl DeleteSecret {
    /// How many days the secret can be brought back; `None` deletes it at once.
    fn window(&self) -> Result<Option<i64>, Refusal> {
        match (self.force_delete_without_recovery, self.recovery_window_in_days) {
            (true, Some(_)) => Err(refusal(
                "InvalidParameterException",
                "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
            )),
            (true, None) => Ok(None),
            (false, days) => match days.unwrap_or(RECOVERY_DAYS) {
                days @ 7..=30 => Ok(Some(days)),
                _ => Err(refusal(
                    "InvalidParameterException",
                    "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
                )),
            },
        }
    }
}
