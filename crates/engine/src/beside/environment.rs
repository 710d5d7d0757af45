//! A container's environment: the values behind `secrets`, and the variables in `environmentFiles`.
//!
//! Errors are sentences for the task's `stoppedReason`, worded as ECS words them. They never have a value in them.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use longshore_model::container_definition::Secret;
use serde_json::Value;

use super::parameters::Parameters;
use super::secrets::Secrets;

const PULL: &str = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource \
                    retrieval failed: unable to retrieve";
const RETRIED: &str = "service call has been retried 1 time(s)";
const DOWNLOAD: &str = "ResourceInitializationError: failed to download env files: file download command: non empty \
                        error stream";

/// The values of a container's `secrets`, by variable.
///
/// # Errors
/// The `stoppedReason` of a task whose secrets cannot be resolved: all missing parameters, or the first missing secret.
pub fn resolve(
    secrets: &[Secret],
    parameters: &Parameters,
    secrets_manager: &Secrets,
) -> Result<BTreeMap<String, String>, String> {
    let mut resolved = BTreeMap::new();
    let mut missing = Vec::new();
    for secret in secrets {
        let from = secret.value_from.as_str();
        let value = match Reference::parse(from) {
            Some(reference) => reference.read(secrets_manager)?,
            None => match parameters.value(from) {
                Some(value) => value,
                None => {
                    missing.push(parameter_name(from));
                    continue;
                }
            },
        };
        resolved.insert(secret.name.clone(), value);
    }
    if missing.is_empty() {
        return Ok(resolved);
    }
    Err(format!("{PULL} secrets from ssm: {RETRIED}: invalid ssm parameters: {}", missing.join(",")))
}

/// The parameter's name, as ECS names it in its error.
fn parameter_name(from: &str) -> &str {
    match from.split_once(":parameter") {
        Some((head, name)) if head.starts_with("arn:") => name,
        _ => from,
    }
}

/// `arn:...:secret:NAME` and behind it `:json-key:version-stage:version-id`, each of them possibly empty.
#[derive(Debug, PartialEq, Eq)]
struct Reference<'a> {
    arn: &'a str,
    json_key: Option<&'a str>,
    stage: Option<&'a str>,
    version: Option<&'a str>,
}

impl<'a> Reference<'a> {
    /// `None` when this is no secret's ARN.
    fn parse(from: &'a str) -> Option<Self> {
        let mut head = from.match_indices(':');
        if from.split(':').nth(2) != Some("secretsmanager") {
            return None;
        }
        // A secret's name has no colon: its ARN is the first seven parts.
        let end = head.nth(6).map_or(from.len(), |(index, _)| index);
        let mut suffix = from[end..].split(':').skip(1).map(|part| (!part.is_empty()).then_some(part));
        let mut next = || suffix.next().flatten();
        Some(Self { arn: &from[..end], json_key: next(), stage: next(), version: next() })
    }

    fn read(&self, secrets: &Secrets) -> Result<String, String> {
        let failed = |why: String| format!("{PULL} secret from asm: {RETRIED}: {why}");
        let value = secrets.value(self.arn, self.stage, self.version).map_err(|refusal| {
            let message = refusal.message.unwrap_or_default();
            let arn = self.arn;
            failed(format!("failed to fetch secret {arn} from secrets manager: {}: {message}", refusal.code))
        })?;
        // ECS reads SecretString alone: of a binary secret it gets an empty text.
        let value = value.unwrap_or_default();
        let Some(key) = self.json_key else { return Ok(value) };
        let Ok(Value::Object(members)) = serde_json::from_str(&value) else {
            let arn = self.arn;
            return Err(failed(format!(
                "secret {arn} is not a JSON object, so that it has no json key {key}"
            )));
        };
        members.get(key).map(go_text).ok_or_else(|| {
            failed(format!("retrieved secret from Secrets Manager did not contain json key {key}"))
        })
    }
}

/// How the agent, a Go program, writes a JSON value that is no text (its verb `%v`).
fn go_text(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".into(),
        Value::Bool(flag) => flag.to_string(),
        Value::String(text) => text.clone(),
        Value::Number(number) => go_number(number.as_f64().unwrap_or(f64::NAN)),
        Value::Array(items) => format!("[{}]", items.iter().map(go_text).collect::<Vec<_>>().join(" ")),
        Value::Object(members) => {
            let members: BTreeMap<_, _> = members.iter().collect();
            let members = members.into_iter().map(|(key, value)| format!("{key}:{}", go_text(value)));
            format!("map[{}]", members.collect::<Vec<_>>().join(" "))
        }
    }
}

