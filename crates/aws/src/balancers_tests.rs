//! The calls of load balancing as they go out, and their answers and refusals as they come back.

use longshore_model::Kind;
use longshore_model::seen::TargetHealth;

use super::*;
use crate::replay::Replay;

fn refusal(code: &str) -> String {
    format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
    )
}

fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.into(), value: Some(value.into()) }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn groups(names: &[&str]) -> String {
    let member = |name: &&str| {
        format!(
            "<member><TargetGroupArn>arn:{name}</TargetGroupArn><TargetGroupName>{name}</TargetGroupName></member>"
        )
    };
    let members: String = names.iter().map(member).collect();
    format!(
        "<DescribeTargetGroupsResponse><DescribeTargetGroupsResult><TargetGroups>{members}</TargetGroups>\
             </DescribeTargetGroupsResult></DescribeTargetGroupsResponse>"
    )
}

fn tags_of(arns: &[&str]) -> String {
    let member = |arn: &&str| {
        format!(
            "<member><ResourceArn>{arn}</ResourceArn><Tags><member><Key>longshore:environment</Key>\
                 <Value>e-{arn}</Value></member></Tags></member>"
        )
    };
    let members: String = arns.iter().map(member).collect();
    format!("<DescribeTagsResponse><TagDescriptions>{members}</TagDescriptions></DescribeTagsResponse>")
}

#[tokio::test]
async fn a_load_balancer_is_there_or_not() {
    let answer = "<DescribeLoadBalancersResponse><DescribeLoadBalancersResult><LoadBalancers><member>\
                  <LoadBalancerArn>arn:lb</LoadBalancerArn><DNSName>lb.example</DNSName><VpcId>vpc-1</VpcId>\
                  </member></LoadBalancers></DescribeLoadBalancersResult></DescribeLoadBalancersResponse>";
    let missing = refusal("LoadBalancerNotFound");
    let (aws, replay) = Replay::of([(200, answer), (400, missing.as_str()), (200, "<html/>")]).await;
    let expected = LoadBalancer { arn: "arn:lb".into(), dns_name: "lb.example".into(), vpc: "vpc-1".into() };
    assert_eq!(aws.load_balancer("arn:lb").await.unwrap(), Some(expected));
    assert_eq!(aws.load_balancer("arn:lb").await.unwrap(), None);
    // An answer of something else is never an empty list.
    assert_eq!(aws.load_balancer("arn:lb").await.unwrap_err().kind(), Kind::Unavailable);
    assert_eq!(
        replay.sent()[0].body,
        "Action=DescribeLoadBalancers&Version=2015-12-01&LoadBalancerArns.member.1=arn%3Alb"
    );
}

#[tokio::test]
async fn target_groups_are_found_beside_missing_ones() {
    let missing = refusal("TargetGroupNotFound");
    let (first, tags) = (groups(&["a"]), tags_of(&["arn:a"]));
    // a, b: one is missing. a: there. b: missing. Then the tags.
    let answers =
        [(400, missing.as_str()), (200, first.as_str()), (400, missing.as_str()), (200, tags.as_str())];
    let (aws, replay) = Replay::of(answers).await;
    let found = aws.target_groups(&strings(&["a", "b"])).await.unwrap();
    let expected = TargetGroup {
        arn: "arn:a".into(),
        name: "a".into(),
        tags: vec![tag("longshore:environment", "e-arn:a")],
    };
    assert_eq!(found, [expected]);
    let bodies: Vec<String> = replay.sent().iter().map(|sent| sent.body.clone()).collect();
    assert!(bodies[0].ends_with("&Names.member.1=a&Names.member.2=b"), "{bodies:?}");
    assert!(
        bodies[1].ends_with("&Names.member.1=a") && bodies[2].ends_with("&Names.member.1=b"),
        "{bodies:?}"
    );
    assert!(bodies[3].ends_with("&ResourceArns.member.1=arn%3Aa"), "{bodies:?}");
    assert_eq!(aws.target_groups(&[]).await.unwrap(), []);
    assert_eq!(replay.sent().len(), 4);
}

#[tokio::test]
async fn tags_are_asked_for_in_twenties_and_a_failure_is_one() {
    let arns: Vec<String> = (0..21).map(|number| format!("arn:{number}")).collect();
    let names: Vec<&str> = arns.iter().map(String::as_str).collect();
    let (many, one, denied) = (tags_of(&names[..20]), tags_of(&names[20..]), refusal("AccessDenied"));
    let (aws, replay) = Replay::of([(200, many.as_str()), (200, one.as_str()), (403, denied.as_str())]).await;
    let found = Balancers::tags(&aws, &arns).await.unwrap();
    assert_eq!(found.len(), 21);
    assert_eq!(found["arn:20"], [tag("longshore:environment", "e-arn:20")]);
    assert_eq!(replay.sent().len(), 2);
    assert_eq!(Balancers::tags(&aws, &arns).await.unwrap_err().kind(), Kind::Denied);
}

