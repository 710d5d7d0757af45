//! Load balancers, and where container instances are, for the hands of a process.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use async_trait::async_trait;
use longshore_ecs::balancing::{Fault, FaultKind};
use longshore_model::seen::TargetHealth;
use longshore_model::tag::Tag;
use longshore_model::{Error, Kind};
use longshore_world::{Addresses, Balancers, Listener, LoadBalancer, Rule, Share, TargetGroup};
use serde_json::{Value, json};

use super::{Hands, Inner};

/// Where all container instances are.
const INSTANCE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 200, 0, 1));
/// DescribeTags takes so many ARNs.
const AT_ONCE: usize = 20;

impl Inner {
    /// Calls ELB. `what` completes "cannot ...".
    pub(crate) fn balance(&mut self, what: &str, operation: &str, body: Value) -> Result<Value, Error> {
        self.state.balance(operation, body, self.now).map_err(|fault| refusal(what, &fault))
    }
}

impl Hands {
    /// A look at a list; what does not exist has none.
    async fn elb(&self, operation: &'static str, body: Value, list: &str) -> Result<Vec<Value>, Error> {
        let question = body.clone();
        let seen =
            self.look(operation, operation, &question, |inner| inner.balance(operation, operation, body));
        match seen.await {
            Ok(mut answer) => Ok(items(answer[list].take())),
            Err(error) if error.kind() == Kind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// A call that makes or removes something.
    async fn change_elb(&self, operation: &'static str, body: Value, list: &str) -> Result<Value, Error> {
        let answer = self.act(operation, operation, |inner| {
            inner.note(operation, &body);
            let answer = inner.balance(operation, operation, body)?;
            inner.done();
            Ok(answer)
        });
        Ok(answer.await?[list].get_mut(0).map(Value::take).unwrap_or_default())
    }

    async fn delete_elb(&self, operation: &'static str, body: Value) -> Result<(), Error> {
        match self.change_elb(operation, body, "").await {
            Err(error) if error.kind() != Kind::NotFound => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

fn items(list: Value) -> Vec<Value> {
    match list {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}

/// A refusal in the words of the crate `aws`.
fn refusal(what: &str, fault: &Fault) -> Error {
    let kind = match fault.kind {
        FaultKind::DuplicateListener
        | FaultKind::DuplicateTargetGroupName
        | FaultKind::PriorityInUse
        | FaultKind::ResourceInUse => Kind::Conflict,
        FaultKind::ListenerNotFound
        | FaultKind::LoadBalancerNotFound
        | FaultKind::RuleNotFound
        | FaultKind::TargetGroupNotFound => Kind::NotFound,
        _ => Kind::Invalid,
    };
    Error::new(kind, format!("cannot {what}: {}: {}", fault.kind, fault.message))
        .with_code(fault.kind.as_str())
}

fn text(document: &Value, member: &str) -> String {
    document[member].as_str().unwrap_or_default().to_owned()
}

fn port(document: &Value) -> u16 {
    document["Port"].as_u64().and_then(|port| u16::try_from(port).ok()).unwrap_or_default()
}

fn tag(document: &Value) -> Tag {
    Tag { key: text(document, "Key"), value: document["Value"].as_str().map(str::to_owned) }
}

fn given(tags: &[Tag]) -> Value {
    tags.iter().map(|tag| json!({"Key": tag.key, "Value": tag.value})).collect()
}

fn group(document: &Value) -> TargetGroup {
    let (arn, name) = (text(document, "TargetGroupArn"), text(document, "TargetGroupName"));
    TargetGroup { arn, name, tags: Vec::new() }
}

fn listener(document: &Value) -> Listener {
    Listener {
        arn: text(document, "ListenerArn"),
        port: port(document),
        protocol: text(document, "Protocol"),
    }
}

/// `None` for the default rule, which has no number.
fn rule(document: &Value) -> Option<Rule> {
    let conditions = document["Conditions"].as_array().into_iter().flatten();
    let of_host = conditions.filter(|condition| condition["Field"] == "host-header");
    let hosts = of_host
        .flat_map(|condition| condition["HostHeaderConfig"]["Values"].as_array().into_iter().flatten());
    Some(Rule {
        arn: text(document, "RuleArn"),
        priority: document["Priority"].as_str()?.parse().ok()?,
        hosts: hosts.filter_map(Value::as_str).map(str::to_owned).collect(),
    })
}

#[async_trait]
impl Balancers for Hands {
    async fn load_balancer(&self, arn: &str) -> Result<Option<LoadBalancer>, Error> {
        let body = json!({"LoadBalancerArns": [arn]});
        let found = self.elb("DescribeLoadBalancers", body, "LoadBalancers").await?;
        Ok(found.first().map(|it| LoadBalancer {
            arn: text(it, "LoadBalancerArn"),
            dns_name: text(it, "DNSName"),
            vpc: text(it, "VpcId"),
        }))
    }

    async fn target_groups(&self, names: &[String]) -> Result<Vec<TargetGroup>, Error> {
        let mut found = Vec::new();
        for name in names {
            let body = json!({"Names": [name]});
            found.extend(self.elb("DescribeTargetGroups", body, "TargetGroups").await?.iter().map(group));
        }
        let arns: Vec<String> = found.iter().map(|group| group.arn.clone()).collect();
        let mut tags = Balancers::tags(self, &arns).await?;
        found.iter_mut().for_each(|group| group.tags = tags.remove(&group.arn).unwrap_or_default());
        Ok(found)
    }

    async fn create_target_group(&self, input: &Value) -> Result<TargetGroup, Error> {
        let made = self.change_elb("CreateTargetGroup", input.clone(), "TargetGroups").await?;
        Ok(TargetGroup { tags: items(input["Tags"].clone()).iter().map(tag).collect(), ..group(&made) })
    }

    async fn delete_target_group(&self, arn: &str) -> Result<(), Error> {
        self.delete_elb("DeleteTargetGroup", json!({"TargetGroupArn": arn})).await
    }

    async fn listeners(&self, load_balancer: &str) -> Result<Vec<Listener>, Error> {
        let body = json!({"LoadBalancerArn": load_balancer});
        Ok(self.elb("DescribeListeners", body, "Listeners").await?.iter().map(listener).collect())
    }

    async fn listener(&self, arn: &str) -> Result<Option<(Listener, String)>, Error> {
        let found = self.elb("DescribeListeners", json!({"ListenerArns": [arn]}), "Listeners").await?;
        Ok(found.first().map(|it| (listener(it), text(it, "LoadBalancerArn"))))
    }

    async fn create_listener(
        &self,
        load_balancer: &str,
        port: u16,
        target_group: &str,
        tags: &[Tag],
    ) -> Result<Listener, Error> {
        let body = json!({"LoadBalancerArn": load_balancer, "Protocol": "HTTP", "Port": port, "Tags": given(tags),
            "DefaultActions": [{"Type": "forward", "TargetGroupArn": target_group}]});
        Ok(listener(&self.change_elb("CreateListener", body, "Listeners").await?))
    }

    async fn delete_listener(&self, arn: &str) -> Result<(), Error> {
        self.delete_elb("DeleteListener", json!({"ListenerArn": arn})).await
    }

    async fn rules(&self, listener: &str) -> Result<Vec<Rule>, Error> {
        let found = self.elb("DescribeRules", json!({"ListenerArn": listener}), "Rules").await?;
        Ok(found.iter().filter_map(rule).collect())
    }

    async fn create_rule(
        &self,
        listener: &str,
        priority: u32,
        host: Option<&str>,
        share: &Share,
        tags: &[Tag],
    ) -> Result<Rule, Error> {
        let host = host.map(|host| json!({"Field": "host-header", "HostHeaderConfig": {"Values": [host]}}));
        let paths = (!share.paths.is_empty())
            .then(|| json!({"Field": "path-pattern", "PathPatternConfig": {"Values": share.paths}}));
        let conditions: Vec<Value> = host.into_iter().chain(paths).collect();
        let body = json!({"ListenerArn": listener, "Priority": priority, "Conditions": conditions, "Tags": given(tags),
            "Actions": [{"Type": "forward", "TargetGroupArn": share.target_group}]});
        let made = self.change_elb("CreateRule", body, "Rules").await?;
        rule(&made).ok_or_else(|| Error::new(Kind::Bug, "cannot create a rule: its answer has none"))
    }

    async fn delete_rule(&self, arn: &str) -> Result<(), Error> {
        self.delete_elb("DeleteRule", json!({"RuleArn": arn})).await
    }

    async fn tags(&self, arns: &[String]) -> Result<BTreeMap<String, Vec<Tag>>, Error> {
        let mut all = BTreeMap::new();
        for part in arns.chunks(AT_ONCE) {
            // ELB refuses the whole call when one of them is gone.
            let found = self.elb("DescribeTags", json!({"ResourceArns": part}), "TagDescriptions").await?;
            all.extend(found.into_iter().map(|mut it| {
                let tags = items(it["Tags"].take());
                (text(&it, "ResourceArn"), tags.iter().map(tag).collect())
            }));
        }
        Ok(all)
    }

    async fn target_health(&self, target_group: &str) -> Result<BTreeMap<String, TargetHealth>, Error> {
        let body = json!({"TargetGroupArn": target_group});
        let what = "DescribeTargetHealth";
        let seen = self.act(what, what, |inner| inner.balance(what, what, body)).await?;
        let found = items(seen["TargetHealthDescriptions"].clone());
        let health = |it: &Value| TargetHealth {
            state: text(&it["TargetHealth"], "State"),
            description: text(&it["TargetHealth"], "Description"),
        };
        Ok(found
            .iter()
            .map(|it| (format!("{}:{}", text(&it["Target"], "Id"), port(&it["Target"])), health(it)))
            .collect())
    }
}

#[async_trait]
impl Addresses for Hands {
    async fn addresses(
        &self,
        _cluster: &str,
        container_instances: &[String],
    ) -> Result<BTreeMap<String, IpAddr>, Error> {
        let what = "describe container instances";
        self.act("DescribeContainerInstances", what, |_| {
            Ok(container_instances.iter().map(|arn| (arn.clone(), INSTANCE)).collect())
        })
        .await
    }
}
