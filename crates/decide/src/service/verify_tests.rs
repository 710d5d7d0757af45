//! Checks from the files to the judgement, without AWS: the test answers.

use longshore_model::Kind;
use serde_json::json;

use super::*;

const ROLE: &str = "arn:aws:iam::1:role/exec";
const TRUST: &str = r#"{"Statement":{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}}"#;
const GROUP: &str = "arn:aws:elasticloadbalancing:r:1:targetgroup/web/0af3";
const SECRET: &str = "arn:aws:secretsmanager:r:1:secret:db-AbCdEf";

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else { panic!("an object") };
    members
}

fn definition() -> Value {
    json!({"family": "web", "executionRoleArn": ROLE, "networkMode": "awsvpc", "containerDefinitions": [
        {"name": "app", "image": "nginx:1", "portMappings": [{"containerPort": 80}]}]})
}

fn unit(definition: Value, service: Option<Value>) -> Unit {
    let definition = object(definition);
    let runs = if service.is_some() { Runs::File(definition.clone()) } else { Runs::Nothing };
    Unit { name: "web".into(), task_definition: Some(definition), service: service.map(object), runs }
}

/// Answers for which all is well.
fn good(question: &Question) -> Answer {
    match question {
        Question::Cluster(_) => Answer::Cluster(Some(Cluster {
            arn: "arn:aws:ecs:r:1:cluster/c".into(),
            status: "ACTIVE".into(),
            ..Cluster::default()
        })),
        Question::Role(_) => Answer::Role(Some(Role { arn: ROLE.into(), trust: TRUST.into() })),
        Question::Ecr(_) | Question::Image(_) => Answer::Image(Some(SeenImage::default())),
        Question::Parameter { .. } | Question::LogGroup { .. } => Answer::IsThere(true),
        Question::Secret { .. } => {
            let versions = [("v1".to_owned(), vec!["AWSCURRENT".to_owned()])].into();
            Answer::Secret(Some(Secret { is_deleted: false, versions }))
        }
        Question::TargetGroup(_) => {
            let load_balancers = vec!["lb".into()];
            Answer::TargetGroup(Some(TargetGroup { target_type: "ip".into(), load_balancers }))
        }
    }
}

/// All checks of a unit with how they end, where these answers differ from the good ones.
fn ends(unit: Unit, other: impl Fn(&Question) -> Option<Result<Answer, Error>>) -> Vec<(String, Judged)> {
    let checks = checks("c", &[unit]);
    let questions = checks.iter().filter_map(Check::question);
    let answers: Answers = questions
        .map(|question| (question.clone(), other(question).unwrap_or_else(|| Ok(good(question)))))
        .collect();
    checks
        .into_iter()
        .map(|check| {
            let judged = judge(&check, &answers);
            (check.what, judged)
        })
        .collect()
}

/// The one check that is about this, in words: `ok`, or state and reason.
fn end(unit: Unit, about: &str, other: impl Fn(&Question) -> Option<Result<Answer, Error>>) -> String {
    let all = ends(unit, other);
    let found: Vec<&(String, Judged)> = all.iter().filter(|(what, _)| what.starts_with(about)).collect();
    let [(_, judged)] = found[..] else { panic!("{about}: {all:?}") };
    let why = judged.why.clone().map(|why| format!(": {why}")).unwrap_or_default();
    match judged.state {
        State::Ok => format!("ok{why}"),
        State::Failed => format!("failed{why}"),
        State::NotChecked => format!("not checked{why}"),
    }
}

fn with(change: impl Fn(&mut Value)) -> Unit {
    let mut definition = definition();
    change(&mut definition);
    unit(definition, None)
}

