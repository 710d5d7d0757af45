//! What tasks and services need around them: one call each of several services.

use aws_sdk_cloudwatchlogs::config::{Builder, Region};
use std::collections::BTreeMap;

use async_trait::async_trait;
use longshore_model::image::{EcrImage, OtherImage};
use longshore_model::seen::{Cluster, Role, Secret, SeenImage, TargetGroup};
use longshore_model::{Error, Kind};
use longshore_world::Surroundings;
use serde_json::{Value, json};

use crate::signed::{self, Service};
use crate::{Aws, error};

const SSM: Service = Service { name: "ssm", id: "SSM", is_s3: false };
const SECRETS_MANAGER: Service = Service { name: "secretsmanager", id: "Secrets Manager", is_s3: false };

#[async_trait]
impl Surroundings for Aws {
    async fn cluster(&self, name: &str) -> Result<Option<Cluster>, Error> {
        let what = format!("describe cluster `{name}`");
        let mut answer = self.ecs_json("DescribeClusters", &what, &json!({"clusters": [name]})).await?;
        let found: Vec<Cluster> = serde_json::from_value(answer["clusters"].take())
            .map_err(|error| signed::unreadable(&what).caused_by(error.to_string()))?;
        Ok(found.into_iter().next())
    }

    async fn role(&self, name: &str) -> Result<Option<Role>, Error> {
        unless_missing(self.get_role(name).await)
    }

    async fn ecr_image(&self, image: &EcrImage) -> Result<Option<SeenImage>, Error> {
        unless_missing(self.in_region(Some(&image.region))?.describe_image(image).await)
    }

    async fn other_image(&self, image: &OtherImage) -> Result<Option<SeenImage>, Error> {
        let is_there = self.has_manifest(image).await?;
        Ok(is_there.then(SeenImage::default))
    }

    /// Without reading a value: GetParameters would.
    async fn has_parameter(&self, region: Option<&str>, names: &[String]) -> Result<bool, Error> {
        let what = format!("describe parameter `{}`", names.join("` or `"));
        let input = json!({"ParameterFilters": [{"Key": "Name", "Option": "Equals", "Values": names}]});
        let there = self.in_region(region)?;
        let endpoint = there.endpoint(SSM).url;
        let answer = there.json_at(SSM, &endpoint, "AmazonSSM", "DescribeParameters", &what, &input).await?;
        Ok(answer["Parameters"].as_array().is_some_and(|found| !found.is_empty()))
    }

    async fn secret(&self, region: Option<&str>, id: &str) -> Result<Option<Secret>, Error> {
        let what = format!("describe secret `{id}`");
        let there = self.in_region(region)?;
        let endpoint = there.endpoint(SECRETS_MANAGER).url;
        let input = json!({"SecretId": id});
        let answer = there
            .json_at(SECRETS_MANAGER, &endpoint, "secretsmanager", "DescribeSecret", &what, &input)
            .await;
        Ok(unless_missing(answer)?.map(|answer| {
            let stages = |stages: &Value| stages.as_array().into_iter().flatten().map(text).collect();
            let versions = answer["VersionIdsToStages"].as_object().into_iter().flatten();
            let versions: BTreeMap<_, _> = versions.map(|(id, of)| (id.clone(), stages(of))).collect();
            Secret { is_deleted: !answer["DeletedDate"].is_null(), versions }
        }))
    }

    async fn target_group(&self, arn: &str) -> Result<Option<TargetGroup>, Error> {
        unless_missing(self.describe_target_group(arn).await)
    }

    async fn has_log_group(&self, region: Option<&str>, name: &str) -> Result<bool, Error> {
        let what = format!("describe log group `{name}`");
        // The names come in their order, and the one that is the prefix itself is the first.
        let mut request = self.logs.describe_log_groups().log_group_name_prefix(name).customize();
        if let Some(region) = region.filter(|region| *region != self.region()) {
            request = request.config_override(Builder::new().region(Region::new(region.to_owned())));
        }
        let answer = request.send().await.map_err(|error| error::of_call(&what, self.place(), error))?;
        Ok(answer.log_groups().iter().any(|group| group.log_group_name() == Some(name)))
    }
}

