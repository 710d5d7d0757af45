//! Describing services.

use longshore_model::seen::Service;
use longshore_model::{Error, Kind};
use longshore_world::Services;

use crate::Aws;

impl Aws {
    /// Describes a service, which was not deleted.
    pub async fn describe_service(&self, cluster: &str, name: &str) -> Result<Service, Error> {
        let found = self.describe_services(cluster, &[name.to_owned()]).await?;
        // A deleted service is still described for a while, as INACTIVE.
        found.into_iter().find(|service| service.status != "INACTIVE").ok_or_else(|| {
            let what = format!("describe service `{name}` of cluster `{cluster}`: there is no such service");
            Error::new(Kind::NotFound, format!("cannot {what}"))
                .with_hint(format!("`aws ecs list-services --cluster {cluster}` shows those that there are"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Replay;

    #[tokio::test]
    async fn where_a_service_runs_is_read() {
        let answer = r#"{"services":[{"serviceArn":"arn:aws:ecs:eu-west-1:1:service/web/api","status":"ACTIVE",
            "taskDefinition":"arn:aws:ecs:eu-west-1:1:task-definition/api:7","memberOfTomorrow":1,
            "capacityProviderStrategy":[{"capacityProvider":"FARGATE_SPOT","weight":3,"base":1}],
            "networkConfiguration":{"awsvpcConfiguration":{"subnets":["subnet-1"],"securityGroups":["sg-1"],
            "assignPublicIp":"DISABLED"}},"platformVersion":"1.4.0",
            "placementConstraints":[{"type":"distinctInstance"}],
            "placementStrategy":[{"type":"spread","field":"instanceId"}]}],"failures":[]}"#;
        let (aws, replay) = Replay::of([(200, answer)]).await;
        let service = aws.describe_service("web", "api").await.unwrap();
        let [sent] = &replay.sent()[..] else { panic!("one request") };
        assert_eq!(sent.target, "AmazonEC2ContainerServiceV20141113.DescribeServices");
        assert_eq!(sent.body, r#"{"cluster":"web","include":["TAGS"],"services":["api"]}"#);
        assert!(sent.authorization.contains("/eu-west-1/ecs/aws4_request"), "{}", sent.authorization);
        assert_eq!(service.task_definition, "arn:aws:ecs:eu-west-1:1:task-definition/api:7");
        assert_eq!(service.launch_type, None);
        assert_eq!(service.capacity_provider_strategy[0].capacity_provider, "FARGATE_SPOT");
        let network = service.network_configuration.unwrap().awsvpc_configuration.unwrap();
        assert_eq!(
            (network.subnets, network.security_groups),
            (vec!["subnet-1".into()], Some(vec!["sg-1".into()]))
        );
        assert_eq!(service.platform_version.as_deref(), Some("1.4.0"));
        assert_eq!((service.placement_constraints.len(), service.placement_strategy.len()), (1, 1));
    }

    #[tokio::test]
    async fn a_service_that_was_deleted_or_never_was_is_not_found() {
        let missing = r#"{"services":[],"failures":[{"arn":"a","reason":"MISSING"}]}"#;
        let deleted = r#"{"services":[{"serviceArn":"a","status":"INACTIVE","launchType":"EC2"}]}"#;
        let no_cluster = r#"{"__type":"ClusterNotFoundException","message":"Cluster not found."}"#;
        let (aws, _) = Replay::of([(200, missing), (200, deleted), (400, no_cluster)]).await;
        for _ in 0..2 {
            let error = aws.describe_service("web", "api").await.unwrap_err();
            assert_eq!(error.kind(), Kind::NotFound);
            assert!(error.to_string().contains("`api` of cluster `web`"), "{error}");
            assert!(error.hint().unwrap().contains("list-services --cluster web"));
        }
        let error = aws.describe_service("web", "api").await.unwrap_err();
        assert_eq!(error.code(), Some("ClusterNotFoundException"));
    }
}