#[test]
fn a_service_with_everything_asks_for_all_of_it_once() {
    let mut definition = definition();
    definition["taskRoleArn"] = json!("app");
    let container = &mut definition["containerDefinitions"][0];
    container["secrets"] = json!([{"name": "DB", "valueFrom": "/db"}, {"name": "KEY", "valueFrom": SECRET}]);
    let logging =
        json!({"logDriver": "awslogs", "options": {"awslogs-group": "/web", "awslogs-region": "r2"}});
    container["logConfiguration"] = logging.clone();
    let sidecar = json!({"name": "log", "image": "1.dkr.ecr/x", "logConfiguration": logging});
    definition["containerDefinitions"].as_array_mut().unwrap().push(sidecar);
    let service = json!({"serviceName": "web", "launchType": "FARGATE",
        "loadBalancers": [{"targetGroupArn": GROUP, "containerName": "app", "containerPort": 80}],
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"]}}});
    let all = ends(unit(definition, Some(service)), |_| None);
    let expected = [
        "cluster `c`",
        "executionRoleArn `exec`",
        "taskRoleArn `app`",
        "image `nginx:1` of container `app`",
        "secret `DB` of container `app`",
        "secret `KEY` of container `app`",
        "log group `/web`",
        "image `1.dkr.ecr/x` of container `log`",
        "target group `web`",
        "port 80 of container `app` for the load balancer",
        "subnets and security groups",
    ];
    assert_eq!(all.iter().map(|(what, _)| what.as_str()).collect::<Vec<_>>(), expected);
    for (what, judged) in &all {
        let state = if what.starts_with("subnets") { State::NotChecked } else { State::Ok };
        assert_eq!(judged.state, state, "{what}: {judged:?}");
    }
}

#[test]
fn an_execution_role_is_missed_where_something_needs_it() {
    let ecr = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web:1";
    let awslogs = json!({"logDriver": "awslogs", "options": {"awslogs-group": "/web"}});
    let cases = [
        (json!({}), true, None),
        (json!({"secrets": []}), true, None),
        (
            json!({"secrets": [{"name": "A", "valueFrom": "a"}]}),
            false,
            Some("the secrets of container `app`"),
        ),
        (
            json!({"logConfiguration": {"logDriver": "splunk", "secretOptions": [{"name": "A", "valueFrom": "a"}]}}),
            false,
            Some("the secrets"),
        ),
        (
            json!({"repositoryCredentials": {"credentialsParameter": SECRET}}),
            false,
            Some("the repositoryCredentials"),
        ),
        (json!({"logConfiguration": awslogs}), false, None),
        (json!({"logConfiguration": awslogs}), true, Some("on Fargate the log")),
        (json!({"image": ecr}), false, None),
        (json!({"image": ecr}), true, Some("on Fargate the image")),
    ];
    for (members, is_fargate, expected) in cases {
        let mut definition = definition();
        definition.as_object_mut().unwrap().remove("executionRoleArn");
        definition["containerDefinitions"][0].as_object_mut().unwrap().extend(object(members.clone()));
        if is_fargate {
            definition["requiresCompatibilities"] = json!(["FARGATE"]);
        }
        let all = ends(unit(definition, None), |_| None);
        let found = all.iter().find(|(what, _)| what == "executionRoleArn").map(|(_, judged)| judged);
        let why = found.and_then(|judged| judged.why.clone());
        assert_eq!(found.map(|judged| judged.state), expected.map(|_| State::Failed), "{members}");
        assert!(expected.is_none_or(|words| why.unwrap().contains(words)), "{members}");
    }
    let strategy = json!({"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT"}]});
    let mut plain = definition();
    plain.as_object_mut().unwrap().remove("executionRoleArn");
    plain["containerDefinitions"][0]["logConfiguration"] = awslogs;
    assert!(end(unit(plain, Some(strategy)), "executionRoleArn", |_| None).contains("on Fargate"));
}

