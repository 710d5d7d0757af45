//! Services, their history, and revisions of task definitions: ECS's own JSON, so that no member is lost on the way.

use std::collections::BTreeMap;

use async_trait::async_trait;
use longshore_model::seen::{Cluster, PastDeployment, Service, TaskDefinition};
use longshore_model::tag::Tag;
use longshore_model::{Error, Kind};
use longshore_world::Services;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{Aws, signed};

/// So many pages of a list are read; a list that is longer is an error and not cut short.
const PAGES_LIMIT: usize = 200;

#[async_trait]
impl Services for Aws {
    async fn describe_services(&self, cluster: &str, names: &[String]) -> Result<Vec<Service>, Error> {
        let what = format!("describe services of cluster `{cluster}`");
        let input = json!({"cluster": cluster, "services": names, "include": ["TAGS"]});
        let answer = self.ecs_json("DescribeServices", &what, &input).await?;
        let services: Vec<Value> = member(&what, answer, "services")?;
        services.into_iter().map(|service| read_service(&what, service)).collect()
    }

    async fn list_services(&self, cluster: &str) -> Result<Vec<String>, Error> {
        let what = format!("list the services of cluster `{cluster}`");
        let input = json!({"cluster": cluster, "maxResults": 100});
        self.pages("ListServices", &what, input, "serviceArns").await
    }

    async fn create_service(&self, input: &Map<String, Value>) -> Result<Service, Error> {
        let what = format!("create service `{}`", text(input, "serviceName"));
        self.service_of("CreateService", &what, Value::Object(input.clone())).await
    }

    async fn update_service(&self, input: &Map<String, Value>) -> Result<Service, Error> {
        let what = format!("update service `{}`", text(input, "service"));
        self.service_of("UpdateService", &what, Value::Object(input.clone())).await
    }

    async fn delete_service(&self, cluster: &str, name: &str) -> Result<Service, Error> {
        let what = format!("delete service `{name}` of cluster `{cluster}`");
        let input = json!({"cluster": cluster, "service": name, "force": true});
        self.service_of("DeleteService", &what, input).await
    }

    async fn past_deployments(&self, cluster: &str, name: &str) -> Result<Vec<PastDeployment>, Error> {
        let what = format!("list the deployments of service `{name}` of cluster `{cluster}`");
        let input = json!({"cluster": cluster, "service": name, "maxResults": 100});
        let mut all: Vec<PastDeployment> =
            self.pages("ListServiceDeployments", &what, input, "serviceDeployments").await?;
        all.sort_by_key(|deployment| std::cmp::Reverse(deployment.created_at));
        Ok(all)
    }

    async fn revisions(&self, arns: &[String]) -> Result<BTreeMap<String, String>, Error> {
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        struct Revision {
            service_revision_arn: String,
            task_definition: String,
        }
        let what = "describe service revisions";
        let input = json!({"serviceRevisionArns": arns});
        let answer = self.ecs_json("DescribeServiceRevisions", what, &input).await?;
        let found: Vec<Revision> = member(what, answer, "serviceRevisions")?;
        Ok(found.into_iter().map(|found| (found.service_revision_arn, found.task_definition)).collect())
    }

    async fn tag(&self, arn: &str, tags: &[Tag]) -> Result<(), Error> {
        let what = format!("tag `{arn}`");
        let input = json!({"resourceArn": arn, "tags": tags});
        self.ecs_json("TagResource", &what, &input).await.map(drop)
    }

    async fn untag(&self, arn: &str, keys: &[String]) -> Result<(), Error> {
        let what = format!("take tags off `{arn}`");
        let input = json!({"resourceArn": arn, "tagKeys": keys});
        self.ecs_json("UntagResource", &what, &input).await.map(drop)
    }

    async fn register(&self, input: &Map<String, Value>) -> Result<TaskDefinition, Error> {
        let json = serde_json::to_string(input).unwrap_or_default();
        self.register_task_definition(&text(input, "family"), json).await
    }

