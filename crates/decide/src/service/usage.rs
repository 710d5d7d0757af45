//! Which revisions of task definitions are in use, over all clusters of an account, and by whom. What is here is only
//! believed when every list was whole: see [`whole`] and [`listed`].

use std::collections::BTreeMap;

use longshore_model::seen::{Cluster, Service, Task};
use longshore_model::{Error, Kind};
use serde_json::Value;

use super::revision_name;

/// Who uses revisions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// One user in words, such as `service web of cluster prod`, by `family:revision`.
    users: BTreeMap<String, String>,
}

impl Usage {
    /// Takes down what a service runs: its deployments, its task sets, and what it names itself.
    pub fn service(&mut self, cluster: &str, service: &Service) {
        if service.status == "INACTIVE" {
            return;
        }
        let user = format!("service {} of cluster {cluster} runs it", service.name);
        let sets = service.document.get("taskSets").and_then(Value::as_array).into_iter().flatten();
        let of_sets = sets.filter_map(|set| set["taskDefinition"].as_str());
        let of_deployments = service.deployments.iter().map(|deployment| deployment.task_definition.as_str());
        for revision in of_sets.chain(of_deployments).chain([service.task_definition.as_str()]) {
            self.take(revision, &user);
        }
    }

    /// Takes down what `rollback` would go to.
    pub fn rollback(&mut self, cluster: &str, service: &Service, revision: &str) {
        self.take(
            revision,
            &format!("a rollback of service {} of cluster {cluster} goes to it", service.name),
        );
    }

    /// Takes down what a task runs.
    pub fn task(&mut self, cluster: &str, task: &Task) {
        self.take(
            &task.task_definition_arn,
            &format!("task {} of cluster {cluster} runs it", task.short_id()),
        );
    }

    fn take(&mut self, revision: &str, user: &str) {
        let name = revision_name(revision);
        if !name.is_empty() {
            self.users.entry(name.to_owned()).or_insert_with(|| user.to_owned());
        }
    }

    /// Why a revision is in use; `None` when it is not. By ARN or `family:revision`.
    #[must_use]
    pub fn of(&self, revision: &str) -> Option<&str> {
        self.users.get(revision_name(revision)).map(String::as_str)
    }

    /// A revision of this family that is in use, and why.
    #[must_use]
    pub fn of_family(&self, family: &str) -> Option<(&str, &str)> {
        let is_of_family = |name: &str| family_of(name) == family;
        let found = self.users.iter().find(|(name, _)| is_of_family(name));
        found.map(|(name, user)| (name.as_str(), user.as_str()))
    }
}

/// The family in `family:revision` or an ARN.
#[must_use]
pub fn family_of(revision: &str) -> &str {
    let name = revision_name(revision);
    name.rsplit_once(':').map_or(name, |(family, _)| family)
}

/// Whether all that was listed was described as well.
///
/// # Errors
///
/// When it was not: then nothing may be concluded from it.
pub fn whole(what: &str, listed: usize, described: usize) -> Result<(), Error> {
    if described >= listed {
        return Ok(());
    }
    let text = format!("{listed} {what} were listed, but {described} described: what is there is not known");
    Err(Error::new(Kind::NotFound, text).with_hint("nothing may be concluded from that; run it again"))
}

/// Whether a cluster's list of services has at least those that the cluster counts itself.
///
/// # Errors
///
/// When it has fewer.
pub fn listed(cluster: &Cluster, services: usize) -> Result<(), Error> {
    if services >= cluster.active_services_count {
        return Ok(());
    }
    let (name, counted) = (&cluster.name, cluster.active_services_count);
    let text = format!("cluster `{name}` counts {counted} active services, but {services} were listed");
    Err(Error::new(Kind::Unavailable, text).with_hint("nothing may be concluded from that; run it again"))
}