#[tokio::test]
async fn all_pages_of_listeners_and_rules_are_read() {
    let listener = |port: u16| {
        format!(
            "<member><ListenerArn>arn:{port}</ListenerArn><LoadBalancerArn>arn:lb</LoadBalancerArn>\
                 <Port>{port}</Port><Protocol>HTTP</Protocol><DefaultActions><member><Type>redirect</Type></member>\
                 </DefaultActions></member>"
        )
    };
    let page = |members: String, marker: &str| {
        format!("<R><Listeners>{members}</Listeners><NextMarker>{marker}</NextMarker></R>")
    };
    let rules = "<R><Rules>\
        <member><RuleArn>arn:1</RuleArn><Priority>7</Priority><Conditions>\
        <member><Field>path-pattern</Field><Values><member>/a*</member></Values></member>\
        <member><Field>host-header</Field><Values><member>a.example</member></Values>\
        <HostHeaderConfig><Values><member>a.example</member><member>b.example</member></Values></HostHeaderConfig></member>\
        </Conditions></member>\
        <member><RuleArn>arn:2</RuleArn><Priority>9</Priority><Conditions>\
        <member><Field>host-header</Field><Values><member>old.example</member></Values></member></Conditions></member>\
        <member><RuleArn>arn:d</RuleArn><Priority>default</Priority><Conditions/></member></Rules></R>";
    let (first, second) = (page(listener(8000), "next"), page(listener(8001), ""));
    let one = format!("<R><Listeners>{}</Listeners></R>", listener(80));
    let missing = refusal("ListenerNotFound");
    let answers = [
        (200, first.as_str()),
        (200, second.as_str()),
        (200, one.as_str()),
        (400, missing.as_str()),
        (200, rules),
    ];
    let (aws, replay) = Replay::of(answers).await;
    let expected = |port: u16| Listener { arn: format!("arn:{port}"), port, protocol: "HTTP".into() };
    assert_eq!(aws.listeners("arn:lb").await.unwrap(), [expected(8000), expected(8001)]);
    assert!(replay.sent()[1].body.contains("&Marker=next"), "{}", replay.sent()[1].body);
    assert_eq!(aws.listener("arn:80").await.unwrap(), Some((expected(80), "arn:lb".into())));
    assert_eq!(aws.listener("arn:80").await.unwrap(), None);
    let rule =
        |arn: &str, priority, hosts: &[&str]| Rule { arn: arn.into(), priority, hosts: strings(hosts) };
    let found = aws.rules("arn:l").await.unwrap();
    assert_eq!(found, [rule("arn:1", 7, &["a.example", "b.example"]), rule("arn:2", 9, &["old.example"])]);
}

#[tokio::test]
async fn what_is_created_is_ours_from_the_start() {
    let group = groups(&["a"]);
    let listener = "<R><Listeners><member><ListenerArn>arn:l</ListenerArn><Port>8000</Port><Protocol>HTTP</Protocol>\
                    </member></Listeners></R>";
    let rule = "<R><Rules><member><RuleArn>arn:r</RuleArn><Priority>5</Priority><Conditions><member>\
                <Field>host-header</Field><HostHeaderConfig><Values><member>a.example</member></Values>\
                </HostHeaderConfig></member></Conditions></member></Rules></R>";
    let (aws, replay) = Replay::of([(200, group.as_str()), (200, listener), (200, rule)]).await;
    let ours = [tag("longshore:environment", "e")];
    let input = json!({"Name": "a", "Port": 80, "Tags": [{"Key": "longshore:environment", "Value": "e"}]});
    let made = aws.create_target_group(&input).await.unwrap();
    assert_eq!((made.arn.as_str(), &made.tags[..]), ("arn:a", &ours[..]));
    assert_eq!(aws.create_listener("arn:lb", 8000, "arn:a", &ours).await.unwrap().arn, "arn:l");
    let share = Share { target_group: "arn:a".into(), paths: strings(&["/api/*"]) };
    let made = aws.create_rule("arn:l", 5, Some("a.example"), &share, &ours).await.unwrap();
    assert_eq!((made.priority, made.hosts), (5, strings(&["a.example"])));
    let sent = replay.sent();
    let parts = |index: usize| sent[index].body.split('&').map(ToOwned::to_owned).collect::<Vec<_>>();
    for (index, expected) in [
        (0, "Tags.member.1.Key=longshore%3Aenvironment"),
        (1, "DefaultActions.member.1.TargetGroupArn=arn%3Aa"),
        (1, "DefaultActions.member.1.Type=forward"),
        (1, "Port=8000"),
        (1, "Tags.member.1.Value=e"),
        (2, "Conditions.member.1.HostHeaderConfig.Values.member.1=a.example"),
        (2, "Conditions.member.2.PathPatternConfig.Values.member.1=%2Fapi%2F%2A"),
        (2, "Actions.member.1.TargetGroupArn=arn%3Aa"),
        (2, "Priority=5"),
        (2, "Tags.member.1.Value=e"),
    ] {
        assert!(parts(index).iter().any(|part| part == expected), "{expected}: {:?}", parts(index));
    }
}

