//! The examples of the ECS developer guide, and what is no query.

use std::collections::BTreeMap;

use longshore_model::Timestamp;

use super::{Expression, MAX_LENGTH, Subject};

/// An instance of the tests, given by what differs from one to the next.
#[derive(Debug, Clone, Default)]
pub(super) struct Instance {
    pub(super) disconnected: bool,
    pub(super) version: Option<&'static str>,
    pub(super) attributes: BTreeMap<String, Option<String>>,
    pub(super) ec2: Option<&'static str>,
    pub(super) registered_at: Timestamp,
    pub(super) running: i32,
    pub(super) groups: Vec<&'static str>,
}

impl Subject for Instance {
    fn agent_connected(&self) -> bool {
        !self.disconnected
    }
    fn agent_version(&self) -> Option<&str> {
        self.version
    }
    fn attribute(&self, name: &str) -> Option<Option<&str>> {
        self.attributes.get(name).map(Option::as_deref)
    }
    fn ec2_instance_id(&self) -> Option<&str> {
        self.ec2
    }
    fn registered_at(&self) -> Timestamp {
        self.registered_at
    }
    fn running_tasks_count(&self) -> i32 {
        self.running
    }
    fn task_groups(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().copied()
    }
}

/// A g2.2xlarge in us-east-1a that registered on 2018-06-18 at 22:28:28.
fn example() -> Instance {
    let attributes = [
        ("ecs.instance-type", Some("g2.2xlarge")),
        ("ecs.availability-zone", Some("us-east-1a")),
        ("stack", Some("prod")),
        ("rack", Some("12")),
        ("note", Some("two words")),
        ("ecs.capability.external", None),
    ];
    Instance {
        version: Some("1.14.4"),
        attributes: attributes.map(|(name, value)| (name.to_owned(), value.map(str::to_owned))).into(),
        ec2: Some("i-abcd1234"),
        registered_at: Timestamp(1_529_360_908_000),
        running: 1,
        groups: vec!["service:production", "family:migrate"],
        ..Instance::default()
    }
}

/// Queries, and whether they hold for `example()`.
const QUERIES: &[(&str, bool)] = &[
    // the developer guide's own
    ("attribute:ecs.instance-type == t2.small", false),
    ("attribute:ecs.instance-type == g2.2xlarge", true),
    ("attribute:ecs.availability-zone in [us-east-1a, us-east-1b]", true),
    ("attribute:ecs.instance-type =~ g2.* and attribute:ecs.availability-zone != us-east-1d", true),
    ("attribute:ecs.instance-type =~ t2.* and attribute:ecs.availability-zone == us-east-1a", false),
    ("task:group == service:production", true),
    ("not(task:group == database)", true),
    ("not(task:group == family:migrate)", false),
    ("runningTasksCount == 1", true),
    ("agentVersion < 1.14.5", true),
    ("registeredAt < 2018-02-13", false),
    ("ec2InstanceId in ['i-abcd1234', 'i-wxyx7890']", true),
    ("attribute:stack != prod", false),
    ("attribute:ecs.instance-type in [t2.small, t2.medium]", false),
    // every operator, as a sign and as a word
    ("attribute:stack equals prod", true),
    ("attribute:stack not_equals test", true),
    ("attribute:rack > 9", true),
    ("attribute:rack greater_than 12", false),
    ("attribute:rack >= 12", true),
    ("attribute:rack greater_than_equal 13", false),
    ("attribute:stack < q", true),
    ("attribute:rack less_than 100", true),
    ("attribute:rack <= 12", true),
    ("attribute:rack less_than_equal 11", false),
    ("attribute:stack exists", true),
    ("attribute:stack !exists", false),
    ("attribute:gone not_exists", true),
    ("attribute:stack !in [test, dev]", true),
    ("attribute:stack not_in [prod]", false),
    ("attribute:stack matches p.*d", true),
    ("attribute:stack !~ p.*d", false),
    ("attribute:stack not_matches test", true),
    // a pattern matches the whole value, and may have brackets
    ("attribute:stack =~ pro", false),
    ("attribute:stack =~ [a-p]ro[a-d]", true),
    ("attribute:stack =~ '(test|prod)'", true),
    ("attribute:stack =~ test|prod", true),
    // an absent attribute is not different from a value; one without a value is
    ("attribute:gone != prod", false),
    ("attribute:gone !in [prod]", false),
    ("not attribute:gone == prod", true),
    ("attribute:ecs.capability.external exists", true),
    ("attribute:ecs.capability.external != x", true),
    ("attribute:ecs.capability.external == ''", false),
    // many groups: `!=` asks that none is
    ("task:group != service:production", false),
    ("task:group != database", true),
    ("task:group in [database, family:migrate]", true),
    ("task:group =~ family:.*", true),
    ("task:group exists", true),
    // the other subjects
    ("agentConnected == true", true),
    ("agentConnected != true", false),
    ("agentConnected in [false]", false),
    ("agentVersion >= 1.14", true),
    ("agentVersion == v1.14.4", true),
    ("agentVersion > 1.9.9", true),
    ("registeredAt == 2018-06-18T22:28:28+00:00", true),
    ("registeredAt == 2018-06-18T22:28:28Z", true),
    ("registeredAt == 2018-06-18T22:28:28", true),
    ("registeredAt == 2018-06-19T00:28:28+02:00", true),
    ("registeredAt > 2018-06-18", true),
    ("runningTasksCount >= 2", false),
    ("ec2InstanceId matches i-.*", true),
    // precedence, quotes and spaces
    ("attribute:stack == prod or attribute:stack == x and attribute:gone exists", true),
    ("(attribute:stack == prod or attribute:stack == x) and attribute:gone exists", false),
    ("!attribute:gone exists && !(task:group==database)||runningTasksCount>5", true),
    ("not not attribute:stack exists", true),
    ("  attribute:note   ==   \"two words\"  ", true),
    ("attribute:stack==prod&&attribute:rack==12", true),
];

