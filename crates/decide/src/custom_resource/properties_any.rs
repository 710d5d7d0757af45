//! What holds for any properties: CloudFormation's strings mean what the template says, and whatever is wrong is named.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// What CloudFormation makes of a template's values.
fn stringified(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(stringified).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), stringified(value))).collect())
        }
        Value::Number(number) => number.to_string().into(),
        Value::Bool(flag) => flag.to_string().into(),
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn strings_mean_what_the_template_says(
        (count, timeout, poll_interval) in (0..=MAX_COUNT, 1..=3540_i64, 1..=300_u64),
        (update, delete, rollback) in any::<(bool, bool, bool)>(),
        codes in prop::collection::vec(any::<i32>(), 0..4),
        (cpu, value) in (0..=i32::MAX, prop_oneof![any::<bool>().prop_map(Value::from), any::<i64>().prop_map(Value::from)]),
        word in ".{0,8}",
    ) {
        let typed = json!({
            "Cluster": "main", "TaskDefinition": "app", "Count": count, "Timeout": timeout,
            "PollInterval": poll_interval, "RunOnUpdate": update, "RunOnDelete": delete, "RunOnRollback": rollback,
            "AcceptExitCodes": codes,
            "Overrides": {"cpu": cpu, "containerOverrides": [
                {"name": "app", "cpu": cpu, "command": [word, value], "environment": [{"name": "A", "value": value}]},
            ]},
        });
        let read = Properties::read(&typed);
        prop_assert_eq!(&read, &Properties::read(&stringified(&typed)));
        let read = read.unwrap();
        prop_assert_eq!(i64::try_from(read.count).unwrap(), count);
        prop_assert_eq!((read.timeout, read.poll_interval), (timeout, poll_interval));
        prop_assert_eq!((read.run_on_update, read.run_on_delete, read.run_on_rollback), (update, delete, rollback));
        prop_assert_eq!(read.accept_exit_codes, codes);
        prop_assert_eq!(&read.overrides.0["containerOverrides"][0]["cpu"], &json!(cpu));
        prop_assert_eq!(&read.overrides.0["cpu"], &json!(cpu.to_string()));
    }

    #[test]
    fn any_change_of_one_property_is_read_or_refused_by_name(
        name in prop::sample::select(PROPERTY_NAMES), value in anything(),
    ) {
        let mut given = json!({"Cluster": "main", "TaskDefinition": "app"});
        given[name] = value;
        if let Err(error) = Properties::read(&given) {
            // LaunchType and Instances exclude others, but here they are alone.
            prop_assert!(error.path.starts_with(name), "{}", error);
            prop_assert!(!error.problem.is_empty() && !error.remedy.is_empty());
        }
    }
}

const PROPERTY_NAMES: &[&str] = &[
    "Cluster",
    "Count",
    "Timeout",
    "UpdateCriteria",
    "PollInterval",
    "Overrides",
    "Instances",
    "OnTimeout",
    "LaunchType",
    "CapacityProviderStrategy",
    "NetworkConfiguration",
    "AcceptExitCodes",
    "ServiceTimeout",
];

fn anything() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "name",
        "command",
        "containerOverrides",
        "cpu",
        "Container",
        "Base",
        "subnets",
    ]);
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    scalar.prop_recursive(3, 12, 3, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..3).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}