/// Go's `%v` of a float64: an exponent from a million on and below a ten-thousandth.
fn go_number(number: f64) -> String {
    let scientific = format!("{number:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
        }
        _ => number.to_string(),
    }
}

/// The variables of an environment file, in the file's order: lines of the form `NAME=VALUE`.
///
/// As in ECS, a line that begins with `#` is a comment, quotation marks and spaces belong to the value, nothing is
/// expanded, and a line without a name, a value or the equals sign is passed over.
#[must_use]
pub fn parse_env_file(text: &str) -> Vec<(String, String)> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .filter(|(name, value)| !name.is_empty() && !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The variables of an `environmentFiles` entry: the S3 object `arn:aws:s3:::BUCKET/KEY` is the file
/// `s3/BUCKET/KEY` in the state directory.
///
/// # Errors
/// The `stoppedReason` of a task whose file cannot be read; it says where to put the file.
pub fn read_env_file(state_directory: &Path, arn: &str) -> Result<Vec<(String, String)>, String> {
    let Some(path) = object_path(state_directory, arn) else {
        return Err(format!("{DOWNLOAD}: `{arn}` is not the ARN of an S3 object (arn:aws:s3:::BUCKET/KEY)"));
    };
    match fs_err::read_to_string(&path) {
        Ok(text) => Ok(parse_env_file(&text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let path = path.display();
            Err(format!(
                "{DOWNLOAD}: NoSuchKey: `{arn}` does not exist; locally it is the file {path}: put it there"
            ))
        }
        Err(error) => Err(format!("{DOWNLOAD}: {error}")),
    }
}

/// Where an object is. `None` when the ARN is none, or would lead out of the directory.
fn object_path(state_directory: &Path, arn: &str) -> Option<PathBuf> {
    let (head, object) = arn.split_once(":::")?;
    let (bucket, key) = object.split_once('/')?;
    let is_s3 = matches!(head, "arn:aws:s3" | "arn:aws-cn:s3" | "arn:aws-us-gov:s3");
    let stays = |part: &str| {
        !part.is_empty() && Path::new(part).components().all(|c| matches!(c, Component::Normal(_)))
    };
    (is_s3 && stays(bucket) && stays(key)).then(|| state_directory.join("s3").join(bucket).join(key))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use longshore_model::Timestamp;
    use longshore_model::arn::Scope;
    use serde_json::json;

    use super::*;
    use crate::store::Store;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    async fn world() -> (Parameters, Secrets, String) {
        let scope = Scope { account: "123456789012".into(), region: "eu-west-1".into() };
        let store = Arc::new(Store::ephemeral().unwrap());
        let parameters = Parameters::new(scope.clone(), Arc::clone(&store));
        let secrets = Secrets::new(scope, store);
        for (name, kind, value) in [("plain", "String", "one"), ("/app/key", "SecureString", "swordfish")] {
            let body = json!({"Name": name, "Type": kind, "Value": value});
            parameters.call("PutParameter", body, NOW).await.unwrap();
        }
        let body = json!({"Name": "app/db", "SecretString": r#"{"user": "ann", "port": 5432, "big": 1234567, "small": 999999.5, "none": null,
            "list": [1, true], "map": {"b": 0.5, "a": "x"}}"#});
        let arn = secrets.call("CreateSecret", body, NOW).await.unwrap()["ARN"].as_str().unwrap().to_owned();
        let body = json!({"Name": "text", "SecretString": "swordfish"});
        secrets.call("CreateSecret", body, NOW).await.unwrap();
        (parameters, secrets, arn)
    }

    fn secret(from: impl Into<String>) -> Secret {
        Secret { name: "V".into(), value_from: from.into() }
    }

    #[tokio::test]
    async fn values_come_from_every_form_of_reference() {
        let (parameters, secrets, arn) = world().await;
        let partial = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:text".to_owned();
        let cases = [
            ("plain".into(), "one"),
            ("arn:aws:ssm:eu-west-1:123456789012:parameter/plain".into(), "one"),
            ("/app/key".into(), "swordfish"),
            ("arn:aws:ssm:eu-west-1:123456789012:parameter/app/key".into(), "swordfish"),
            ("/app/key:1".into(), "swordfish"),
            (partial.clone(), "swordfish"),
            (format!("{partial}::AWSCURRENT:"), "swordfish"),
            (format!("{arn}:user::"), "ann"),
            (format!("{arn}:port"), "5432"),
            (format!("{arn}:big::"), "1.234567e+06"),
            (format!("{arn}:small::"), "999999.5"),
            (format!("{arn}:none::"), "<nil>"),
            (format!("{arn}:list::"), "[1 true]"),
            (format!("{arn}:map:AWSCURRENT:"), "map[a:x b:0.5]"),
        ];
        for (from, value) in cases {
            let resolved = resolve(&[secret(from.clone())], &parameters, &secrets);
            assert_eq!(resolved.unwrap()["V"], value, "{from}");
        }
    }

    #[tokio::test]
    async fn what_is_missing_stops_the_task_in_ecs_words_and_without_values() {
        let (parameters, secrets, arn) = world().await;
        let absent = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:absent-AbCdEf";
        let text = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:text";
        let ssm = "secrets from ssm: service call has been retried 1 time(s): invalid ssm parameters:";
        let asm = "secret from asm: service call has been retried 1 time(s):";
        let stage = "failed to fetch secret";
        let cases = [
            (vec![secret("/no"), secret("plain"), secret("/nor")], format!("{ssm} /no,/nor")),
            (vec![secret("arn:aws:ssm:us-east-1:123456789012:parameter/plain")], format!("{ssm} /plain")),
            (
                vec![secret(absent)],
                format!(
                    "{asm} {stage} {absent} from secrets manager: ResourceNotFoundException: Secrets Manager can't \
                     find the specified secret."
                ),
            ),
            (
                vec![secret(format!("{arn}::NEXT:"))],
                format!(
                    "{asm} {stage} {arn} from secrets manager: ResourceNotFoundException: Secrets Manager can't \
                     find the specified secret value for staging label: NEXT"
                ),
            ),
            (
                vec![secret(format!("{arn}:nokey::"))],
                format!("{asm} retrieved secret from Secrets Manager did not contain json key nokey"),
            ),
            (
                vec![secret(format!("{text}:user::"))],
                format!("{asm} secret {text} is not a JSON object, so that it has no json key user"),
            ),
        ];
        for (wanted, end) in cases {
            let sentence = resolve(&wanted, &parameters, &secrets).unwrap_err();
            assert_eq!(sentence, format!("{PULL} {end}"));
            assert!(!sentence.contains("swordfish"));
        }
    }

    #[test]
    fn env_files_are_read_as_ecs_reads_them() {
        let text = "# comment\nA=1\n  B = two words \r\nC=\"quoted=$A\"\n\n=x\nD=\nnothing\n #E=1\nA=2";
        let parsed = parse_env_file(text);
        let parsed: Vec<_> = parsed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            parsed,
            [("A", "1"), ("  B ", " two words "), ("C", "\"quoted=$A\""), (" #E", "1"), ("A", "2")]
        );
    }

    #[test]
    fn an_object_is_a_file_below_the_state_directory_and_nowhere_else() {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("s3/bucket/config");
        fs_err::create_dir_all(&folder).unwrap();
        fs_err::write(folder.join("app.env"), "A=1\n").unwrap();
        let read = |arn: &str| read_env_file(directory.path(), arn);
        assert_eq!(read("arn:aws:s3:::bucket/config/app.env"), Ok(vec![("A".into(), "1".into())]));
        let missing = read("arn:aws:s3:::bucket/no.env").unwrap_err();
        assert!(
            missing.starts_with("ResourceInitializationError: failed to download env files: "),
            "{missing}"
        );
        let path = directory.path().join("s3/bucket/no.env");
        assert!(missing.contains(&path.display().to_string()), "{missing}");
        for arn in [
            "arn:aws:s3:::bucket/../../state.sqlite",
            "arn:aws:s3:::../x",
            "arn:aws:s3:::bucket//etc/passwd",
            "bucket/key",
        ] {
            assert!(read(arn).unwrap_err().contains("is not the ARN of an S3 object"), "{arn}");
        }
    }
}