#[test]
fn clusters_and_roles() {
    let cluster = |status: Option<&str>| {
        let seen = status.map(|status| Cluster {
            arn: "arn:aws:ecs:r:1:cluster/c".into(),
            status: status.into(),
            ..Cluster::default()
        });
        end(unit(definition(), None), "cluster", |question| {
            matches!(question, Question::Cluster(_)).then(|| Ok(Answer::Cluster(seen.clone())))
        })
    };
    assert_eq!(cluster(Some("ACTIVE")), "ok");
    assert_eq!(cluster(Some("INACTIVE")), "failed: it is INACTIVE, and not ACTIVE");
    assert_eq!(cluster(None), "failed: there is none");
    let role = |wanted: &str, seen: Option<(&str, &str)>| {
        let seen = seen.map(|(arn, trust)| Role { arn: arn.into(), trust: trust.into() });
        end(with(|it| it["executionRoleArn"] = json!(wanted)), "executionRoleArn", |question| {
            matches!(question, Question::Role(_)).then(|| Ok(Answer::Role(seen.clone())))
        })
    };
    assert_eq!(role(ROLE, Some((ROLE, TRUST))), "ok");
    assert_eq!(role("exec", Some((ROLE, TRUST))), "ok");
    assert_eq!(role(ROLE, None), "failed: there is no such role");
    assert_eq!(
        role(ROLE, Some(("arn:aws:iam::1:role/path/exec", TRUST))),
        "failed: there is no role with this ARN"
    );
    assert_eq!(
        role("arn:aws:iam::2:role/exec", None),
        "failed: it belongs to account 2, and the cluster to 1"
    );
    let untrusting = r#"{"Statement":[]}"#;
    assert!(role(ROLE, Some((ROLE, untrusting))).starts_with("failed: its trust policy does not let"));
    assert!(role(ROLE, Some((ROLE, "no JSON"))).starts_with("not checked: its trust policy"));
}

#[test]
fn images() {
    let ecr = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/web:1";
    let index = |processors: &[&str]| {
        let platform = |processor: &&str| json!({"platform": {"os": if *processor == "unknown" { "unknown" } else { "linux" }, "architecture": processor}});
        json!({"manifests": processors.iter().map(platform).collect::<Vec<_>>()}).to_string()
    };
    let image = |name: &str, wanted: Option<&str>, seen: Option<Option<String>>| {
        let changed = with(|it| {
            it["containerDefinitions"][0]["image"] = json!(name);
            it["runtimePlatform"] = wanted.map_or(Value::Null, |wanted| json!({"cpuArchitecture": wanted}));
        });
        let seen = seen.map(|index| SeenImage { index });
        end(changed, "image", |question| {
            matches!(question, Question::Ecr(_) | Question::Image(_)).then(|| Ok(Answer::Image(seen.clone())))
        })
    };
    assert_eq!(image(ecr, Some("ARM64"), Some(Some(index(&["amd64", "arm64", "unknown"])))), "ok");
    assert_eq!(
        image(ecr, Some("ARM64"), Some(Some(index(&["amd64", "unknown"])))),
        "failed: it is not made for linux/arm64, but for linux/amd64"
    );
    assert_eq!(image(ecr, None, Some(Some(index(&["arm64"])))), "ok", "what an instance is, is not known");
    assert_eq!(image(ecr, Some("ARM64"), Some(None)), "ok", "no index");
    assert_eq!(image(ecr, None, None), "failed: the registry has no image with the tag `1`");
    assert_eq!(image("nginx@sha256:0af3", None, None), "failed: the registry has no image with this digest");
    assert_eq!(image("Not an image", None, None), "failed: it is no name of an image");
    let login = with(|it| {
        it["containerDefinitions"][0]["repositoryCredentials"] = json!({"credentialsParameter": "login"})
    });
    assert!(end(login.clone(), "image", |_| None).starts_with("not checked: its registry"));
    assert_eq!(end(login, "repositoryCredentials", |_| None), "ok");
}

