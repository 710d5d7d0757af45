//! Service deployments and service revisions: what happened to a service so far, and what is happening now.

use longshore_model::Timestamp;
use longshore_model::arn;
use longshore_model::service::{
    CircuitBreakerReading, ContainerImage, Rollback, ServiceDeployment, ServiceDeploymentBrief,
    ServiceDeploymentStatus as Status, ServiceRevision,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::deploy::Cause;
use super::{Revision, Rollout, Service, ServiceKey};
use crate::api::{Failure, request};
use crate::cloud::{Cloud, Key};
use crate::fault::{Fault, FaultKind};
use crate::page::{PageRequest, page};

/// How many one call describes, and how many a page has where the call says nothing.
const DESCRIBED_LIMIT: usize = 20;
const USUAL_PAGE: i32 = 20;

request! {
    /// DescribeServiceDeployments.
    DescribeServiceDeployments { service_deployment_arns: Vec<String> }
}
request! {
    /// ListServiceDeployments.
    ListServiceDeployments {
        service: Option<String>,
        cluster: Option<String>,
        status: Vec<Status>,
        created_at: Option<CreatedAt>,
        next_token: Option<String>,
        max_results: Option<i32>,
    }
}
request! {
    /// StopServiceDeployment.
    StopServiceDeployment { service_deployment_arn: Option<String>, stop_type: Option<String> }
}
request! {
    /// DescribeServiceRevisions.
    DescribeServiceRevisions { service_revision_arns: Vec<String> }
}

/// A span of time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CreatedAt {
    /// Not later than this.
    pub before: Option<Timestamp>,
    /// Not earlier than this.
    pub after: Option<Timestamp>,
}

/// The answer of DescribeServiceDeployments.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceDeployments {
    /// Those that were found.
    pub service_deployments: Vec<ServiceDeployment>,
    /// Those that were not.
    pub failures: Vec<Failure>,
}

/// The answer of ListServiceDeployments.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceDeploymentPage {
    /// One page, the newest first.
    pub service_deployments: Vec<ServiceDeploymentBrief>,
    /// Where the next one begins.
    pub next_token: Option<String>,
}

/// The answer of StopServiceDeployment.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoppedServiceDeployment {
    /// The deployment.
    pub service_deployment_arn: String,
}

/// The answer of DescribeServiceRevisions.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceRevisions {
    /// Those that were found.
    pub service_revisions: Vec<ServiceRevision>,
    /// Those that were not.
    pub failures: Vec<Failure>,
}

impl Cloud {
    pub(crate) fn describe_service_deployments(
        &self,
        request: &DescribeServiceDeployments,
    ) -> Result<ServiceDeployments, Fault> {
        check_count("serviceDeploymentArns", request.service_deployment_arns.len())?;
        let mut answer = ServiceDeployments { service_deployments: Vec::new(), failures: Vec::new() };
        for given in &request.service_deployment_arns {
            match self.named_rollout(given)? {
                Some((service, number, rollout)) => {
                    answer.service_deployments.push(self.rollout_view(service, number, rollout));
                }
                None => answer.failures.push(Failure::missing(given)),
            }
        }
        Ok(answer)
    }

    pub(crate) fn list_service_deployments(
        &self,
        request: &ListServiceDeployments,
    ) -> Result<ServiceDeploymentPage, Fault> {
        let cluster = self.active_cluster(request.cluster.as_deref())?;
        let (key, service) = self.named_service(&cluster, request.service.as_deref())?;
        let max_results = request.max_results.or(Some(USUAL_PAGE));
        let pages = PageRequest { max_results, next_token: request.next_token.as_deref() };
        let after = pages.after()?;
        let span = request.created_at.clone().unwrap_or_default();
        let is_of = |rollout: &Rollout| {
            (request.status.is_empty() || request.status.contains(&rollout.status))
                && span.before.is_none_or(|before| rollout.created_at <= before)
                && span.after.is_none_or(|after| rollout.created_at >= after)
        };
        let mut matching: Vec<_> = self.rollouts_of(&key).filter(|(_, rollout)| is_of(rollout)).collect();
        matching.reverse();
        // Numbers of the same length sort as texts do; the newest is the first.
        let place = |number: u64| format!("{:020}", u64::MAX - number);
        let rest =
            matching.into_iter().filter(|(number, _)| after.as_ref().is_none_or(|it| place(*number) > *it));
        let page = page(rest, pages.limit(100)?, |(number, _)| place(*number));
        let briefs = page.items.into_iter().map(|(number, rollout)| {
            let it = self.rollout_view(service, number, rollout);
            ServiceDeploymentBrief {
                service_deployment_arn: it.service_deployment_arn,
                service_arn: it.service_arn,
                cluster_arn: it.cluster_arn,
                started_at: it.started_at,
                created_at: it.created_at,
                finished_at: it.finished_at,
                target_service_revision_arn: it.target_service_revision.arn,
                status: it.status,
                status_reason: it.status_reason,
            }
        });
        Ok(ServiceDeploymentPage { service_deployments: briefs.collect(), next_token: page.next_token })
    }

