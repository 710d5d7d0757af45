//! A cloud with its rows, as the engine keeps it, and short words for what the tests do with it.

use std::collections::BTreeMap;

use longshore_ecs::balancing::{
    Fault, FaultKind, Health, HealthChange, Request, Routing, Target, UnhealthyReason,
};
use longshore_ecs::{Cloud, Effect, Event, balance, step};
use longshore_model::Timestamp;
use longshore_model::arn::Scope;
use serde_json::{Value, json};

/// Two subnets that no default network has.
pub(super) const SUBNETS: [&str; 2] = ["subnet-0123abcd", "subnet-0123456789abcdef0"];

/// A cloud, its rows, and the time.
pub(super) struct Local {
    pub(super) cloud: Cloud,
    pub(super) now: Timestamp,
    rows: BTreeMap<(&'static str, String), String>,
    /// How often the routes were said to have changed since it was last asked.
    pub(super) announced: usize,
}

fn scope() -> Scope {
    Scope { account: "123456789012".into(), region: "eu-west-1".into() }
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

impl Local {
    pub(super) fn new() -> Self {
        let now = Timestamp(2_000_000_000_000);
        Self { cloud: Cloud::new(scope(), 1), now, rows: BTreeMap::new(), announced: 0 }
    }

    pub(super) fn call(&mut self, operation: &str, body: Value) -> Result<Value, Fault> {
        let request = Request::read(operation, body).expect("an operation of ELB").expect("a request");
        let answer = balance(&mut self.cloud, request, self.now);
        self.commit();
        answer.map(|answer| serde_json::to_value(answer).expect("answers are JSON"))
    }

    pub(super) fn must(&mut self, operation: &str, body: Value) -> Value {
        self.call(operation, body.clone()).unwrap_or_else(|fault| panic!("{operation} {body}: {fault}"))
    }

    /// A call that must be refused, and must change nothing.
    pub(super) fn refused(&mut self, operation: &str, body: Value) -> (FaultKind, String) {
        let before = self.rows.clone();
        match self.call(operation, body.clone()) {
            Ok(answer) => panic!("{operation} {body}: was not refused: {answer}"),
            Err(fault) => {
                assert_eq!(self.rows, before, "{operation} {body} was refused and changed something");
                (fault.kind, fault.message)
            }
        }
    }

    pub(super) fn tell(&mut self, event: Event) {
        assert!(step(&mut self.cloud, event, self.now).is_none(), "only calls have answers");
        self.commit();
    }

    fn commit(&mut self) {
        for key in self.cloud.take_changes() {
            let (kind, id) = key.row_key();
            match self.cloud.row(&key) {
                Some(row) => drop(self.rows.insert((kind, id), row)),
                None => drop(self.rows.remove(&(kind, id))),
            }
        }
        let effects = self.cloud.take_effects();
        let told = effects.iter().filter(|effect| matches!(effect, Effect::RoutesChanged)).count();
        assert!(told <= 1, "one step tells of its changes once");
        self.announced += told;
    }

    /// Whether the routes were said to have changed since this was last asked.
    pub(super) fn was_announced(&mut self) -> bool {
        std::mem::take(&mut self.announced) > 0
    }

    /// Goes on with nothing but the rows.
    pub(super) fn restart(&mut self) {
        let mut again = Cloud::new(scope(), 2);
        for ((kind, id), row) in &self.rows {
            again.restore(kind, id, row).expect("a row of ours");
        }
        again.link();
        self.cloud = again;
    }

    /// Lets time pass, with a tick at each moment that the cloud asked for.
    pub(super) fn wait(&mut self, seconds: i64) {
        let end = self.now.plus_seconds(seconds);
        while let Some(at) = self.cloud.next_wake().filter(|at| *at <= end) {
            self.now = at;
            self.tell(Event::Tick);
        }
        self.now = end;
    }

    pub(super) fn balancer(&mut self, name: &str) -> String {
        let answer = self.must("CreateLoadBalancer", json!({"Name": name, "Subnets": SUBNETS}));
        text(&answer["LoadBalancers"][0]["LoadBalancerArn"])
    }

    pub(super) fn group(&mut self, name: &str) -> String {
        let request = json!({"Name": name, "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-0123abcd", "TargetType": "ip"});
        let answer = self.must("CreateTargetGroup", request);
        text(&answer["TargetGroups"][0]["TargetGroupArn"])
    }

    pub(super) fn listener(&mut self, balancer: &str, port: u16, action: Value) -> String {
        let answer = self.must("CreateListener", listener(balancer, port, action));
        text(&answer["Listeners"][0]["ListenerArn"])
    }

    pub(super) fn rule(&mut self, listener: &str, priority: i32, action: Value) -> String {
        let answer = self.must("CreateRule", rule(listener, priority, action));
        text(&answer["Rules"][0]["RuleArn"])
    }

    /// A group that a listener of its own load balancer forwards to.
    pub(super) fn used_group(&mut self) -> String {
        let (balancer, group) = (self.balancer("web"), self.group("web"));
        self.listener(&balancer, 80, forward(&group));
        group
    }

    pub(super) fn register(&mut self, group: &str, address: &str) -> Target {
        self.must("RegisterTargets", json!({"TargetGroupArn": group, "Targets": [{"Id": address}]}));
        Target { id: address.into(), port: 80 }
    }

    pub(super) fn deregister(&mut self, group: &str, target: &Target) {
        let targets = json!([{"Id": target.id, "Port": target.port}]);
        self.must("DeregisterTargets", json!({"TargetGroupArn": group, "Targets": targets}));
    }

    pub(super) fn health(&mut self, group: &str, target: &Target, health: Health) {
        let change = HealthChange { group_arn: group.into(), target: target.clone(), health };
        self.tell(Event::Health(vec![change]));
    }

    /// State and reason of each target of the group.
    pub(super) fn states(&mut self, group: &str) -> Vec<(String, String)> {
        let answer = self.must("DescribeTargetHealth", json!({"TargetGroupArn": group}));
        let all = answer["TargetHealthDescriptions"].as_array().expect("a list").clone();
        let health = all.iter().map(|it| &it["TargetHealth"]);
        health.map(|it| (text(&it["State"]), it["Reason"].as_str().unwrap_or("").to_owned())).collect()
    }

    pub(super) fn routing(&self) -> Routing {
        self.cloud.routing()
    }

    /// The addresses that get requests.
    pub(super) fn receivers(&self, group: &str) -> Vec<String> {
        let routing = self.routing();
        let targets = routing.groups[group].targets.iter().filter(|it| it.receives);
        targets.map(|it| it.target.id.clone()).collect()
    }
}

pub(super) fn forward(group: &str) -> Value {
    json!({"Type": "forward", "TargetGroupArn": group})
}

pub(super) fn fixed(status: &str) -> Value {
    json!({"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": status}})
}

pub(super) fn listener(balancer: &str, port: u16, action: Value) -> Value {
    json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": port, "DefaultActions": [action]})
}

pub(super) fn rule(listener: &str, priority: i32, action: Value) -> Value {
    let conditions = json!([{"Field": "path-pattern", "Values": [format!("/{priority}")]}]);
    json!({"ListenerArn": listener, "Priority": priority, "Conditions": conditions, "Actions": [action]})
}

pub(super) fn unhealthy() -> Health {
    let description = "Health checks failed with these codes: [500]".into();
    Health::Unhealthy { reason: UnhealthyReason::ResponseCodeMismatch, description }
}
