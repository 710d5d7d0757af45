//! What must be there for a service's files to come true: a list of checks, each with the question that it asks of AWS, and
//! how the answer is judged. Nothing of it has an effect.

mod definition;
mod judge;
mod trust;

use std::collections::BTreeMap;

use longshore_model::Error;
use longshore_model::image::{EcrImage, OtherImage};
use longshore_model::seen::{Cluster, Role, Secret, SeenImage, TargetGroup};
use serde::Serialize;
use serde_json::{Map, Value};

pub use self::judge::{ends_it, judge};

/// What the files of one name say, for checks.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Unit {
    /// NAME of its files.
    pub name: String,
    /// As RegisterTaskDefinition takes it.
    pub task_definition: Option<Map<String, Value>>,
    /// As CreateService takes it.
    pub service: Option<Map<String, Value>>,
    /// What the service runs.
    pub runs: Runs,
}

/// What a service runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Runs {
    /// There is no service.
    #[default]
    Nothing,
    /// The task definition of a file.
    File(Map<String, Value>),
    /// A revision that is registered.
    Registered(Map<String, Value>),
    /// A revision or family with this name, which there is not.
    Missing(String),
    /// It could not be found out, for this reason.
    Unknown(String),
}

/// What AWS, or a registry, is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// DescribeClusters, by name or ARN.
    Cluster(String),
    /// GetRole, by name or ARN.
    Role(String),
    /// DescribeImages.
    Ecr(EcrImage),
    /// The head of a manifest.
    Image(OtherImage),
    /// DescribeParameters: one of these names.
    Parameter {
        /// Absent means that of the cluster.
        region: Option<String>,
        /// That of its ARN.
        account: Option<String>,
        /// Which an ARN may stand for.
        names: Vec<String>,
    },
    /// DescribeSecret, by name or ARN.
    Secret {
        /// Absent means that of the cluster.
        region: Option<String>,
        /// Name or ARN.
        id: String,
    },
    /// DescribeTargetGroups, by ARN.
    TargetGroup(String),
    /// DescribeLogGroups.
    LogGroup {
        /// Absent means that of the cluster.
        region: Option<String>,
        /// Its name.
        name: String,
    },
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Of [`Question::Cluster`].
    Cluster(Option<Cluster>),
    /// Of [`Question::Role`].
    Role(Option<Role>),
    /// Of [`Question::Ecr`] and [`Question::Image`].
    Image(Option<SeenImage>),
    /// Of [`Question::Parameter`] and [`Question::LogGroup`].
    IsThere(bool),
    /// Of [`Question::Secret`].
    Secret(Option<Secret>),
    /// Of [`Question::TargetGroup`].
    TargetGroup(Option<TargetGroup>),
}

/// All answers.
pub type Answers = BTreeMap<Question, Result<Answer, Error>>;

/// Something that must be so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// NAME of the files that need it; empty for the cluster.
    pub unit: String,
    /// What it is about, in words.
    pub what: String,
    need: Need,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Need {
    /// It is known without asking.
    Known(Judged),
    Ask(Question, Expect),
}

/// What is expected of what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Expect {
    Nothing,
    /// An image for this processor, in ECR's and Docker's word for it, and this system.
    Platform(Option<&'static str>, &'static str),
    /// A target group with targets of this type.
    TargetType(&'static str),
    /// A secret with this version, and this key in its value.
    Version {
        key: Option<String>,
        stage: Option<String>,
        id: Option<String>,
    },
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// It is so.
    Ok,
    /// It is not so, and what needs it will fail.
    Failed,
    /// Nobody knows.
    NotChecked,
}

/// How a check ended, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// How.
    pub state: State,
    /// Why, or what was not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Judged {
    const OK: Self = Self { state: State::Ok, why: None, hint: None };

    fn ok(why: impl Into<String>) -> Self {
        Self { state: State::Ok, why: Some(why.into()), hint: None }
    }

    fn failed(why: impl Into<String>) -> Self {
        Self { state: State::Failed, why: Some(why.into()), hint: None }
    }

    fn not_checked(why: impl Into<String>) -> Self {
        Self { state: State::NotChecked, why: Some(why.into()), hint: None }
    }

    fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl Check {
    /// What it asks, if it asks anything.
    #[must_use]
    pub const fn question(&self) -> Option<&Question> {
        match &self.need {
            Need::Ask(question, _) => Some(question),
            Need::Known(_) => None,
        }
    }
}