    pub(crate) fn stop_service_deployment(
        &mut self,
        request: &StopServiceDeployment,
        now: Timestamp,
    ) -> Result<StoppedServiceDeployment, Fault> {
        let given = request.service_deployment_arn.clone().unwrap_or_default();
        let missing = || Fault::new(FaultKind::ServiceDeploymentNotFound, "Service deployment not found.");
        let (service, number, rollout) = self.named_rollout(&given)?.ok_or_else(missing)?;
        let cause = match request.stop_type.as_deref() {
            None | Some("ROLLBACK") => Cause::RollbackAsked,
            Some("ABORT") => Cause::Aborted,
            Some(_) => return Err(Fault::invalid("stopType should be one of [ABORT,ROLLBACK]")),
        };
        let is_current = service.primary().is_some_and(|primary| primary.rollout == number);
        if !is_current || !matches!(rollout.status, Status::Pending | Status::InProgress) {
            let message = format!(
                "The service deployment is in status {} and can no longer be stopped.",
                rollout.status
            );
            return Err(Fault::new(FaultKind::Conflict, message));
        }
        if cause == Cause::RollbackAsked && service.last_completed.is_none() {
            return Err(Fault::new(
                FaultKind::Conflict,
                "The service has no earlier deployment that was completed: there is nothing to roll back to. Stop the \
                 deployment with the stop type ABORT, or delete the service.",
            ));
        }
        let key = service.key();
        self.change_rollout(&key, number, now, |rollout| {
            rollout.status =
                if cause == Cause::Aborted { Status::StopRequested } else { Status::RollbackRequested };
        });
        self.fail_deployment(&key, cause, now);
        Ok(StoppedServiceDeployment { service_deployment_arn: given })
    }

    pub(crate) fn describe_service_revisions(
        &self,
        request: &DescribeServiceRevisions,
    ) -> Result<ServiceRevisions, Fault> {
        check_count("serviceRevisionArns", request.service_revision_arns.len())?;
        let mut answer = ServiceRevisions { service_revisions: Vec::new(), failures: Vec::new() };
        for given in &request.service_revision_arns {
            match self.named_revision(given)? {
                Some((key, number, revision)) => {
                    answer.service_revisions.push(self.revision_view(&key, number, revision));
                }
                None => answer.failures.push(Failure::missing(given)),
            }
        }
        Ok(answer)
    }

    fn rollout_view(&self, service: &Service, number: u64, rollout: &Rollout) -> ServiceDeployment {
        let is_current = service.primary().is_some_and(|primary| primary.rollout == number);
        let is_on = rollout.configuration.deployment_circuit_breaker.as_ref().is_some_and(|it| it.enable);
        let is_open =
            matches!(rollout.status, Status::Pending | Status::InProgress | Status::RollbackInProgress);
        let breaker = match (is_on, rollout.is_triggered, is_open && is_current) {
            (false, ..) => "DISABLED",
            (_, true, _) => "TRIGGERED",
            (_, _, true) => "MONITORING",
            _ => "MONITORING_COMPLETE",
        };
        let names =
            rollout.configuration.alarms.as_ref().and_then(|alarms| alarms.get("alarmNames")).cloned();
        let enabled = rollout.configuration.alarms.as_ref().and_then(|it| it.get("enable")?.as_bool());
        ServiceDeployment {
            service_deployment_arn: self.scope.service_deployment(
                &service.cluster,
                &service.name,
                &rollout.id,
            ),
            service_arn: self.scope.service(&service.cluster, &service.name),
            cluster_arn: self.scope.cluster(&service.cluster),
            created_at: rollout.created_at,
            started_at: rollout.started_at,
            finished_at: rollout.finished_at,
            stopped_at: rollout.stopped_at,
            updated_at: rollout.updated_at,
            source_service_revisions: rollout.sources.iter().map(|it| self.summary(service, *it)).collect(),
            target_service_revision: self.summary(service, rollout.target),
            status: rollout.status,
            status_reason: rollout.status_reason.clone(),
            deployment_configuration: rollout.configuration.clone(),
            rollback: rollout.rollback.as_ref().map(|it| Rollback {
                reason: it.reason.clone(),
                started_at: it.started_at,
                service_revision_arn: self.scope.service_revision(
                    &service.cluster,
                    &service.name,
                    it.revision,
                ),
            }),
            deployment_circuit_breaker: CircuitBreakerReading {
                status: breaker.to_owned(),
                failure_count: rollout.failures,
                threshold: rollout.threshold,
            },
            // There is no CloudWatch here that an alarm could come from.
            alarms: match enabled {
                Some(true) => json!({ "status": if is_open { "MONITORING" } else { "MONITORING_COMPLETE" },
                                      "alarmNames": names.unwrap_or(Value::Array(Vec::new())) }),
                _ => json!({ "status": "DISABLED" }),
            },
        }
    }

