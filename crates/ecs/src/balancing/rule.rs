//! The rules of a listener: made, described, changed, deleted, put in another order.

use std::collections::BTreeMap;

use longshore_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::action::{self, Actions};
use super::check;
use super::condition::{self, Condition};
use super::fault::{Fault, FaultKind};
use super::listener::Listener;
use super::of_kind;
use super::page::page;
use super::shape::{Action, Done, RuleCondition, Tag, shape};
use super::tags::read_tags;
use crate::cloud::Cloud;

/// The last priority.
const PRIORITY_MOST: i32 = 50_000;

/// A rule of a listener, or what it does by default, which has no conditions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub(super) arn: String,
    pub(super) conditions: Vec<Condition>,
    pub(super) actions: Actions,
    pub(super) tags: Vec<Tag>,
}

shape! {
    /// CreateRule.
    CreateRule {
        listener_arn: Option<String>,
        conditions: Vec<RuleCondition>,
        priority: Option<i32>,
        actions: Vec<Action>,
        tags: Vec<Tag>,
        transforms: Vec<Transform>,
    }
}
shape! {
    /// ModifyRule.
    ModifyRule {
        rule_arn: Option<String>,
        conditions: Vec<RuleCondition>,
        actions: Vec<Action>,
        transforms: Vec<Transform>,
    }
}
shape! {
    /// A change of the request on its way, which is not offered.
    Transform {
        #[serde(rename = "Type")]
        kind: Option<String>,
    }
}
shape! {
    /// DescribeRules.
    DescribeRules {
        listener_arn: Option<String>,
        rule_arns: Vec<String>,
        marker: Option<String>,
        page_size: Option<i32>,
    }
}
shape! {
    /// A call about one rule.
    OfRule { rule_arn: Option<String> }
}
shape! {
    /// SetRulePriorities.
    SetRulePriorities { rule_priorities: Vec<RulePriority> }
}
shape! {
    /// A rule and its new priority.
    RulePriority { rule_arn: Option<String>, priority: Option<i32> }
}
shape! {
    /// A rule as ELB describes it.
    RuleView {
        rule_arn: String,
        priority: String,
        conditions: Vec<RuleCondition>,
        actions: Vec<Action>,
        is_default: bool,
    }
}

/// The answer of the calls that show rules.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Rules {
    /// All, or a page of them.
    pub rules: Vec<RuleView>,
    /// Where the next page begins.
    pub next_marker: Option<String>,
}

impl Cloud {
    pub(super) fn create_rule(&mut self, request: &CreateRule, now: Timestamp) -> Result<Rules, Fault> {
        let mut listener = self.listener(request.listener_arn.as_ref())?.clone();
        refuse_transforms(&request.transforms)?;
        let priority = request.priority.ok_or_else(|| Fault::invalid("A priority must be specified"))?;
        let priority: u16 = check::number("priority", priority, 1, PRIORITY_MOST)?;
        let conditions = condition::read(&request.conditions)?;
        let actions = action::read(&request.actions)?;
        let tags = read_tags(&[], &request.tags)?;
        if listener.rules.contains_key(&priority) {
            return Err(in_use(priority));
        }
        let rule = Rule::new(self.new_rule_arn(&listener.arn), conditions, actions, tags);
        let rules = vec![rule.view(Some(priority))];
        listener.rules.insert(priority, rule);
        self.check_listener(&listener)?;
        self.set_listener(&listener.arn.clone(), Some(listener), now);
        Ok(Rules { rules, next_marker: None })
    }

    pub(super) fn modify_rule(&mut self, request: &ModifyRule, now: Timestamp) -> Result<Rules, Fault> {
        let (listener, priority) = self.changeable(request.rule_arn.as_ref(), "modified")?;
        let mut listener = listener.clone();
        refuse_transforms(&request.transforms)?;
        if request.conditions.is_empty() && request.actions.is_empty() {
            return Err(Fault::invalid("Either conditions or actions must be specified"));
        }
        let mut rules = Vec::new();
        if let Some(rule) = listener.rules.get_mut(&priority) {
            if !request.conditions.is_empty() {
                rule.conditions = condition::read(&request.conditions)?;
            }
            if !request.actions.is_empty() {
                rule.actions = action::read(&request.actions)?;
            }
            rules.push(rule.view(Some(priority)));
        }
        self.check_listener(&listener)?;
        self.set_listener(&listener.arn.clone(), Some(listener), now);
        Ok(Rules { rules, next_marker: None })
    }

    pub(super) fn delete_rule(&mut self, request: &OfRule, now: Timestamp) -> Result<Done, Fault> {
        let (listener, priority) = self.changeable(request.rule_arn.as_ref(), "deleted")?;
        let mut listener = listener.clone();
        listener.rules.remove(&priority);
        self.set_listener(&listener.arn.clone(), Some(listener), now);
        Ok(Done {})
    }

    /// Rules come in the order in which they are tried, the default last.
    pub(super) fn describe_rules(&self, request: &DescribeRules) -> Result<Rules, Fault> {
        let found: Vec<RuleView> = match &request.listener_arn {
            Some(_) if !request.rule_arns.is_empty() => {
                let message = "Listener rule ARNs and a listener ARN cannot be specified at the same time";
                return Err(Fault::invalid(message));
            }
            Some(arn) => {
                self.listener(Some(arn))?.in_order().map(|(priority, rule)| rule.view(priority)).collect()
            }
            None if request.rule_arns.is_empty() => {
                return Err(Fault::invalid("You must specify either listener rule ARNs or a listener ARN"));
            }
            None => request.rule_arns.iter().map(|arn| self.rule_view(arn)).collect::<Result<_, _>>()?,
        };
        let keyed = found.into_iter().enumerate().map(|(at, rule)| (format!("{at:05}"), rule));
        let (rules, next_marker) = page(keyed, request.marker.as_deref(), request.page_size)?;
        Ok(Rules { rules, next_marker })
    }

