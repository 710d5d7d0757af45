//! The values of the flags of `longshore run`: what a user writes, and what it means.

use std::time::Duration;

use longshore_decide::task_definition::{cpu_units, mebibytes};
use longshore_model::call::MAX_STARTED_BY;
use longshore_model::network::{CapacityProviderStrategyItem, LaunchType};
use longshore_model::placement::{ConstraintType, PlacementConstraint, PlacementStrategy, StrategyType};
use longshore_model::tag::Tag;

/// `EC2`, `fargate` and so on.
pub(crate) fn launch_type(text: &str) -> Result<LaunchType, String> {
    text.to_uppercase().parse().map_err(|_| {
        let known: Vec<&str> = LaunchType::ALL.iter().map(|word| word.as_str()).collect();
        format!("it is one of {}", known.join(", "))
    })
}

/// `90s`, `15m`, `1h 30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| error.to_string())
}

/// The same, but not nothing.
pub(crate) fn timeout(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("no task can run in no time".to_owned()),
        timeout => Ok(timeout),
    }
}

/// A `startedBy` that RunTask and StartTask both take.
pub(crate) fn started_by(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_/".contains(c);
    if text.is_empty() || text.len() > MAX_STARTED_BY || !text.chars().all(allowed) {
        return Err(format!("it is 1-{MAX_STARTED_BY} letters, digits, `-`, `_` or `/`"));
    }
    Ok(text.to_owned())
}

/// `KEY=VALUE`; the value may be empty.
pub(crate) fn tag(text: &str) -> Result<Tag, String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => {
            Ok(Tag { key: key.to_owned(), value: Some(value.to_owned()) })
        }
        _ => Err("write KEY=VALUE".to_owned()),
    }
}

/// The CPU units of a task, as ECS wants them: a number in a string.
pub(crate) fn cpu(text: &str) -> Result<String, String> {
    let units = cpu_units(text).filter(|units| *units > 0);
    units.map(|units| units.to_string()).ok_or_else(|| "write CPU units (512) or vCPUs (0.5vCPU)".to_owned())
}

/// The memory of a task, as ECS wants it: MiB in a string.
pub(crate) fn memory(text: &str) -> Result<String, String> {
    let mib = mebibytes(text).filter(|mib| *mib > 0);
    mib.map(|mib| mib.to_string()).ok_or_else(|| "write MiB (1024) or GB (0.5GB)".to_owned())
}

/// `distinctInstance`, or an expression in the cluster query language.
pub(crate) fn placement_constraint(text: &str) -> Result<PlacementConstraint, String> {
    match text.trim() {
        "" => Err("write distinctInstance or an expression".to_owned()),
        "distinctInstance" => {
            Ok(PlacementConstraint { kind: Some(ConstraintType::DistinctInstance), expression: None })
        }
        expression => Ok(PlacementConstraint {
            kind: Some(ConstraintType::MemberOf),
            expression: Some(expression.to_owned()),
        }),
    }
}

/// `spread=FIELD`, `binpack=cpu`, `binpack=memory` or `random`.
pub(crate) fn placement_strategy(text: &str) -> Result<PlacementStrategy, String> {
    let (kind, field) = match text.split_once('=') {
        None if text == "random" => (StrategyType::Random, None),
        Some(("spread", field)) if !field.is_empty() => (StrategyType::Spread, Some(field.to_owned())),
        Some(("binpack", field @ ("cpu" | "memory"))) => (StrategyType::Binpack, Some(field.to_owned())),
        _ => return Err("write spread=FIELD, binpack=cpu, binpack=memory or random".to_owned()),
    };
    Ok(PlacementStrategy { kind: Some(kind), field })
}

/// `NAME[=WEIGHT[,base=N]]`.
pub(crate) fn capacity_provider(text: &str) -> Result<CapacityProviderStrategyItem, String> {
    let (name, share) = text.split_once('=').map_or((text, None), |(name, share)| (name, Some(share)));
    if name.is_empty() || name.contains(',') {
        return Err("write NAME, NAME=WEIGHT or NAME=WEIGHT,base=N".to_owned());
    }
    let number = |text: &str, what: &str, most: i32| match text.parse::<i32>() {
        Ok(number) if (0..=most).contains(&number) => Ok(number),
        _ => Err(format!("{what} is a number from 0 to {most}, not `{text}`")),
    };
    let mut item =
        CapacityProviderStrategyItem { capacity_provider: name.to_owned(), weight: None, base: None };
    if let Some(share) = share {
        let (weight, base) =
            share.split_once(',').map_or((share, None), |(weight, base)| (weight, Some(base)));
        item.weight = Some(number(weight, "the weight", 1_000)?);
        if let Some(base) = base {
            let Some(base) = base.strip_prefix("base=") else {
                return Err(format!("after the weight comes `,base=N`, not `,{base}`"));
            };
            item.base = Some(number(base, "the base", 100_000)?);
        }
    }
    Ok(item)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_providers() {
        let item = |name: &str, weight, base| {
            Ok(CapacityProviderStrategyItem { capacity_provider: name.into(), weight, base })
        };
        assert_eq!(capacity_provider("FARGATE"), item("FARGATE", None, None));
        assert_eq!(capacity_provider("mine=3"), item("mine", Some(3), None));
        assert_eq!(capacity_provider("mine=0,base=2"), item("mine", Some(0), Some(2)));
        for wrong in ["", "=1", "a=", "a=x", "a=-1", "a=1001", "a=1,2", "a=1,base=", "a=1,base=100001", "a,b"]
        {
            assert!(capacity_provider(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn placement() {
        let written =
            |text: &str| serde_json::to_string(&placement_strategy(text)?).map_err(|it| it.to_string());
        assert_eq!(written("random").unwrap(), r#"{"type":"random"}"#);
        assert_eq!(written("binpack=memory").unwrap(), r#"{"type":"binpack","field":"memory"}"#);
        let zone = r#"{"type":"spread","field":"attribute:ecs.availability-zone"}"#;
        assert_eq!(written("spread=attribute:ecs.availability-zone").unwrap(), zone);
        for wrong in ["", "spread", "spread=", "binpack", "binpack=disk", "random=x", "RANDOM"] {
            assert!(placement_strategy(wrong).is_err(), "{wrong}");
        }
        let written = |text: &str| serde_json::to_string(&placement_constraint(text).unwrap()).unwrap();
        assert_eq!(written("distinctInstance"), r#"{"type":"distinctInstance"}"#);
        let expression = r#"{"type":"memberOf","expression":"attribute:a == b"}"#;
        assert_eq!(written("attribute:a == b"), expression);
        assert!(placement_constraint(" ").is_err());
    }

    #[test]
    fn sizes_tags_and_owners() {
        assert_eq!((cpu("0.5 vCPU"), memory("2GB")), (Ok("512".into()), Ok("2048".into())));
        for wrong in ["", "0", "-1", "lots", "1GB"] {
            assert!(cpu(wrong).is_err(), "{wrong}");
        }
        assert_eq!(tag("a=b=c"), Ok(Tag { key: "a".into(), value: Some("b=c".into()) }));
        assert_eq!(tag("a="), Ok(Tag { key: "a".into(), value: Some(String::new()) }));
        assert!(tag("a").is_err() && tag("=b").is_err());
        let longest = "x".repeat(MAX_STARTED_BY);
        assert_eq!(started_by(&longest), Ok(longest.clone()));
        assert!(
            started_by(&(longest + "x")).is_err() && started_by("").is_err() && started_by("a b").is_err()
        );
    }
}
