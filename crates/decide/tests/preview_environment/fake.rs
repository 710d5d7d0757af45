//! An AWS of maps: just enough of ECS and ELB for environments, with the refusals that matter.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use longshore_decide::preview::environment::{Action, BalancerSeen, Outcome};
use longshore_model::seen::{Binding, Container, Service, Task};
use longshore_model::tag::Tag;
use longshore_model::{Kind, Timestamp};
use serde_json::{Map, Value, json};

/// So many steps a deleted service drains.
const DRAINS: u32 = 3;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Svc {
    pub(crate) status: &'static str,
    pub(crate) revision: String,
    pub(crate) desired: i64,
    pub(crate) tags: Vec<Tag>,
    pub(crate) token: String,
    pub(crate) drains: u32,
    pub(crate) failed: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Aws {
    pub(crate) services: BTreeMap<String, Svc>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) stopped: Vec<Task>,
    /// Active revisions, by ARN: the image.
    pub(crate) revisions: BTreeMap<String, String>,
    pub(crate) target_groups: BTreeMap<String, (String, Vec<Tag>)>,
    /// ARN: port and tags.
    pub(crate) listeners: BTreeMap<String, (u16, Vec<Tag>)>,
    /// ARN: listener, priority, host and tags.
    pub(crate) rules: BTreeMap<String, (String, u32, Option<String>, Vec<Tag>)>,
    /// Images whose tasks end at once.
    pub(crate) broken: BTreeSet<String>,
    /// No instance has room for a task.
    pub(crate) full: bool,
    pub(crate) calls: usize,
    pub(crate) next: u32,
}

pub(crate) fn tags(documents: &Value, key: &str, value: &str) -> Vec<Tag> {
    let items = documents.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    items.iter().map(|tag| Tag { key: text(&tag[key]), value: Some(text(&tag[value])) }).collect()
}

fn refused(kind: Kind, why: &str) -> Outcome {
    Outcome::Failed(kind, why.to_owned())
}

impl Aws {
    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    pub(crate) fn family_of(arn: &str) -> &str {
        arn.strip_prefix("arn:td/").and_then(|rest| rest.split(':').next()).unwrap_or_default()
    }

    /// Does what is asked, as AWS would.
    pub(crate) fn act(&mut self, action: &Action, groups: &[String]) -> Outcome {
        self.calls += 1;
        match action {
            Action::Register(_, input) => {
                let number = self.number();
                let arn = format!("arn:td/{}:{number}", input["family"].as_str().unwrap());
                let image = input["containerDefinitions"][0]["image"].as_str().unwrap();
                assert!(input.get("revision").is_none() && input.get("status").is_none(), "{input:?}");
                self.revisions.insert(arn.clone(), image.to_owned());
                Outcome::Done(Some(arn))
            }
            Action::CreateService(_, input) => self.create_service(input),
            Action::UpdateService(_, input) => self.update_service(input),
            Action::DeleteService { name } => {
                let Some(service) = self.services.get_mut(name) else {
                    return refused(Kind::NotFound, "ServiceNotFound");
                };
                if service.status == "ACTIVE" {
                    (service.status, service.drains, service.desired) = ("DRAINING", DRAINS, 0);
                }
                Outcome::Done(None)
            }
            Action::CreateTargetGroup(_, input) => {
                let name = input["Name"].as_str().unwrap().to_owned();
                let own = tags(&input["Tags"], "Key", "Value");
                let arn = format!("arn:tg/{name}");
                match self.target_groups.get(&name) {
                    Some((_, theirs)) if *theirs != own => {
                        refused(Kind::Conflict, "DuplicateTargetGroupName")
                    }
                    _ => {
                        self.target_groups.insert(name, (arn.clone(), own));
                        Outcome::Done(Some(arn))
                    }
                }
            }
            Action::CreateListener { port, tags, .. } => {
                assert!(!groups.is_empty(), "a listener needs its target group");
                if self.listeners.values().any(|(taken, _)| taken == port) {
                    return refused(Kind::Conflict, "DuplicateListener");
                }
                let arn = format!("arn:listener/app/lb/1/{}", self.number());
                self.listeners.insert(arn.clone(), (*port, tags.clone()));
                Outcome::Done(Some(arn))
            }
            Action::CreateRule { listener, priority, host, tags, .. } => {
                let Some(listener) = listener else { return refused(Kind::Invalid, "no listener") };
                if self.rules.values().any(|(of, taken, ..)| of == listener && taken == priority) {
                    return refused(Kind::Conflict, "PriorityInUse");
                }
                let rule = listener.replace(":listener/", ":listener-rule/");
                let arn = format!("{rule}/{}", self.number());
                self.rules.insert(arn.clone(), (listener.clone(), *priority, host.clone(), tags.clone()));
                Outcome::Done(Some(arn))
            }
            Action::DeleteRule(arn) => self.gone(|aws| aws.rules.remove(arn).is_some()),
            Action::DeleteListener(arn) => {
                self.rules.retain(|_, (listener, ..)| listener != arn);
                self.gone(|aws| aws.listeners.remove(arn).is_some())
            }
            Action::DeleteTargetGroup(arn) => {
                if self.listeners.values().any(|(_, tags)| tags == &self.environment_tags(arn)) {
                    return refused(Kind::Conflict, "ResourceInUse");
                }
                let before = self.target_groups.len();
                self.target_groups.retain(|_, (known, _)| known != arn);
                self.gone(|aws| aws.target_groups.len() < before)
            }
            Action::Deregister(arn) => self.gone(|aws| aws.revisions.remove(arn).is_some()),
        }
    }