/// Whether clusters were listed at all: an account with services has one, so an empty list is a gap.
///
/// # Errors
///
/// When there are none.
pub fn some(clusters: &[String]) -> Result<(), Error> {
    if !clusters.is_empty() {
        return Ok(());
    }
    let text = "no cluster was listed: what is in use is not known";
    Err(Error::new(Kind::NotFound, text).with_hint("nothing may be concluded from that; run it again"))
}

/// Whether a service has a history of deployments that ECS keeps: those of other controllers have none.
#[must_use]
pub fn has_history(service: &Service) -> bool {
    let controller = service.document.get("deploymentController").and_then(|it| it["type"].as_str());
    service.status == "ACTIVE" && controller.is_none_or(|controller| controller == "ECS")
}

#[cfg(test)]
mod tests {
    use longshore_model::seen::Deployment;
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:ecs:r:1:task-definition";

    fn service() -> Service {
        let document = json!({"serviceName": "web", "status": "ACTIVE", "taskDefinition": format!("{ARN}/web:9"),
            "taskSets": [{"taskDefinition": format!("{ARN}/blue:1")}]});
        let deployments = ["web:9", "web:7"]
            .map(|name| Deployment { task_definition: format!("{ARN}/{name}"), ..Deployment::default() });
        Service { deployments: deployments.to_vec(), ..Service::read(document).unwrap() }
    }

    #[test]
    fn deployments_task_sets_tasks_and_the_way_back_are_in_use() {
        let mut usage = Usage::default();
        usage.service("prod", &service());
        usage.rollback("prod", &service(), &format!("{ARN}/web:5"));
        let task = Task {
            arn: "arn:aws:ecs:r:1:task/prod/0af3aaaabbbb".into(),
            task_definition_arn: format!("{ARN}/job:3"),
            ..Task::default()
        };
        usage.task("prod", &task);
        usage.task("prod", &Task::default());
        let gone =
            Service { status: "INACTIVE".into(), task_definition: "x/web:6".into(), ..Service::default() };
        usage.service("prod", &gone);
        let cases = [
            ("web:9", Some("service web of cluster prod runs it")),
            ("web:7", Some("service web of cluster prod runs it")),
            ("blue:1", Some("service web of cluster prod runs it")),
            ("web:5", Some("a rollback of service web of cluster prod goes to it")),
            ("job:3", Some("task 0af3aaaa of cluster prod runs it")),
            ("web:6", None),
            ("we:9", None),
        ];
        for (name, expected) in cases {
            assert_eq!(usage.of(name), expected, "{name}");
            assert_eq!(usage.of(&format!("{ARN}/{name}")), expected, "{name}");
        }
        assert_eq!(usage.of_family("job").map(|(name, _)| name), Some("job:3"));
        assert_eq!(usage.of_family("we"), None);
    }

    #[test]
    fn a_gap_is_an_error() {
        assert!(whole("services", 2, 2).is_ok() && whole("services", 0, 0).is_ok());
        assert!(whole("services", 2, 1).unwrap_err().hint().unwrap().contains("run it again"));
        let cluster = Cluster { name: "c".into(), active_services_count: 1, ..Cluster::default() };
        assert!(listed(&cluster, 1).is_ok() && listed(&cluster, 2).is_ok(), "some may be draining");
        assert!(listed(&cluster, 0).is_err());
        assert!(some(&[]).is_err() && some(&["c".to_owned()]).is_ok());
    }

    #[test]
    fn other_controllers_have_no_history() {
        let with = |document: Value| Service::read(document).unwrap();
        assert!(has_history(&with(json!({"status": "ACTIVE"}))));
        assert!(has_history(&with(json!({"status": "ACTIVE", "deploymentController": {"type": "ECS"}}))));
        for other in [
            json!({"status": "ACTIVE", "deploymentController": {"type": "EXTERNAL"}}),
            json!({"status": "ACTIVE", "deploymentController": {"type": "CODE_DEPLOY"}}),
            json!({"status": "DRAINING"}),
        ] {
            assert!(!has_history(&with(other)));
        }
    }
}
