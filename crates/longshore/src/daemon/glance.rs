//! What else the dashboard shows: what runs in the clusters of the environments, and how often AWS is called.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_aws::Aws;
use longshore_control::driver::Driver;
use longshore_control::lease::Lease;
use longshore_control::preview::Object;
use longshore_decide::preview::view::time;
use longshore_decide::service::revision_name;
use longshore_model::Error;
use longshore_model::call::{ListTasks, MAX_SERVICES_PER_DESCRIBE, MAX_TASKS_PER_DESCRIBE};
use longshore_model::seen::{Service, Task};
use longshore_server::{ApiCalls, Glance, RunRow, ServiceRow, Standing};
use longshore_world::{Ecs, Services};

/// Rows of a page: more are for `longshore status` and the AWS console.
const ROWS: usize = 200;

/// What AWS lets through in a minute without a burst: the refill of the bucket that an operation takes from (Amazon ECS
/// API reference, "Request throttling for the Amazon ECS API"). Operations of one bucket share it.
const LIMITS: [(&str, u32); 13] = [
    ("ecs:CreateService", 5 * 60),
    ("ecs:DeleteService", 5 * 60),
    ("ecs:DeregisterTaskDefinition", 60),
    ("ecs:DescribeContainerInstances", 20 * 60),
    ("ecs:DescribeServices", 20 * 60),
    ("ecs:DescribeTaskDefinition", 20 * 60),
    ("ecs:DescribeTasks", 20 * 60),
    ("ecs:ListServices", 20 * 60),
    ("ecs:ListTaskDefinitions", 20 * 60),
    ("ecs:ListTasks", 20 * 60),
    ("ecs:RegisterTaskDefinition", 60),
    ("ecs:RunTask", 40 * 60),
    ("ecs:UpdateService", 5 * 60),
];

/// What runs in the clusters.
#[derive(Debug)]
pub(super) struct Cluster {
    aws: Arc<Aws>,
    names: Vec<String>,
    driver: Driver<Object>,
    lease: Lease,
}

impl Cluster {
    pub(super) fn new(aws: Arc<Aws>, names: Vec<String>, driver: Driver<Object>, lease: Lease) -> Self {
        Self { aws, names, driver, lease }
    }

    async fn tasks(&self, cluster: &str) -> Result<Vec<Task>, Error> {
        let list = |stopped| ListTasks { cluster: cluster.to_owned(), stopped, ..ListTasks::default() };
        let mut arns = self.aws.list_tasks(&list(false)).await?;
        arns.extend(self.aws.list_tasks(&list(true)).await?);
        arns.truncate(ROWS);
        let mut tasks = Vec::new();
        for part in arns.chunks(MAX_TASKS_PER_DESCRIBE) {
            tasks.extend(self.aws.describe_tasks(cluster, part).await?.tasks);
        }
        Ok(tasks)
    }
}

#[async_trait]
impl Glance for Cluster {
    async fn services(&self) -> Result<Vec<ServiceRow>, Error> {
        let mut rows = Vec::new();
        for cluster in &self.names {
            let arns = self.aws.list_services(cluster).await?;
            let names: Vec<String> =
                arns.iter().take(ROWS).map(|arn| revision_name(arn).to_owned()).collect();
            for part in names.chunks(MAX_SERVICES_PER_DESCRIBE) {
                rows.extend(self.aws.describe_services(cluster, part).await?.iter().map(service));
            }
        }
        Ok(rows)
    }

    async fn runs(&self) -> Result<Vec<RunRow>, Error> {
        let mut tasks = Vec::new();
        for cluster in &self.names {
            tasks.extend(self.tasks(cluster).await?);
        }
        tasks.retain(|task| !task.group.as_deref().unwrap_or_default().starts_with("service:"));
        tasks.sort_by_key(|task| std::cmp::Reverse(task.created_at));
        Ok(tasks.iter().map(run).collect())
    }

    async fn api_calls(&self) -> Vec<ApiCalls> {
        let limit = |name: &str| LIMITS.iter().find(|(known, _)| *known == name).map(|(_, limit)| *limit);
        let calls = self.aws.tally().last_minute().into_iter();
        calls
            .map(|(operation, last_minute)| ApiCalls {
                limit_per_minute: limit(&operation),
                operation,
                last_minute,
            })
            .collect()
    }

    fn standing(&self) -> Standing {
        let counters = self.driver.counters();
        Standing { acts: Some(self.lease.is_held()), rounds: counters.rounds, errors: counters.errors }
    }
}

fn count(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

fn service(service: &Service) -> ServiceRow {
    let state = match service.status.as_str() {
        "ACTIVE" if service.deployments.len() > 1 => "deploying".to_owned(),
        "ACTIVE" if service.running_count != service.desired_count => "scaling".to_owned(),
        "ACTIVE" => "steady".to_owned(),
        other => other.to_lowercase(),
    };
    ServiceRow {
        name: service.name.clone(),
        task_definition: revision_name(&service.task_definition).to_owned(),
        running: count(service.running_count),
        pending: count(service.pending_count),
        desired: count(service.desired_count),
        state,
    }
}

fn run(task: &Task) -> RunRow {
    RunRow {
        id: task.id().to_owned(),
        task_definition: revision_name(&task.task_definition_arn).to_owned(),
        status: task.last_status.clone(),
        started_at: task.created_at.map(time),
        exit_code: task.containers.iter().find_map(|container| container.exit_code).map(i64::from),
        reason: task.stopped_reason.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_in_a_word() {
        let word = |status: &str, running_count| {
            service(&Service {
                status: status.into(),
                running_count,
                desired_count: 2,
                task_definition: "arn:aws:ecs:r:1:task-definition/web:3".into(),
                ..Service::default()
            })
        };
        assert_eq!(word("ACTIVE", 2).state, "steady");
        assert_eq!(word("ACTIVE", 1).state, "scaling");
        assert_eq!(word("DRAINING", 1).state, "draining");
        assert_eq!(word("ACTIVE", 2).task_definition, "web:3");
    }
}