    /// The tags of a target group's environment, as its listener carries them.
    fn environment_tags(&self, arn: &str) -> Vec<Tag> {
        let group = self.target_groups.values().find(|(known, _)| known == arn);
        group.map(|(_, tags)| tags[..2].to_vec()).unwrap_or_default()
    }

    fn gone(&mut self, act: impl FnOnce(&mut Self) -> bool) -> Outcome {
        if act(self) { Outcome::Done(None) } else { refused(Kind::NotFound, "it does not exist") }
    }

    fn create_service(&mut self, input: &Map<String, Value>) -> Outcome {
        let name = input["serviceName"].as_str().unwrap().to_owned();
        let token = input["clientToken"].as_str().unwrap().to_owned();
        assert!(token.len() <= 36);
        let has_balancer = input.contains_key("loadBalancers");
        assert_eq!(input.contains_key("healthCheckGracePeriodSeconds"), has_balancer);
        if has_balancer
            && !self
                .target_groups
                .values()
                .any(|(arn, _)| input["loadBalancers"][0]["targetGroupArn"] == *arn)
        {
            return refused(Kind::Invalid, "the target group was not found");
        }
        match self.services.get(&name) {
            Some(service) if service.status == "DRAINING" => {
                return refused(Kind::Invalid, "Unable to Start a service that is still Draining.");
            }
            Some(service) if service.status == "ACTIVE" && service.token != token => {
                return refused(Kind::Invalid, "Creation of service was not idempotent.");
            }
            _ => {}
        }
        let revision = input["taskDefinition"].as_str().unwrap().to_owned();
        if !self.revisions.contains_key(&revision) {
            return refused(Kind::Invalid, "TaskDefinition is inactive");
        }
        let desired = input["desiredCount"].as_i64().unwrap();
        let own = tags(&input["tags"], "key", "value");
        self.services.insert(
            name,
            Svc { status: "ACTIVE", revision, desired, tags: own, token, drains: 0, failed: None },
        );
        Outcome::Done(Some("arn:service".into()))
    }

    fn update_service(&mut self, input: &Map<String, Value>) -> Outcome {
        let name = input["service"].as_str().unwrap();
        let Some(service) = self.services.get_mut(name).filter(|service| service.status == "ACTIVE") else {
            return refused(Kind::Invalid, "ServiceNotActiveException");
        };
        service.desired = input["desiredCount"].as_i64().unwrap();
        if let Some(revision) = input.get("taskDefinition").and_then(Value::as_str) {
            if service.revision != revision {
                service.failed = None;
            }
            service.revision = revision.to_owned();
        }
        Outcome::Done(None)
    }

