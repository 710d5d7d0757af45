//! Whether a role may be assumed by ECS's tasks.

use serde_json::Value;

/// The services that assume the roles of tasks. China's partition takes the first of them, too.
const TASKS: [&str; 2] = ["ecs-tasks.amazonaws.com", "ecs-tasks.amazonaws.com.cn"];

/// What a trust policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    Yes,
    No,
    /// It is written with `NotPrincipal` or `NotAction`, or is no policy.
    Unclear,
}

/// Judges a trust policy. Conditions are not judged: a statement with one counts where it allows, and not where it denies.
pub(super) fn trust(policy: &str) -> Trust {
    let Ok(policy) = serde_json::from_str::<Value>(policy) else { return Trust::Unclear };
    let Some(statements) = policy.get("Statement").map(several) else { return Trust::Unclear };
    let unclear =
        statements.iter().any(|it| it.get("NotPrincipal").is_some() || it.get("NotAction").is_some());
    let about_us = |it: &&&Value| is_for_tasks(it) && is_about_assuming(it);
    let says = |effect: &str, it: &Value| it.get("Effect").is_some_and(|word| word == effect);
    let mut ours = statements.iter().filter(about_us);
    if ours.clone().any(|it| says("Deny", it) && it.get("Condition").is_none()) {
        return Trust::No;
    }
    match (ours.any(|it| says("Allow", it)), unclear) {
        (_, true) => Trust::Unclear,
        (true, false) => Trust::Yes,
        (false, false) => Trust::No,
    }
}

fn is_for_tasks(statement: &Value) -> bool {
    let Some(principal) = statement.get("Principal") else { return false };
    let names = |member: &str| principal.get(member).map(several).unwrap_or_default();
    principal == "*"
        || names("AWS").iter().any(|name| *name == "*")
        || names("Service").iter().any(|name| TASKS.iter().any(|known| *name == known))
}

fn is_about_assuming(statement: &Value) -> bool {
    let actions = statement.get("Action").map(several).unwrap_or_default();
    actions.iter().filter_map(|action| action.as_str()).any(|action| {
        let action = action.to_ascii_lowercase();
        match action.strip_suffix('*') {
            Some(beginning) => "sts:assumerole".starts_with(beginning),
            None => action == "sts:assumerole",
        }
    })
}

/// One value, or a list of them.
fn several(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn policies_in_all_their_shapes() {
        let allow = |principal: Value, action: Value| json!({"Effect": "Allow", "Principal": principal, "Action": action});
        let ecs = || json!({"Service": "ecs-tasks.amazonaws.com"});
        let usual = || allow(ecs(), json!("sts:AssumeRole"));
        let deny = |condition: bool| {
            let mut it = usual();
            it["Effect"] = json!("Deny");
            if condition {
                it["Condition"] = json!({"Bool": {"aws:SecureTransport": "false"}});
            }
            it
        };
        let cases = [
            (json!([usual()]), Trust::Yes),
            (usual(), Trust::Yes),
            (
                allow(
                    json!({"Service": ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]}),
                    json!(["sts:TagSession", "sts:*"]),
                ),
                Trust::Yes,
            ),
            (allow(json!("*"), json!("*")), Trust::Yes),
            (allow(json!({"AWS": ["arn:aws:iam::1:root", "*"]}), json!("STS:assume*")), Trust::Yes),
            (allow(json!({"Service": "ec2.amazonaws.com"}), json!("sts:AssumeRole")), Trust::No),
            (allow(json!({"AWS": "arn:aws:iam::1:root"}), json!("sts:AssumeRole")), Trust::No),
            (allow(ecs(), json!("sts:AssumeRoleWithSAML")), Trust::No),
            (allow(ecs(), json!("ecs:*")), Trust::No),
            (json!([usual(), deny(false)]), Trust::No),
            (json!([usual(), deny(true)]), Trust::Yes),
            (json!([]), Trust::No),
            (
                json!([{"Effect": "Allow", "NotPrincipal": {"AWS": "x"}, "Action": "sts:AssumeRole"}]),
                Trust::Unclear,
            ),
        ];
        for (statement, expected) in cases {
            let policy = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
            assert_eq!(trust(&policy), expected, "{policy}");
        }
        assert_eq!((trust("{}"), trust("%7B")), (Trust::Unclear, Trust::Unclear));
    }
}