#[tokio::test]
async fn what_is_taken_is_a_conflict_and_a_quota_is_named() {
    let share = Share::default();
    for (code, kind, hint) in [
        ("PriorityInUse", Kind::Conflict, None),
        ("DuplicateListener", Kind::Conflict, None),
        ("DuplicateTargetGroupName", Kind::Conflict, None),
        ("TooManyRules", Kind::Invalid, Some("100 rules: Service Quotas raises that")),
        ("TooManyListeners", Kind::Invalid, Some("50 listeners: Service Quotas raises that")),
        ("TooManyTargetGroups", Kind::Invalid, Some("3,000 target groups: Service Quotas raises that")),
        (
            "TooManyUniqueTargetGroupsPerLoadBalancer",
            Kind::Invalid,
            Some("100 target groups, and nobody can raise"),
        ),
        ("TargetGroupAssociationLimit", Kind::Invalid, Some("100 target groups, and nobody can raise")),
        ("Throttling", Kind::Throttled, None),
    ] {
        let body = refusal(code);
        // A throttled call is sent again.
        let (aws, _) = Replay::of([(400, body.as_str()); 3]).await;
        let error = aws.create_rule("arn:l", 5, None, &share, &[]).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (kind, Some(code)));
        let shown = error.hint().unwrap_or_default();
        assert!(hint.map_or(shown.is_empty(), |hint| shown.contains(hint)), "{code}: {shown}");
    }
}

#[tokio::test]
async fn what_is_gone_is_deleted_and_what_is_in_use_is_not() {
    let (gone, used) = (refusal("RuleNotFound"), refusal("ResourceInUse"));
    let (aws, replay) =
        Replay::of([(400, gone.as_str()), (200, "<R/>"), (200, "<R/>"), (400, used.as_str())]).await;
    aws.delete_rule("arn:r").await.unwrap();
    aws.delete_rule("arn:r").await.unwrap();
    aws.delete_listener("arn:l").await.unwrap();
    assert_eq!(aws.delete_target_group("arn:t").await.unwrap_err().kind(), Kind::Conflict);
    assert_eq!(replay.sent()[2].body, "Action=DeleteListener&Version=2015-12-01&ListenerArn=arn%3Al");
}

#[tokio::test]
async fn the_health_of_each_target() {
    let answer = "<R><TargetHealthDescriptions>\
        <member><Target><Id>i-1</Id><Port>80</Port></Target><TargetHealth><State>healthy</State></TargetHealth></member>\
        <member><Target><Id>10.0.0.1</Id><Port>8080</Port></Target><HealthCheckPort>9</HealthCheckPort>\
        <TargetHealth><State>initial</State><Reason>Elb.RegistrationInProgress</Reason>\
        <Description>Target registration is in progress</Description></TargetHealth></member>\
        </TargetHealthDescriptions></R>";
    let (aws, _) = Replay::of([(200, answer), (200, "<R><TargetHealthDescriptions/></R>")]).await;
    let found = |state: &str, description: &str| TargetHealth {
        state: state.to_owned(),
        description: description.to_owned(),
    };
    let initial = found("initial", "Target registration is in progress");
    let expected = [("i-1:80", found("healthy", "")), ("10.0.0.1:8080", initial)];
    let expected = expected.map(|(target, found)| (target.to_owned(), found)).into();
    assert_eq!(aws.target_health("arn:t").await.unwrap(), expected);
    assert_eq!(aws.target_health("arn:t").await.unwrap(), BTreeMap::new());
}
