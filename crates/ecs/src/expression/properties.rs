//! What is true of every query: it survives being written and read, and means what a naive reading of it means.

use longshore_model::Timestamp;
use proptest::prelude::*;

use super::tests::Instance;
use super::{Comparison, Expression, Moment, Pattern, Subject, TextSubject, TextTest, Version};

const VALUES: &[&str] = &["a", "b", "ab", "7", "12", "family:a", "true", "two words", "it's"];
const PATTERNS: &[&str] = &["a.*", "[ab]+", "x|b", ".*", "(a|b)b?"];
const DATES: &[&str] =
    &["1970-01-02", "1970-01-01T00:00:05", "1970-01-01T00:00:05Z", "1970-01-01T01:00:05+01:00"];
const VERSIONS: &[&str] = &["1.14", "1.14.0", "v1.9.2", "2.0.0"];

fn pick(of: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(of)
}

fn comparison() -> impl Strategy<Value = Comparison> {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    prop::sample::select(vec![Equal, NotEqual, Greater, GreaterOrEqual, Less, LessOrEqual])
}

fn text() -> impl Strategy<Value = Expression> {
    let subject = prop_oneof![
        Just(TextSubject::AgentConnected),
        Just(TextSubject::Ec2InstanceId),
        Just(TextSubject::TaskGroup),
        "[xyz]".prop_map(TextSubject::Attribute),
    ];
    let value = || pick(VALUES).prop_map(str::to_owned);
    let test = prop_oneof![
        value().prop_map(TextTest::Equals),
        prop::collection::vec(value(), 1..4).prop_map(TextTest::In),
        pick(PATTERNS).prop_map(|pattern| TextTest::Matches(Pattern::parse(pattern).unwrap())),
    ];
    prop_oneof![
        (subject, any::<bool>(), test).prop_map(|(subject, negated, test)| Expression::Text {
            subject,
            negated,
            test
        }),
        ("[xyz]", any::<bool>()).prop_map(|(name, negated)| Expression::Text {
            subject: TextSubject::Attribute(name),
            negated,
            test: TextTest::Exists
        }),
        ("[xyz]", comparison(), value()).prop_filter_map("the order operators", |(name, order, value)| {
            let ordered = !matches!(order, Comparison::Equal | Comparison::NotEqual);
            let subject = TextSubject::Attribute(name);
            ordered.then_some(Expression::Text {
                subject,
                negated: false,
                test: TextTest::Ordered(order, value),
            })
        }),
    ]
}

fn expression() -> impl Strategy<Value = Expression> {
    let leaf = prop_oneof![
        4 => text(),
        1 => (comparison(), pick(VERSIONS))
            .prop_map(|(order, than)| Expression::AgentVersion(order, Version::parse(than).unwrap())),
        1 => (comparison(), pick(DATES))
            .prop_map(|(order, than)| Expression::RegisteredAt(order, Moment::parse(than).unwrap())),
        1 => (comparison(), -2..9).prop_map(|(order, than)| Expression::RunningTasksCount(order, than)),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let many = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            many.clone().prop_map(Expression::All),
            many.prop_map(Expression::Any),
            inner.prop_map(|inner| Expression::Not(Box::new(inner))),
        ]
    })
}

fn instance() -> impl Strategy<Value = Instance> {
    let value = prop::option::of(pick(VALUES).prop_map(str::to_owned));
    (
        any::<bool>(),
        prop::option::of(pick(VERSIONS)),
        prop::collection::btree_map("[xyz]", value, 0..3),
        prop::option::of(pick(VALUES)),
        0_i64..10_000,
        0..4,
        prop::sample::subsequence(vec!["a", "b", "family:a"], 0..3),
    )
        .prop_map(|(disconnected, version, attributes, ec2, registered_at, running, groups)| Instance {
            disconnected,
            version,
            attributes,
            ec2,
            registered_at: Timestamp(registered_at),
            running,
            groups,
        })
}