impl Aws {
    /// The same in another region; without one, here.
    pub(crate) fn in_region(&self, region: Option<&str>) -> Result<Self, Error> {
        match region.filter(|region| *region != self.region()) {
            Some(region) => {
                let region = aws_config::Region::new(region.to_owned());
                Self::from_config(&self.config.to_builder().region(region).build())
            }
            None => Ok(self.clone()),
        }
    }

    /// A call of a service that speaks awsQuery, with one member: the answer is XML.
    pub(crate) async fn query(
        &self,
        service: Service,
        endpoint: &str,
        version: &str,
        operation: &'static str,
        what: &str,
        (name, value): (&str, &str),
    ) -> Result<String, Error> {
        let members = [(name.to_owned(), value.to_owned())];
        self.query_with(service, endpoint, version, operation, what, &members).await
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What is not there is an answer, too.
pub(crate) fn unless_missing<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Err(error) if error.kind() == Kind::NotFound => Ok(None),
        answer => answer.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Replay;

    #[tokio::test]
    async fn a_cluster_is_there_or_not() {
        let there = r#"{"clusters":[{"clusterArn":"arn:c","status":"ACTIVE"}],"failures":[]}"#;
        let missing = r#"{"clusters":[],"failures":[{"arn":"arn:c","reason":"MISSING"}]}"#;
        let (aws, _) = Replay::of([(200, there), (200, missing)]).await;
        let expected = Cluster { arn: "arn:c".into(), status: "ACTIVE".into(), ..Cluster::default() };
        assert_eq!(aws.cluster("c").await.unwrap(), Some(expected));
        assert_eq!(aws.cluster("c").await.unwrap(), None);
    }

    #[tokio::test]
    async fn parameters_and_secrets_are_described_and_not_read() {
        let answers = [
            (200, r#"{"Parameters":[{"Name":"/a"}]}"#),
            (200, r#"{"Parameters":[]}"#),
            (200, r#"{"Name":"s","DeletedDate":1.5,"VersionIdsToStages":{"v":["AWSCURRENT"]}}"#),
            (400, r#"{"__type":"ResourceNotFoundException","Message":"no"}"#),
            (400, r#"{"__type":"AccessDeniedException","Message":"no"}"#),
        ];
        let (aws, replay) = Replay::of(answers).await;
        let names = ["a".to_owned(), "/a".to_owned()];
        assert!(aws.has_parameter(Some("us-east-1"), &names).await.unwrap());
        assert!(!aws.has_parameter(None, &names).await.unwrap());
        let versions = [("v".to_owned(), vec!["AWSCURRENT".to_owned()])].into();
        let secret = Secret { is_deleted: true, versions };
        assert_eq!(aws.secret(None, "s").await.unwrap(), Some(secret));
        assert_eq!(aws.secret(None, "s").await.unwrap(), None);
        assert_eq!(aws.secret(None, "s").await.unwrap_err().kind(), Kind::Denied);
        let sent = replay.sent();
        assert_eq!(
            (sent[0].target.as_str(), sent[2].target.as_str()),
            ("AmazonSSM.DescribeParameters", "secretsmanager.DescribeSecret")
        );
        assert_eq!(
            sent[0].body,
            r#"{"ParameterFilters":[{"Key":"Name","Option":"Equals","Values":["a","/a"]}]}"#
        );
        assert!(sent[0].authorization.contains("/us-east-1/ssm/"), "{}", sent[0].authorization);
        assert!(sent[1].authorization.contains("/eu-west-1/ssm/"), "{}", sent[1].authorization);
    }

    #[tokio::test]
    async fn a_log_group_is_the_one_with_this_very_name() {
        let longer = r#"{"logGroups":[{"logGroupName":"/web-api"}]}"#;
        let both = r#"{"logGroups":[{"logGroupName":"/web"},{"logGroupName":"/web-api"}]}"#;
        let (aws, replay) = Replay::of([(200, longer), (200, both)]).await;
        assert!(!aws.has_log_group(None, "/web").await.unwrap());
        assert!(aws.has_log_group(Some("us-east-1"), "/web").await.unwrap());
        assert!(replay.sent()[1].authorization.contains("/us-east-1/logs/"));
    }
}
