//! Secrets Manager, as templates see it: where a secret is, never what it is.

use longshore_model::{Error, Kind};
use serde_json::json;

use crate::Aws;
use crate::signed::{self, Service};

/// Its id makes `AWS_ENDPOINT_URL_SECRETS_MANAGER`.
const SECRETS: Service = Service { name: "secretsmanager", id: "Secrets Manager", is_s3: false };

impl Aws {
    /// The whole ARN of a secret, with the six characters that Secrets Manager puts behind its name.
    /// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html>
    ///
    /// # Errors
    /// When there is none or it is about to be deleted, and when the call fails.
    pub async fn secret_arn(&self, name: &str) -> Result<String, Error> {
        let what = format!("describe secret `{name}`");
        let input = json!({"SecretId": name});
        let answer =
            self.json(SECRETS, "secretsmanager", "DescribeSecret", &what, &input).await.map_err(|error| {
                match (error.kind(), error.hint()) {
                    (Kind::NotFound, None) => {
                        error.with_hint("`aws secretsmanager list-secrets` shows those that there are")
                    }
                    _ => error,
                }
            })?;
        if !answer["DeletedDate"].is_null() {
            let said = format!("cannot {what}: it is about to be deleted, and no task could read it");
            return Err(Error::new(Kind::NotFound, said)
                .with_hint(format!("`aws secretsmanager restore-secret --secret-id {name}` keeps it")));
        }
        answer["ARN"].as_str().map(ToOwned::to_owned).ok_or_else(|| signed::unreadable(&what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Replay;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:1:secret:prod/db-a1B2c3";

    #[tokio::test]
    async fn the_arn_has_its_suffix_and_no_value_is_asked_for() {
        let answer = format!(r#"{{"ARN":"{ARN}","Name":"prod/db"}}"#);
        let (aws, replay) = Replay::of([(200, &*answer)]).await;
        assert_eq!(aws.secret_arn("prod/db").await.unwrap(), ARN);
        let [sent] = &replay.sent()[..] else { panic!("one request") };
        assert_eq!(sent.target, "secretsmanager.DescribeSecret");
        assert_eq!(sent.body, r#"{"SecretId":"prod/db"}"#);
        let scope = "/eu-west-1/secretsmanager/aws4_request";
        assert!(sent.authorization.contains(scope), "{}", sent.authorization);
    }

    #[tokio::test]
    async fn a_secret_that_tasks_cannot_read_is_said_to_be_one() {
        let missing =
            r#"{"__type":"ResourceNotFoundException","Message":"can't find the specified secret."}"#;
        let deleted = format!(r#"{{"ARN":"{ARN}","DeletedDate":1.7e9}}"#);
        let (aws, _) = Replay::of([(400, missing), (200, &*deleted), (200, "{}")]).await;
        let expected = [
            (Kind::NotFound, "can't find the specified secret.", "list-secrets"),
            (Kind::NotFound, "no task could read it", "restore-secret --secret-id prod/db"),
            (Kind::Unavailable, "the answer is not AWS's", "AWS_ENDPOINT_URL"),
        ];
        for (kind, message, hint) in expected {
            let error = aws.secret_arn("prod/db").await.unwrap_err();
            assert_eq!(error.kind(), kind);
            assert!(error.to_string().starts_with("cannot describe secret `prod/db`: "), "{error}");
            assert!(error.to_string().ends_with(message), "{error}");
            assert!(error.hint().unwrap().contains(hint), "{error:?}");
        }
    }
}