    async fn task_definition(&self, name: &str) -> Result<Option<Value>, Error> {
        match self.describe_task_definition_json(name).await {
            Err(error) if error.kind() == Kind::NotFound => Ok(None),
            answer => answer.map(Some),
        }
    }

    async fn active_revisions(&self, family: &str) -> Result<Vec<String>, Error> {
        let what = format!("list the revisions of `{family}`");
        let input = json!({"familyPrefix": family, "status": "ACTIVE", "sort": "DESC", "maxResults": 100});
        let arns: Vec<String> = self.pages("ListTaskDefinitions", &what, input, "taskDefinitionArns").await?;
        // ECS takes the family for the beginning of one.
        let is_of_family = |arn: &String| {
            let name = arn.rsplit('/').next().unwrap_or_default();
            name.rsplit_once(':').is_some_and(|(found, _)| found == family)
        };
        Ok(arns.into_iter().filter(is_of_family).collect())
    }

    async fn families(&self) -> Result<Vec<String>, Error> {
        let input = json!({"status": "ACTIVE", "maxResults": 100});
        self.pages("ListTaskDefinitionFamilies", "list the families of task definitions", input, "families")
            .await
    }

    async fn list_clusters(&self) -> Result<Vec<String>, Error> {
        self.pages("ListClusters", "list the clusters", json!({"maxResults": 100}), "clusterArns").await
    }

    async fn describe_clusters(&self, arns: &[String]) -> Result<Vec<Cluster>, Error> {
        let what = "describe clusters";
        let answer = self.ecs_json("DescribeClusters", what, &json!({"clusters": arns})).await?;
        member(what, answer, "clusters")
    }

    async fn deregister(&self, arn: &str) -> Result<(), Error> {
        let what = format!("deregister `{arn}`");
        self.ecs_json("DeregisterTaskDefinition", &what, &json!({"taskDefinition": arn})).await.map(drop)
    }
}

impl Aws {
    async fn service_of(&self, operation: &'static str, what: &str, input: Value) -> Result<Service, Error> {
        let mut answer = self.ecs_json(operation, what, &input).await?;
        read_service(what, answer["service"].take())
    }

    /// All items of a list, from all its pages.
    async fn pages<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        what: &str,
        mut input: Value,
        list: &str,
    ) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        for _ in 0..PAGES_LIMIT {
            let mut answer = self.ecs_json(operation, what, &input).await?;
            let next = answer["nextToken"].take();
            all.extend(member::<Vec<T>>(what, answer, list)?);
            if next.is_null() {
                return Ok(all);
            }
            input["nextToken"] = next;
        }
        Err(Error::new(Kind::Bug, format!("cannot {what}: there are more than {PAGES_LIMIT} pages")))
    }
}

