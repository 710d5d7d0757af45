//! From what a request says about placement to what the placer works with, or ECS's refusal of it.

use longshore_model::placement::{ConstraintType, PlacementConstraint, PlacementStrategy, StrategyType};
use longshore_model::task_definition::TaskDefinitionPlacementConstraint;

use super::{Constraint, Strategy};
use crate::expression::Expression;
use crate::fault::Fault;

/// ECS's limit on one request or task definition.
const MAX_CONSTRAINTS: usize = 10;

/// ECS's limit on one request.
const MAX_STRATEGIES: usize = 5;

/// The placementConstraints of RunTask and of services.
pub fn constraints(given: &[PlacementConstraint]) -> Result<Vec<Constraint>, Fault> {
    if given.len() > MAX_CONSTRAINTS {
        return Err(Fault::invalid(too_many_constraints()));
    }
    given.iter().map(constraint).collect()
}

fn constraint(given: &PlacementConstraint) -> Result<Constraint, Fault> {
    match (given.kind, &given.expression) {
        (None, _) => Err(Fault::invalid("Placement constraint type cannot be null.")),
        (Some(ConstraintType::DistinctInstance), None) => Ok(Constraint::DistinctInstance),
        (Some(ConstraintType::DistinctInstance), Some(_)) => {
            Err(Fault::invalid("distinctInstance expression should not be specified."))
        }
        (Some(ConstraintType::MemberOf), expression) => {
            member_of(expression.as_deref()).map_err(Fault::invalid)
        }
    }
}

/// The placementConstraints of a task definition, where ECS speaks of a ClientException.
pub fn definition_constraints(given: &[TaskDefinitionPlacementConstraint]) -> Result<Vec<Constraint>, Fault> {
    if given.len() > MAX_CONSTRAINTS {
        return Err(Fault::client(too_many_constraints()));
    }
    let constraint = |given: &TaskDefinitionPlacementConstraint| match given.kind.as_deref() {
        Some(kind) if kind == ConstraintType::MemberOf.as_str() => {
            member_of(given.expression.as_deref()).map_err(Fault::client)
        }
        Some(kind) => Err(Fault::client(format!("constraint.type '{kind}' is not supported."))),
        None => Err(Fault::client("constraint.type should not be null or empty.")),
    };
    given.iter().map(constraint).collect()
}

/// The filter of ListContainerInstances.
pub fn filter(text: &str) -> Result<Expression, Fault> {
    Expression::parse(text)
        .map_err(|error| Fault::invalid(format!("Invalid filter expression '{text}': {error}.")))
}

/// The placementStrategy of RunTask and of services.
pub fn strategy(given: &[PlacementStrategy]) -> Result<Vec<Strategy>, Fault> {
    if given.len() > MAX_STRATEGIES {
        return Err(Fault::invalid(format!("Maximum number of strategies is {MAX_STRATEGIES}")));
    }
    let mut strategies = Vec::with_capacity(given.len());
    for one in given {
        let parsed = one_strategy(one)?;
        if strategies.contains(&parsed) {
            let kind = one.kind.map_or("", StrategyType::as_str);
            let field = one.field.as_deref().map(|field| format!(" on field '{field}'")).unwrap_or_default();
            return Err(Fault::invalid(format!(
                "Placement strategy '{kind}'{field} is specified more than once."
            )));
        }
        strategies.push(parsed);
    }
    Ok(strategies)
}

fn one_strategy(given: &PlacementStrategy) -> Result<Strategy, Fault> {
    let Some(kind) = given.kind else {
        return Err(Fault::invalid("Placement strategy type cannot be null."));
    };
    let field = given.field.as_deref().unwrap_or_default();
    match kind {
        // "For the random placement strategy, this field is not used."
        StrategyType::Random => Ok(Strategy::Random),
        StrategyType::Binpack if field.eq_ignore_ascii_case("cpu") => Ok(Strategy::BinpackCpu),
        StrategyType::Binpack if field.eq_ignore_ascii_case("memory") => Ok(Strategy::BinpackMemory),
        StrategyType::Spread if matches!(field, "instanceId" | "host") => Ok(Strategy::SpreadInstances),
        StrategyType::Spread => match field.strip_prefix("attribute:") {
            Some(name) if !name.is_empty() => Ok(Strategy::SpreadAttribute(name.to_owned())),
            _ => Err(unknown_field(kind, field)),
        },
        StrategyType::Binpack => Err(unknown_field(kind, field)),
    }
}

fn unknown_field(kind: StrategyType, field: &str) -> Fault {
    let known =
        if kind == StrategyType::Binpack { "cpu and memory" } else { "instanceId, host and attribute:NAME" };
    Fault::invalid(format!(
        "Invalid field '{field}' for placement strategy '{kind}'. Valid fields are {known}."
    ))
}

fn too_many_constraints() -> String {
    format!("Maximum number of constraints is {MAX_CONSTRAINTS}")
}

/// A memberOf constraint, or the sentence for what is wrong with it.
fn member_of(expression: Option<&str>) -> Result<Constraint, String> {
    let text = expression.filter(|text| !text.trim().is_empty());
    let text = text.ok_or("memberOf expression should be specified.")?;
    let parsed = Expression::parse(text);
    let parsed = parsed.map_err(|error| format!("constraint.expression '{text}' is not valid: {error}."))?;
    Ok(Constraint::MemberOf(parsed))
}