/// What an expression means, written as the guide says it and with none of the code under test but its types.
fn naive(expression: &Expression, of: &Instance) -> bool {
    match expression {
        Expression::All(parts) => !parts.iter().any(|part| !naive(part, of)),
        Expression::Any(parts) => parts.iter().filter(|part| naive(part, of)).count() > 0,
        Expression::Not(part) => !naive(part, of),
        Expression::RunningTasksCount(order, than) => signs(*order, (of.running - than).signum()),
        Expression::RegisteredAt(order, than) => {
            let seconds = match than.to_string().as_str() {
                "1970-01-02" => 86_400,
                _ => 5,
            };
            signs(*order, i32::try_from((of.registered_at.0 / 1000 - seconds).signum()).unwrap())
        }
        Expression::AgentVersion(order, than) => of.version.is_some_and(|version| {
            let number = |text: &str| match text {
                "1.14" | "1.14.0" => 114_i32,
                "v1.9.2" => 109,
                _ => 200,
            };
            signs(*order, (number(version) - number(&than.to_string())).signum())
        }),
        Expression::Text { subject, negated, test } => {
            let values: Vec<Option<&str>> = match subject {
                TextSubject::AgentConnected => {
                    vec![Some(if of.agent_connected() { "true" } else { "false" })]
                }
                TextSubject::Ec2InstanceId => of.ec2.into_iter().map(Some).collect(),
                TextSubject::TaskGroup => of.groups.iter().map(|group| Some(*group)).collect(),
                TextSubject::Attribute(name) => {
                    of.attributes.get(name).map(Option::as_deref).into_iter().collect()
                }
            };
            if *test == TextTest::Exists {
                return values.is_empty() == *negated;
            }
            let one_passes = values.iter().flatten().any(|value| passes(test, value));
            match (negated, subject) {
                (false, _) => one_passes,
                (true, TextSubject::TaskGroup) => !one_passes,
                (true, _) => !values.is_empty() && !one_passes,
            }
        }
    }
}

fn passes(test: &TextTest, value: &str) -> bool {
    match test {
        TextTest::Exists => true,
        TextTest::Equals(wanted) => wanted == value,
        TextTest::In(wanted) => wanted.contains(&value.to_owned()),
        TextTest::Matches(pattern) => match pattern.as_str() {
            "a.*" => value.starts_with('a'),
            "[ab]+" => ["a", "b", "ab"].contains(&value),
            "x|b" => ["x", "b"].contains(&value),
            "(a|b)b?" => ["a", "b", "ab", "bb"].contains(&value),
            _ => true,
        },
        TextTest::Ordered(order, than) => {
            // In `VALUES`, 7 and 12 are the only numbers, and the only pair that sorts otherwise as text.
            let compared = match (value, than.as_str()) {
                ("7", "12") => -1,
                ("12", "7") => 1,
                (value, than) => i32::from(value > than) - i32::from(value < than),
            };
            signs(*order, compared)
        }
    }
}

fn signs(order: Comparison, sign: i32) -> bool {
    match order {
        Comparison::Equal => sign == 0,
        Comparison::NotEqual => sign != 0,
        Comparison::Greater => sign == 1,
        Comparison::GreaterOrEqual => sign >= 0,
        Comparison::Less => sign == -1,
        Comparison::LessOrEqual => sign <= 0,
    }
}

proptest! {
    #[test]
    fn a_written_query_reads_back_as_itself(expression in expression()) {
        prop_assert_eq!(Expression::parse(&expression.to_string()), Ok(expression));
    }

    #[test]
    fn a_query_means_what_a_naive_reading_means(expression in expression(), instance in instance()) {
        prop_assert_eq!(expression.holds(&instance), naive(&expression, &instance), "{}", expression);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        let parsed = Expression::parse(&text);
        prop_assert!(parsed.is_ok() || parsed.is_err_and(|error| error.position <= text.chars().count()));
    }

    #[test]
    fn no_almost_query_makes_the_parser_panic(
        words in prop::collection::vec(prop::sample::select(vec![
            "attribute:", "x", "==", "!", "in", "[", "]", ",", "(", ")", "'", "\"", "and", "||", "=~", "*", "exists",
            "agentVersion", "registeredAt", "2018-02-13", "T", "é", " ", "not", "task:group", "{9", "\\",
        ]), 0..30)
    ) {
        let text = words.concat();
        match Expression::parse(&text) {
            Ok(expression) => prop_assert_eq!(Expression::parse(&expression.to_string()), Ok(expression)),
            Err(error) => prop_assert!(error.position <= text.chars().count()),
        }
    }
}