fn text(input: &Map<String, Value>, member: &str) -> String {
    input.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn member<T: DeserializeOwned>(what: &str, mut answer: Value, name: &str) -> Result<T, Error> {
    serde_json::from_value(answer[name].take())
        .map_err(|error| signed::unreadable(what).caused_by(error.to_string()))
}

fn read_service(what: &str, document: Value) -> Result<Service, Error> {
    Service::read(document).map_err(|error| signed::unreadable(what).caused_by(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Replay;

    #[tokio::test]
    async fn lists_are_read_to_their_end() {
        let pages = [
            (200, r#"{"serviceArns":["arn:a"],"nextToken":"n"}"#),
            (200, r#"{"serviceArns":["arn:b"]}"#),
            (200, r#"{"taskDefinitionArns":["x/web:3","x/web-api:9","x/web:2"]}"#),
            (
                200,
                r#"{"serviceDeployments":[{"serviceDeploymentArn":"1","status":"SUCCESSFUL","createdAt":1.0},
                {"serviceDeploymentArn":"2","status":"IN_PROGRESS","createdAt":2.0,"targetServiceRevisionArn":"r"}]}"#,
            ),
        ];
        let (aws, replay) = Replay::of(pages).await;
        assert_eq!(aws.list_services("web").await.unwrap(), ["arn:a", "arn:b"]);
        assert_eq!(aws.active_revisions("web").await.unwrap(), ["x/web:3", "x/web:2"]);
        let past = aws.past_deployments("web", "api").await.unwrap();
        assert_eq!(past[0].revision_arn.as_deref(), Some("r"), "the newest first");
        let bodies: Vec<String> = replay.sent().into_iter().map(|sent| sent.body).collect();
        assert_eq!(bodies[1], r#"{"cluster":"web","maxResults":100,"nextToken":"n"}"#);
        assert!(bodies[2].contains(r#""familyPrefix":"web""#) && bodies[2].contains("DESC"), "{bodies:?}");
    }

    #[tokio::test]
    async fn clusters_and_families_are_read_to_their_end() {
        let pages = [
            (200, r#"{"families":["api"],"nextToken":"n"}"#),
            (200, r#"{"families":["web"]}"#),
            (200, r#"{"clusterArns":["arn:c/a"]}"#),
            (
                200,
                r#"{"clusters":[{"clusterArn":"arn:c/a","clusterName":"a","status":"ACTIVE","activeServicesCount":2,
                "settings":[]}],"failures":[]}"#,
            ),
            (200, "{}"),
        ];
        let (aws, replay) = Replay::of(pages).await;
        assert_eq!(aws.families().await.unwrap(), ["api", "web"]);
        assert_eq!(aws.list_clusters().await.unwrap(), ["arn:c/a"]);
        let clusters = aws.describe_clusters(&["arn:c/a".to_owned()]).await.unwrap();
        assert_eq!((clusters[0].name.as_str(), clusters[0].active_services_count), ("a", 2));
        assert!(aws.list_clusters().await.is_err(), "an answer without the list is none");
        let bodies: Vec<String> = replay.sent().into_iter().map(|sent| sent.body).collect();
        assert_eq!(bodies[1], r#"{"maxResults":100,"nextToken":"n","status":"ACTIVE"}"#);
        assert_eq!(bodies[3], r#"{"clusters":["arn:c/a"]}"#);
    }

    #[tokio::test]
    async fn a_service_is_sent_and_read_with_members_of_tomorrow() {
        let answer = r#"{"service":{"serviceName":"web","status":"ACTIVE","memberOfTomorrow":1,
            "deployments":[{"id":"ecs-svc/1","status":"PRIMARY","rolloutState":"IN_PROGRESS"}]}}"#;
        let (aws, replay) = Replay::of([(200, answer), (200, answer)]).await;
        let Value::Object(input) = json!({"service": "web", "memberOfTomorrow": 2}) else { panic!() };
        let service = aws.update_service(&input).await.unwrap();
        assert_eq!(service.primary().unwrap().id, "ecs-svc/1");
        assert_eq!(service.document["memberOfTomorrow"], 1);
        let sent = replay.sent();
        assert_eq!(sent[0].target, "AmazonEC2ContainerServiceV20141113.UpdateService");
        assert_eq!(sent[0].body, r#"{"memberOfTomorrow":2,"service":"web"}"#);
        aws.delete_service("c", "web").await.unwrap();
        assert_eq!(replay.sent()[1].body, r#"{"cluster":"c","force":true,"service":"web"}"#);
    }

    #[tokio::test]
    async fn a_family_that_is_not_there_is_no_error_and_a_refusal_is_one() {
        let missing = r#"{"__type":"ClientException","message":"Unable to describe task definition."}"#;
        let denied = r#"{"__type":"AccessDeniedException","message":"no"}"#;
        let (aws, _) = Replay::of([(400, missing), (400, denied)]).await;
        assert_eq!(aws.task_definition("web").await.unwrap(), None);
        assert_eq!(aws.task_definition("web").await.unwrap_err().kind(), Kind::Denied);
    }
}