    fn revision_view(&self, key: &ServiceKey, number: u64, revision: &Revision) -> ServiceRevision {
        let definition = self.revision(&revision.workload.task_definition).ok().flatten();
        let containers =
            definition.map(|it| it.definition.spec.container_definitions.as_slice()).unwrap_or_default();
        let service = self.services.get(key);
        let mut tasks = service.into_iter().flat_map(|service| service.census.members());
        let task = tasks.find_map(|(id, member)| self.tasks.get(id).filter(|_| member.revision == number));
        let digest = |name: &str| {
            let containers = task.map(|entry| entry.view.containers.as_slice()).unwrap_or_default();
            containers.iter().find(|container| container.name == name)?.image_digest.clone()
        };
        ServiceRevision {
            service_revision_arn: self.scope.service_revision(&key.0, &key.1, number),
            service_arn: self.scope.service(&key.0, &key.1),
            cluster_arn: self.scope.cluster(&key.0),
            workload: revision.workload.clone(),
            container_images: containers
                .iter()
                .map(|container| ContainerImage {
                    container_name: container.name.clone(),
                    image_digest: digest(&container.name),
                    image: container.image.clone(),
                })
                .collect(),
            guard_duty_enabled: false,
            created_at: revision.created_at,
        }
    }

    /// The service deployment that an ARN names.
    fn named_rollout(&self, given: &str) -> Result<Option<(&Service, u64, &Rollout)>, Fault> {
        let (key, id) = self.parts(given, "service-deployment")?;
        let Some(service) = self.services.get(&key) else { return Ok(None) };
        let found = self.rollouts_of(&key).find(|(_, rollout)| rollout.id == id);
        Ok(found.map(|(number, rollout)| (service, number, rollout)))
    }

    fn named_revision(&self, given: &str) -> Result<Option<(ServiceKey, u64, &Revision)>, Fault> {
        let (key, number) = self.parts(given, "service-revision")?;
        let Ok(number) = number.parse::<u64>() else { return Ok(None) };
        let found = self.service_revisions.get(&(key.0.clone(), key.1.clone(), number));
        Ok(found.map(|revision| (key, number, revision)))
    }

    /// The service and the last part of an ARN of this kind.
    fn parts(&self, given: &str, kind: &str) -> Result<(ServiceKey, String), Fault> {
        let resource = arn::resource(given, &self.scope);
        let parts: Vec<&str> = resource.map(|resource| resource.split('/').collect()).unwrap_or_default();
        match parts.as_slice() {
            [of, cluster, service, last] if *of == kind => {
                Ok((((*cluster).to_owned(), (*service).to_owned()), (*last).to_owned()))
            }
            _ => Err(Fault::invalid(format!("Invalid {kind} ARN: {given}."))),
        }
    }

    /// The service deployments of a service, the oldest first.
    pub(super) fn rollouts_of(&self, key: &ServiceKey) -> impl Iterator<Item = (u64, &Rollout)> {
        let from = (key.0.clone(), key.1.clone(), 0);
        let to = (key.0.clone(), key.1.clone(), u64::MAX);
        self.rollouts.range(from..=to).map(|((_, _, number), rollout)| (*number, rollout))
    }

    pub(super) fn revisions_of(&self, key: &ServiceKey) -> impl Iterator<Item = (u64, &Revision)> {
        let from = (key.0.clone(), key.1.clone(), 0);
        let to = (key.0.clone(), key.1.clone(), u64::MAX);
        self.service_revisions.range(from..=to).map(|((_, _, number), revision)| (*number, revision))
    }

    pub(super) fn rollout(&self, key: &ServiceKey, number: u64) -> Option<&Rollout> {
        self.rollouts.get(&(key.0.clone(), key.1.clone(), number))
    }

    pub(super) fn change_rollout(
        &mut self,
        key: &ServiceKey,
        number: u64,
        now: Timestamp,
        change: impl FnOnce(&mut Rollout),
    ) {
        let place = (key.0.clone(), key.1.clone(), number);
        if let Some(rollout) = self.rollouts.get_mut(&place) {
            change(rollout);
            rollout.updated_at = now;
            self.touch(Key::ServiceDeployment(place.0, place.1, number));
        }
    }

    pub(super) fn remove_rollout(&mut self, key: &ServiceKey, number: u64) {
        self.rollouts.remove(&(key.0.clone(), key.1.clone(), number));
        self.touch(Key::ServiceDeployment(key.0.clone(), key.1.clone(), number));
    }

    pub(super) fn remove_revision(&mut self, key: &ServiceKey, revision: u64) {
        let removed = self.service_revisions.remove(&(key.0.clone(), key.1.clone(), revision));
        self.touch(Key::ServiceRevision(key.0.clone(), key.1.clone(), revision));
        if let Some(revision) = removed {
            self.forget_unused_definition(&revision.workload.task_definition);
        }
    }
}

fn check_count(member: &str, count: usize) -> Result<(), Fault> {
    match count {
        0 => Err(Fault::invalid(format!("{member} can not be empty."))),
        n if n > DESCRIBED_LIMIT => {
            Err(Fault::invalid(format!("{member} can not contain more than {DESCRIBED_LIMIT} elements.")))
        }
        _ => Ok(()),
    }
}