    /// A moment passes: tasks start, end and drain.
    pub(crate) fn step(&mut self, now: Timestamp) {
        let names: Vec<String> = self.services.keys().cloned().collect();
        for name in names {
            let service = self.services[&name].clone();
            let group = format!("service:{name}");
            match service.status {
                "ACTIVE" => {
                    let running = |aws: &Self, revision: Option<&str>| {
                        let own = aws.tasks.iter().filter(|task| task.group.as_deref() == Some(&group));
                        own.filter(|task| revision.is_none_or(|of| task.task_definition_arn == of)).count()
                    };
                    let desired = usize::try_from(service.desired).unwrap();
                    if running(self, Some(&service.revision)) < desired && !self.full {
                        self.start(&group, &service.revision, now);
                    }
                    if running(self, Some(&service.revision)) >= desired {
                        // ECS stops the old ones once the new ones run.
                        self.tasks.retain(|task| {
                            task.group.as_deref() != Some(&group)
                                || task.task_definition_arn == service.revision
                        });
                    }
                    while running(self, None) > desired && desired == 0 {
                        self.tasks.retain(|task| task.group.as_deref() != Some(&group));
                    }
                }
                "DRAINING" => {
                    let service = self.services.get_mut(&name).unwrap();
                    service.drains = service.drains.saturating_sub(1);
                    if service.drains == 0 {
                        service.status = "INACTIVE";
                        self.tasks.retain(|task| task.group.as_deref() != Some(&group));
                    }
                }
                _ => {}
            }
        }
    }

    fn start(&mut self, group: &str, revision: &str, now: Timestamp) {
        let number = self.number();
        let image = self.revisions.get(revision).cloned().unwrap_or_default();
        let host_port = 32_000 + u16::try_from(number % 20_000).unwrap();
        let mut task = Task {
            arn: format!("arn:task/{number}"),
            task_definition_arn: revision.to_owned(),
            container_instance_arn: Some("arn:instance".into()),
            group: Some(group.to_owned()),
            last_status: "RUNNING".into(),
            desired_status: "RUNNING".into(),
            created_at: Some(now),
            containers: vec![Container {
                name: "app".into(),
                bindings: vec![Binding { container_port: 80, host_port }],
                ..Container::default()
            }],
            ..Task::default()
        };
        if !self.broken.contains(&image) {
            self.tasks.push(task);
            return;
        }
        (task.last_status, task.desired_status) = ("STOPPED".into(), "STOPPED".into());
        task.stop_code = Some("EssentialContainerExited".into());
        task.stopped_at = Some(now);
        task.containers[0].exit_code = Some(3);
        self.stopped.push(task);
    }

    pub(crate) fn seen_services(&self, names: &[String]) -> BTreeMap<String, Service> {
        let named = names.iter().filter_map(|name| Some((name, self.services.get(name)?)));
        let read = |(name, service): (&String, &Svc)| {
            let own: Vec<Value> =
                service.tags.iter().map(|tag| json!({"key": tag.key, "value": tag.value})).collect();
            let document = json!({"serviceName": name, "status": service.status, "tags": own,
                "taskDefinition": service.revision, "desiredCount": service.desired});
            (name.clone(), Service::read(document).unwrap())
        };
        named.map(read).collect()
    }

    pub(crate) fn seen_balancer(&self, groups: &[String]) -> BalancerSeen {
        let own_listeners = self.listeners.iter().map(|(arn, (_, tags))| (arn.clone(), tags.clone()));
        let rules = self.rules.iter().map(|(arn, (.., tags))| (arn.clone(), tags.clone()));
        BalancerSeen {
            load_balancer: Some(("arn:lb".into(), "lb.test".into(), "vpc-1".into())),
            target_groups: self
                .target_groups
                .clone()
                .into_iter()
                .filter(|(name, _)| groups.contains(name))
                .collect(),
            protocol: Some("HTTP".into()),
            listeners: self.listeners.iter().map(|(arn, (port, _))| (arn.clone(), *port)).collect(),
            rules: self
                .rules
                .iter()
                .map(|(arn, (_, priority, host, _))| (arn.clone(), *priority, host.iter().cloned().collect()))
                .collect(),
            tags: own_listeners.chain(rules).collect(),
        }
    }

    pub(crate) fn addresses() -> BTreeMap<String, IpAddr> {
        BTreeMap::from([("arn:instance".to_owned(), IpAddr::from([127, 0, 0, 1]))])
    }
}