#[test]
fn secrets_and_parameters() {
    let from = |from: &str, other: &dyn Fn(&Question) -> Option<Result<Answer, Error>>| {
        let changed =
            with(|it| it["containerDefinitions"][0]["secrets"] = json!([{"name": "A", "valueFrom": from}]));
        end(changed, "secret", other)
    };
    let asked = |value: &str| {
        let changed =
            with(|it| it["containerDefinitions"][0]["secrets"] = json!([{"name": "A", "valueFrom": value}]));
        checks("c", &[changed]).last().unwrap().question().cloned()
    };
    let parameter = |region: Option<&str>, names: &[&str]| {
        let account = region.map(|_| "1".to_owned());
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Some(Question::Parameter { region: region.map(ToOwned::to_owned), account, names })
    };
    assert_eq!(asked("/db/key"), parameter(None, &["/db/key"]));
    assert_eq!(asked("arn:aws:ssm:r2:1:parameter/db/key"), parameter(Some("r2"), &["/db/key"]));
    assert_eq!(asked("arn:aws:ssm:r2:1:parameter/key"), parameter(Some("r2"), &["key", "/key"]));
    let secret = || Some(Question::Secret { region: Some("r".into()), id: SECRET.into() });
    assert_eq!((asked(SECRET), asked(&format!("{SECRET}:password:AWSPREVIOUS:"))), (secret(), secret()));
    assert_eq!(asked("arn:aws:s3:::bucket"), None);

    let missing = |question: &Question| match question {
        Question::Parameter { .. } => Some(Ok(Answer::IsThere(false))),
        Question::Secret { .. } => Some(Ok(Answer::Secret(None))),
        _ => None,
    };
    assert_eq!(from("/db", &|_| None), "ok");
    assert_eq!(from("/db", &missing), "failed: there is no parameter `/db`");
    assert_eq!(from(SECRET, &missing), "failed: there is no secret `db-AbCdEf`");
    assert_eq!(
        from("arn:aws:ssm:r:2:parameter/db", &missing),
        "not checked: the parameter belongs to another account"
    );
    assert_eq!(
        from(&SECRET.replace(":1:", ":2:"), &missing),
        "not checked: the secret belongs to another account"
    );
    assert!(from("arn:aws:s3:::bucket", &|_| None).starts_with("failed: its `valueFrom`"));
    assert_eq!(
        from(&format!("{SECRET}:k::"), &|_| None),
        "ok: its value is not read, so its key `k` is not checked"
    );
    assert_eq!(from(&format!("{SECRET}:::v1"), &|_| None), "ok");
    assert_eq!(from(&format!("{SECRET}:::v2"), &|_| None), "failed: the secret has no version `v2`");
    assert!(
        from(&format!("{SECRET}::AWSPREVIOUS:"), &|_| None)
            .starts_with("failed: the secret has no version with the stage")
    );
    let deleted =
        |_: &Question| Some(Ok(Answer::Secret(Some(Secret { is_deleted: true, ..Secret::default() }))));
    assert_eq!(from(SECRET, &deleted), "failed: the secret is about to be deleted");
}

#[test]
fn load_balancers() {
    let service = |container: &str, port: u64| json!({"loadBalancers": [{"targetGroupArn": GROUP, "containerName": container, "containerPort": port}]});
    let group = |mode: &str, target_type: &str, balancers: &[&str]| {
        let mut definition = definition();
        definition["networkMode"] = json!(mode);
        let load_balancers = balancers.iter().map(|name| (*name).to_owned()).collect();
        let seen = TargetGroup { target_type: target_type.into(), load_balancers };
        end(unit(definition, Some(service("app", 80))), "target group", |question| {
            matches!(question, Question::TargetGroup(_)).then(|| Ok(Answer::TargetGroup(Some(seen.clone()))))
        })
    };
    assert_eq!(
        (group("awsvpc", "ip", &["a"]), group("bridge", "instance", &["a"])),
        ("ok".into(), "ok".into())
    );
    assert_eq!(
        group("awsvpc", "instance", &["a"]),
        "failed: its targets are of type instance, and must be ip"
    );
    assert_eq!(group("host", "ip", &["a"]), "failed: its targets are of type ip, and must be instance");
    assert_eq!(group("awsvpc", "ip", &[]), "failed: no load balancer uses it, and ECS refuses it then");
    let port =
        |container: &str, port| end(unit(definition(), Some(service(container, port))), "port", |_| None);
    assert_eq!(port("app", 80), "ok");
    assert_eq!(port("app", 81), "failed: it is not in the container's portMappings");
    assert_eq!(port("ap", 80), "failed: the task definition has no such container");
    let mut range = definition();
    range["containerDefinitions"][0]["portMappings"] = json!([{"containerPortRange": "8000-8010"}]);
    assert_eq!(end(unit(range, Some(service("app", 8010))), "port", |_| None), "ok");
    let gone = |question: &Question| {
        matches!(question, Question::TargetGroup(_)).then_some(Ok(Answer::TargetGroup(None)))
    };
    assert_eq!(
        end(unit(definition(), Some(service("app", 80))), "target group", gone),
        "failed: there is none"
    );
}

