//! Amazon Resource Names of ECS, in the long format that new accounts have had since 2020.

use std::fmt;

/// Where ARNs live: `arn:aws:ecs:REGION:ACCOUNT:...`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// Twelve digits.
    pub account: String,
    /// Such as `eu-west-1`.
    pub region: String,
}

impl Scope {
    /// The partition of the region: `aws`, `aws-cn` or `aws-us-gov`.
    #[must_use]
    pub fn partition(&self) -> &'static str {
        if self.region.starts_with("cn-") {
            "aws-cn"
        } else if self.region.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        }
    }

    /// An ARN of ECS: `resource` is what follows the account, such as `cluster/web`.
    #[must_use]
    pub fn ecs(&self, resource: impl fmt::Display) -> String {
        format!("arn:{}:ecs:{}:{}:{resource}", self.partition(), self.region, self.account)
    }

    /// An ARN of Elastic Load Balancing: `resource` is what follows the account, such as `targetgroup/web/0a1b2c`.
    #[must_use]
    pub fn elb(&self, resource: impl fmt::Display) -> String {
        let (partition, region, account) = (self.partition(), &self.region, &self.account);
        format!("arn:{partition}:elasticloadbalancing:{region}:{account}:{resource}")
    }

    /// The ARN of a cluster.
    #[must_use]
    pub fn cluster(&self, name: &str) -> String {
        self.ecs(format_args!("cluster/{name}"))
    }

    /// The ARN of a task.
    #[must_use]
    pub fn task(&self, cluster: &str, id: &str) -> String {
        self.ecs(format_args!("task/{cluster}/{id}"))
    }

    /// The ARN of a container of a task; `id` is a UUID.
    #[must_use]
    pub fn container(&self, cluster: &str, task: &str, id: &str) -> String {
        self.ecs(format_args!("container/{cluster}/{task}/{id}"))
    }

    /// The ARN of a container instance.
    #[must_use]
    pub fn container_instance(&self, cluster: &str, id: &str) -> String {
        self.ecs(format_args!("container-instance/{cluster}/{id}"))
    }

    /// The ARN of a service.
    #[must_use]
    pub fn service(&self, cluster: &str, name: &str) -> String {
        self.ecs(format_args!("service/{cluster}/{name}"))
    }

    /// The ARN of a revision of a service.
    #[must_use]
    pub fn service_revision(&self, cluster: &str, service: &str, revision: u64) -> String {
        self.ecs(format_args!("service-revision/{cluster}/{service}/{revision}"))
    }

    /// The ARN of a service deployment.
    #[must_use]
    pub fn service_deployment(&self, cluster: &str, service: &str, id: &str) -> String {
        self.ecs(format_args!("service-deployment/{cluster}/{service}/{id}"))
    }

    /// The ARN of a capacity provider.
    #[must_use]
    pub fn capacity_provider(&self, name: &str) -> String {
        self.ecs(format_args!("capacity-provider/{name}"))
    }

    /// The ARN of a revision of a task definition.
    #[must_use]
    pub fn task_definition(&self, family: &str, revision: u32) -> String {
        self.ecs(format_args!("task-definition/{family}:{revision}"))
    }
}

/// What follows the account in an ARN of ECS, or `None` when `text` is no ARN of ECS in this scope.
#[must_use]
pub fn resource<'a>(text: &'a str, scope: &Scope) -> Option<&'a str> {
    let mut parts = text.splitn(6, ':');
    let head = [parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?];
    (head == ["arn", scope.partition(), "ecs", &scope.region, &scope.account]).then(|| parts.next())?
}

/// The last part of an ARN or a bare name: `arn:...:cluster/web` and `web` both give `web`.
#[must_use]
pub fn last_part(text: &str) -> &str {
    if text.starts_with("arn:") { text.rsplit('/').next().unwrap_or(text) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_written_and_read() {
        let scope = Scope { account: "123456789012".into(), region: "eu-west-1".into() };
        let arn = scope.task("web", "0af");
        assert_eq!(arn, "arn:aws:ecs:eu-west-1:123456789012:task/web/0af");
        assert_eq!(resource(&arn, &scope), Some("task/web/0af"));
        assert_eq!(last_part(&arn), "0af");
        assert_eq!(last_part("web"), "web");
        let elsewhere = Scope { region: "cn-north-1".into(), ..scope };
        assert_eq!(resource(&arn, &elsewhere), None);
        assert!(elsewhere.cluster("a").starts_with("arn:aws-cn:ecs:cn-north-1:"));
    }
}
