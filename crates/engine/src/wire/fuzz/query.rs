//! Wrong forms by the ten thousand: none makes load balancing or EC2's descriptions panic, and each gets an error of theirs.

use std::collections::BTreeMap;

use longshore_ecs::balancing::{FaultKind, Request};
use longshore_ecs::random::Random;
use longshore_ecs::{Cloud, balance};
use serde_json::Value;

use super::{Corpus, NOW, REQUESTS_PER_SERVICE, Trial, run, scope};
use crate::refusal::Refusal;
use crate::wire::query::Form;
use crate::wire::{ec2, elb};

/// A cloud in which something is: calls that name it are not refused at once.
struct Elb {
    cloud: Cloud,
    names: Vec<(&'static str, String)>,
}

impl Elb {
    fn new() -> Self {
        let mut elb = Self { cloud: Cloud::new(scope(), 1), names: Vec::new() };
        for (name, operation, form, list, member) in [
            (
                "BALANCER",
                "CreateLoadBalancer",
                "Name=seed&Subnets.member.1=subnet-0123abcd&Subnets.member.2=subnet-0123abce",
                "LoadBalancers",
                "LoadBalancerArn",
            ),
            (
                "GROUP",
                "CreateTargetGroup",
                "Name=seed&Protocol=HTTP&Port=80&VpcId=vpc-0123abcd&TargetType=ip",
                "TargetGroups",
                "TargetGroupArn",
            ),
            (
                "LISTENER",
                "CreateListener",
                "LoadBalancerArn=BALANCER&Protocol=HTTP&Port=80&DefaultActions.member.1.Type=forward\
                 &DefaultActions.member.1.TargetGroupArn=GROUP",
                "Listeners",
                "ListenerArn",
            ),
            (
                "RULE",
                "CreateRule",
                "ListenerArn=LISTENER&Priority=1&Conditions.member.1.Field=path-pattern\
                 &Conditions.member.1.Values.member.1=/&Actions.member.1.Type=forward\
                 &Actions.member.1.TargetGroupArn=GROUP",
                "Rules",
                "RuleArn",
            ),
        ] {
            let made = elb.send(operation, form.as_bytes()).unwrap();
            elb.names.push((name, made[list][0][member].as_str().unwrap().to_owned()));
        }
        elb
    }

    /// What a request of this operation comes to, from its bytes on; what it changes must be read again.
    fn send(&mut self, operation: &str, bytes: &[u8]) -> Result<Value, Refusal> {
        let mut body = String::from_utf8_lossy(bytes).into_owned();
        for (name, arn) in &self.names {
            body = body.replace(name, arn);
        }
        let answer = balance(&mut self.cloud, elb::read(operation, Form::parse(body.as_bytes()))?, NOW);
        let mut again = Cloud::new(scope(), 2);
        for key in self.cloud.take_changes() {
            let (kind, id) = key.row_key();
            if let Some(row) = self.cloud.row(&key) {
                again.restore(kind, &id, &row).unwrap();
            }
        }
        again.link();
        drop(again.routing());
        Ok(serde_json::to_value(answer?).unwrap())
    }
}

#[test]
fn every_operation_has_a_seed_that_is_right() {
    let corpus = Corpus::read("elb");
    let mut operations = Request::OPERATIONS.to_vec();
    operations.sort_unstable();
    assert_eq!(corpus.operations(), operations);
    for (operation, seeds) in &corpus.by_operation {
        for seed in seeds {
            assert!(elb::read(operation, Form::parse(seed)).is_ok(), "{operation}");
        }
    }
    assert_eq!(elb::read("DescribeEverything", Form::default()).unwrap_err().code, "InvalidAction");
}

#[tokio::test]
async fn no_form_to_load_balancing_makes_it_panic() {
    let corpus = Corpus::read("elb");
    let operations = corpus.operations();
    let (mut elb, mut outcomes) = (Elb::new(), BTreeMap::<String, u64>::new());
    run(async |seed, number| {
        if number % REQUESTS_PER_SERVICE == 0 {
            elb = Elb::new();
        }
        let mut random = Random::seeded(seed.wrapping_add(number));
        let operation = operations[random.below(operations.len())];
        let input = corpus.input(operation, &mut random);
        let trial = Trial { seed, number, what: operation, input: &input };
        let outcome = match elb.send(operation, &input) {
            Ok(_) => "answered".to_owned(),
            Err(refusal) => {
                let is_known = refusal.code == "MalformedInput" || refusal.code.parse::<FaultKind>().is_ok();
                assert!(is_known && refusal.status == 400, "{refusal:?}");
                refusal.code
            }
        };
        *outcomes.entry(outcome).or_default() += 1;
        drop(trial);
    })
    .await;
    println!("{outcomes:?}");
    for outcome in ["answered", "MalformedInput", "ValidationError", "TargetGroupNotFound"] {
        assert!(outcomes.contains_key(outcome), "{outcome} never came: {outcomes:?}");
    }
}

#[tokio::test]
async fn no_form_to_ec2_makes_it_panic() {
    let corpus = Corpus::read("ec2");
    let operations = corpus.operations();
    let instances = [("i-0a".to_owned(), None)].into();
    run(async |seed, number| {
        let mut random = Random::seeded(seed.wrapping_add(number));
        let operation = operations[random.below(operations.len())];
        let input = corpus.input(operation, &mut random);
        let trial = Trial { seed, number, what: operation, input: &input };
        let answer = ec2::call(&scope(), &instances, operation, Form::parse(&input), "id");
        let body = String::from_utf8(answer.body).unwrap();
        let root = if answer.status.is_success() {
            format!("</{operation}Response>\n")
        } else {
            "</Response>\n".into()
        };
        assert!(body.ends_with(&root), "{body}");
        drop(trial);
    })
    .await;
}