#[test]
fn log_groups_that_make_themselves_are_not_asked_for() {
    let logs = |create: &str| {
        with(|it| {
            let options = json!({"awslogs-group": "/web", "awslogs-create-group": create});
            it["containerDefinitions"][0]["logConfiguration"] =
                json!({"logDriver": "awslogs", "options": options});
        })
    };
    let missing = |question: &Question| {
        matches!(question, Question::LogGroup { .. }).then_some(Ok(Answer::IsThere(false)))
    };
    assert!(end(logs("true"), "log group", missing).starts_with("ok: it is made"));
    assert_eq!(end(logs("false"), "log group", missing), "failed: there is none");
}

#[test]
fn what_a_service_runs_may_be_registered_or_missing() {
    let Unit { name, task_definition, .. } = unit(definition(), None);
    let service = || {
        Some(object(
            json!({"loadBalancers": [{"targetGroupArn": GROUP, "containerName": "app", "containerPort": 80}]}),
        ))
    };
    let registered = Runs::Registered(task_definition.unwrap());
    let all = ends(
        Unit { name: name.clone(), service: service(), runs: registered, task_definition: None },
        |_| None,
    );
    assert!(
        all.iter().any(|(what, _)| what.starts_with("image"))
            && all.iter().all(|(_, it)| it.state == State::Ok),
        "{all:?}"
    );
    let missing = Unit {
        name: name.clone(),
        service: service(),
        runs: Runs::Missing("web:9".into()),
        task_definition: None,
    };
    assert_eq!(
        end(missing, "task definition `web:9`", |_| None),
        "failed: it is not registered, and has no file"
    );
    let unknown =
        Unit { name, service: service(), runs: Runs::Unknown("no answer".into()), task_definition: None };
    assert_eq!(end(unknown, "task definition", |_| None), "not checked: no answer");
}

#[test]
fn nobody_fails_for_what_could_not_be_asked() {
    let denied = |code: &str| Error::new(Kind::Denied, "cannot ask: no").with_code(code);
    let offline = || Error::new(Kind::Unavailable, "cannot ask: nobody answers");
    let all = |error: Error| {
        let mut definition = definition();
        definition["containerDefinitions"][0]["secrets"] =
            json!([{"name": "DB", "valueFrom": "/db"}, {"name": "KEY", "valueFrom": SECRET}]);
        let service = json!({"loadBalancers": [{"targetGroupArn": GROUP}]});
        ends(unit(definition, Some(service)), move |_| Some(Err(error.clone())))
    };
    for error in [denied("AccessDenied"), denied("AccessDeniedException"), offline()] {
        assert!(all(error).iter().all(|(_, judged)| judged.state == State::NotChecked));
    }
    let needs: Vec<String> =
        all(denied("AccessDenied")).into_iter().filter_map(|(_, judged)| judged.why).collect();
    let expected = [
        "needs ecs:DescribeClusters",
        "needs iam:GetRole",
        "its registry wants credentials, or has no such image",
        "needs ssm:DescribeParameters",
        "needs secretsmanager:DescribeSecret",
        "needs elasticloadbalancing:DescribeTargetGroups",
    ];
    assert_eq!(needs, expected);
    assert!(ends_it(&offline()) && ends_it(&denied("ExpiredToken")) && !ends_it(&denied("AccessDenied")));
    assert!(ends_it(&Error::new(Kind::Denied, "no usable AWS credentials")));
}
