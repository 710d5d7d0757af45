//! SSM Parameter Store, as templates see it: one parameter by name.

use longshore_model::{Error, Kind};
use serde::Deserialize;
use serde_json::json;

use crate::Aws;
use crate::signed::{self, Service};

const SSM: Service = Service { name: "ssm", id: "SSM", is_s3: false };

/// A parameter, without what is secret in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its ARN.
    pub arn: String,
    /// The value of a String, or of a StringList with its commas; absent for a SecureString, which is not decrypted.
    pub value: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    parameter: Described,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    #[serde(rename = "ARN")]
    arn: String,
    #[serde(rename = "Type")]
    kind: String,
    value: String,
}

impl Aws {
    /// A parameter by name or ARN, also with `:version` or `:label` behind. A SecureString stays encrypted.
    /// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html>
    ///
    /// # Errors
    /// When there is none, and when the call fails.
    pub async fn parameter(&self, name: &str) -> Result<Parameter, Error> {
        let what = format!("read parameter `{name}`");
        let input = json!({"Name": name, "WithDecryption": false});
        let answer =
            self.json(SSM, "AmazonSSM", "GetParameter", &what, &input).await.map_err(|error| {
                match (error.kind(), error.hint()) {
                    (Kind::NotFound, None) => {
                        error.with_hint("`aws ssm describe-parameters` shows those that there are")
                    }
                    _ => error,
                }
            })?;
        // What serde says of another shape may show values.
        let Answer { parameter } = serde_json::from_value(answer).map_err(|_| signed::unreadable(&what))?;
        let is_secret = parameter.kind == "SecureString";
        Ok(Parameter { arn: parameter.arn, value: (!is_secret).then_some(parameter.value) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Replay;

    fn answer(kind: &str, value: &str) -> String {
        format!(
            r#"{{"Parameter":{{"ARN":"arn:aws:ssm:eu-west-1:1:parameter/web/tag","Name":"/web/tag","Type":"{kind}",
            "Value":"{value}","Version":3,"DataType":"text","MemberOfTomorrow":1}}}}"#
        )
    }

    #[tokio::test]
    async fn a_parameter_is_read_and_a_secret_one_is_not() {
        let (text, list, secret) =
            (answer("String", "v7"), answer("StringList", "a,b"), answer("SecureString", "hush"));
        let (aws, replay) = Replay::of([(200, &*text), (200, &*list), (200, &*secret)]).await;
        for value in [Some("v7"), Some("a,b"), None] {
            let parameter = aws.parameter("/web/tag").await.unwrap();
            assert_eq!(parameter.arn, "arn:aws:ssm:eu-west-1:1:parameter/web/tag");
            assert_eq!(parameter.value.as_deref(), value);
        }
        let sent = &replay.sent()[0];
        assert_eq!(sent.target, "AmazonSSM.GetParameter");
        assert_eq!(sent.header("content-type"), Some("application/x-amz-json-1.1"));
        assert_eq!(sent.body, r#"{"Name":"/web/tag","WithDecryption":false}"#);
        assert!(sent.authorization.contains("/eu-west-1/ssm/aws4_request"), "{}", sent.authorization);
    }

    #[tokio::test]
    async fn what_is_missing_or_strange_is_said_without_a_value() {
        let missing = r#"{"__type":"ParameterNotFound"}"#;
        let denied = r#"{"__type":"AccessDeniedException","Message":"no"}"#;
        let strange = r#"{"Parameter":{"Value":["hush"]}}"#;
        let (aws, _) = Replay::of([(400, missing), (400, denied), (200, strange)]).await;
        let error = aws.parameter("/web/tag").await.unwrap_err();
        assert_eq!(error.to_string(), "cannot read parameter `/web/tag`: ParameterNotFound");
        assert_eq!(error.kind(), Kind::NotFound);
        assert!(error.hint().unwrap().contains("describe-parameters"));
        let error = aws.parameter("/web/tag").await.unwrap_err();
        assert!(error.hint().unwrap().contains("get-caller-identity"));
        let error = aws.parameter("/web/tag").await.unwrap_err();
        assert!(!format!("{error:?}").contains("hush") && error.hint().is_some(), "{error:?}");
    }
}