    /// Gives rules new priorities, all or none. They may change places.
    pub(super) fn set_rule_priorities(
        &mut self,
        request: &SetRulePriorities,
        now: Timestamp,
    ) -> Result<Rules, Fault> {
        if request.rule_priorities.is_empty() {
            return Err(Fault::invalid("At least one rule priority must be specified"));
        }
        let mut listeners: BTreeMap<String, Listener> = BTreeMap::new();
        let mut moved: Vec<(String, u16, Rule)> = Vec::new();
        for pair in &request.rule_priorities {
            let priority = pair.priority.ok_or_else(|| Fault::invalid("A priority must be specified"))?;
            let priority = check::number("rulePriorities.1.member.priority", priority, 1, PRIORITY_MOST)?;
            let (listener, old) = self.changeable(pair.rule_arn.as_ref(), "given a priority")?;
            let listener = listeners.entry(listener.arn.clone()).or_insert_with(|| listener.clone());
            let Some(rule) = listener.rules.remove(&old) else {
                let arn = pair.rule_arn.as_deref().unwrap_or_default();
                return Err(Fault::invalid(format!("Rule '{arn}' was provided multiple times")));
            };
            moved.push((listener.arn.clone(), priority, rule));
        }
        let mut rules = Vec::new();
        for (arn, priority, rule) in moved {
            rules.push(rule.view(Some(priority)));
            let Some(listener) = listeners.get_mut(&arn) else { continue };
            if listener.rules.insert(priority, rule).is_some() {
                return Err(in_use(priority));
            }
        }
        for (arn, listener) in listeners {
            self.set_listener(&arn, Some(listener), now);
        }
        Ok(Rules { rules, next_marker: None })
    }

    /// The listener of a rule that is not the default one, and its priority.
    fn changeable(&self, arn: Option<&String>, how: &str) -> Result<(&Listener, u16), Fault> {
        let arn = check::required("ruleArn", arn)?;
        let listener = self.listener_of_rule(arn)?;
        if listener.default.arn == arn {
            let message = format!("Default rule '{arn}' cannot be {how}");
            return Err(Fault::new(FaultKind::OperationNotPermitted, message));
        }
        let found = listener.rules.iter().find(|(_, rule)| rule.arn == arn);
        found.map(|(priority, _)| (listener, *priority)).ok_or_else(not_found)
    }

    fn rule_view(&self, arn: &str) -> Result<RuleView, Fault> {
        let listener = self.listener_of_rule(arn)?;
        let found = listener.in_order().find(|(_, rule)| rule.arn == arn);
        found.map(|(priority, rule)| rule.view(priority)).ok_or_else(not_found)
    }

    /// The listener whose rule an ARN can only be.
    pub(super) fn listener_of_rule(&self, arn: &str) -> Result<&Listener, Fault> {
        of_kind(&self.scope, "listener-rule", arn)?;
        let listener = arn.replacen(":listener-rule/", ":listener/", 1);
        let listener = listener.rsplit_once('/').map_or("", |(listener, _)| listener);
        self.balancing.listeners.get(listener).ok_or_else(not_found)
    }

    pub(super) fn new_rule_arn(&mut self, listener: &str) -> String {
        let prefix = listener.replacen(":listener/", ":listener-rule/", 1);
        format!("{prefix}/{:016x}", self.random.next_u64())
    }
}

impl Listener {
    /// All rules with their priorities, in the order in which they are tried; the default one, which has none, comes last.
    pub(super) fn in_order(&self) -> impl Iterator<Item = (Option<u16>, &Rule)> {
        let rules = self.rules.iter().map(|(priority, rule)| (Some(*priority), rule));
        rules.chain([(None, &self.default)])
    }
}

impl Rule {
    pub(super) fn new(arn: String, conditions: Vec<Condition>, actions: Actions, tags: Vec<Tag>) -> Self {
        Self { arn, conditions, actions, tags }
    }

    fn view(&self, priority: Option<u16>) -> RuleView {
        RuleView {
            rule_arn: self.arn.clone(),
            priority: priority.map_or_else(|| "default".to_owned(), |priority| priority.to_string()),
            conditions: self.conditions.iter().map(Condition::shape).collect(),
            actions: self.actions.shapes(),
            is_default: priority.is_none(),
        }
    }
}

fn not_found() -> Fault {
    Fault::new(FaultKind::RuleNotFound, "One or more rules not found")
}

fn in_use(priority: u16) -> Fault {
    Fault::new(FaultKind::PriorityInUse, format!("Priority '{priority}' is currently in use"))
}

fn refuse_transforms(transforms: &[Transform]) -> Result<(), Fault> {
    match transforms.first() {
        None => Ok(()),
        Some(first) => {
            let kind = first.kind.as_deref().unwrap_or_default();
            Err(Fault::configuration(format!(
                "The local engine's rules have no transforms; '{kind}' is not offered"
            )))
        }
    }
}