#[test]
fn queries_are_true_or_false_of_the_example() {
    let instance = example();
    for (query, wanted) in QUERIES {
        let expression = Expression::parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
        assert_eq!(expression.holds(&instance), *wanted, "{query}");
        assert_eq!(Expression::parse(&expression.to_string()), Ok(expression), "{query}");
    }
}

#[test]
fn an_agent_without_a_version_compares_with_none() {
    let instance = Instance::default();
    for query in ["agentVersion == 1.0.0", "agentVersion != 1.0.0", "ec2InstanceId != i-1"] {
        assert!(!Expression::parse(query).unwrap().holds(&instance), "{query}");
    }
    assert!(!Expression::parse("task:group exists").unwrap().holds(&instance));
}

#[test]
fn what_is_no_query_is_refused_where_it_stops_being_one() {
    let table = [
        ("", 0),
        ("   ", 3),
        ("attributes:ecs.instance-type==p3.2xlarge", 0),
        ("attribute: == x", 0),
        ("attribute:a:b == x", 0),
        ("attribute:stack", 15),
        ("attribute:stack =", 16),
        ("attribute:stack ==", 18),
        ("attribute:stack == a b", 21),
        ("attribute:stack == 'a", 19),
        ("attribute:stack in a", 19),
        ("attribute:stack in []", 20),
        ("attribute:stack in [a b]", 22),
        ("attribute:stack =~ *", 19),
        ("attribute:stack =~ 'a)|(b'", 19),
        ("attribute:stack =~ '(?=a)'", 19),
        ("attribute:stack == (prod)", 19),
        ("(attribute:stack == prod", 24),
        ("attribute:stack == prod)", 23),
        ("attribute:stack == a and", 24),
        ("agentConnected > 1", 14),
        ("agentConnected exists", 14),
        ("task:group < a", 10),
        ("agentVersion =~ 1.*", 12),
        ("agentVersion == new", 16),
        ("registeredAt < 2018-13-01", 15),
        ("registeredAt < 2019-02-29", 15),
        ("registeredAt < 2018-02-13T25:00:00", 15),
        ("registeredAt < 2018-02-13T20:00:00é", 15),
        ("runningTasksCount == many", 21),
        ("é == 1", 0),
    ];
    for (query, position) in table {
        let error = Expression::parse(query).expect_err(query);
        assert_eq!(error.position, position, "{query}: {error}");
    }
}

#[test]
fn length_and_depth_are_bounded() {
    let long = format!("attribute:stack == {}", "x".repeat(MAX_LENGTH));
    assert_eq!(Expression::parse(&long).unwrap_err().position, MAX_LENGTH);
    for open in ["(", "!", "not "] {
        assert!(Expression::parse(&open.repeat(10_000)).is_err());
        assert!(Expression::parse(&open.repeat(450)).unwrap_err().to_string().contains("nested too deep"));
    }
    let big_pattern = r"attribute:stack =~ \w{1000}{1000}";
    assert!(Expression::parse(big_pattern).is_err());
}

#[test]
fn an_error_says_what_and_where() {
    let error = Expression::parse("attribute:stack =").unwrap_err();
    assert_eq!(error.to_string(), "expected an operator at character 17");
}