/// All that must be so for these files in this cluster.
#[must_use]
pub fn checks(cluster: &str, units: &[Unit]) -> Vec<Check> {
    let need = Need::Ask(Question::Cluster(cluster.to_owned()), Expect::Nothing);
    let mut all = vec![Check { unit: String::new(), what: format!("cluster `{cluster}`"), need }];
    for unit in units {
        for (what, need) in of_unit(unit) {
            let check = Check { unit: unit.name.clone(), what, need };
            // Two containers may log to one group.
            if !all.contains(&check) {
                all.push(check);
            }
        }
    }
    all
}

fn of_unit(unit: &Unit) -> Vec<(String, Need)> {
    let mut needs = Vec::new();
    let runs = match &unit.runs {
        Runs::File(document) | Runs::Registered(document) => Some(document),
        Runs::Missing(name) => {
            let failed = Judged::failed("it is not registered, and has no file");
            needs.push((format!("task definition `{name}`"), Need::Known(failed)));
            None
        }
        Runs::Unknown(why) => {
            needs.push(("task definition".to_owned(), Need::Known(Judged::not_checked(why))));
            None
        }
        Runs::Nothing => None,
    };
    if let Some(file) = &unit.task_definition {
        let runs_it = runs == Some(file);
        needs.extend(definition::needs(file, unit.service.as_ref().filter(|_| runs_it)));
    }
    if let Runs::Registered(document) = &unit.runs {
        needs.extend(definition::needs(document, unit.service.as_ref()));
    }
    if let Some(service) = &unit.service {
        needs.extend(of_service(service, runs));
    }
    needs
}

fn of_service(service: &Map<String, Value>, runs: Option<&Map<String, Value>>) -> Vec<(String, Need)> {
    let mut needs = Vec::new();
    for balancer in items(service, "loadBalancers") {
        if let Some(name) = text(balancer, "loadBalancerName") {
            let why = Judged::not_checked("Classic Load Balancers are not looked at");
            needs.push((format!("load balancer `{name}`"), Need::Known(why)));
        }
        let other = balancer.get("advancedConfiguration").and_then(|it| text(it, "alternateTargetGroupArn"));
        for arn in text(balancer, "targetGroupArn").into_iter().chain(other) {
            let expect = runs
                .map_or(Expect::Nothing, |runs| Expect::TargetType(definition::target_type(runs, service)));
            let need = Need::Ask(Question::TargetGroup(arn.to_owned()), expect);
            needs.push((format!("target group `{}`", target_group_name(arn)), need));
        }
        let container = text(balancer, "containerName");
        let port = balancer.get("containerPort").and_then(Value::as_u64);
        if let (Some(container), Some(port), Some(runs)) = (container, port, runs) {
            let what = format!("port {port} of container `{container}` for the load balancer");
            needs.push((what, Need::Known(definition::has_port(runs, container, port))));
        }
    }
    let network = service.get("networkConfiguration").and_then(|it| it.get("awsvpcConfiguration"));
    if network.is_some_and(Value::is_object) {
        let why = Judged::not_checked("no call of EC2 is made");
        needs.push(("subnets and security groups".to_owned(), Need::Known(why)));
    }
    needs
}

/// NAME of `arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/NAME/ID`.
fn target_group_name(arn: &str) -> &str {
    arn.rsplit('/').nth(1).unwrap_or(arn)
}

/// A member that is a list, as its items.
fn items<'a>(document: &'a Map<String, Value>, member: &str) -> impl Iterator<Item = &'a Value> {
    document.get(member).and_then(Value::as_array).into_iter().flatten()
}

/// A member that is a text and not empty.
fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member)?.as_str().filter(|text| !text.is_empty())
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
