//! The sentences that hold after each round, whatever went wrong: written apart from what decides.

use longshore_decide::preview::environment::{Action, Look, Plan, Seen};
use longshore_model::preview::{Moment, Route};
use longshore_model::tag::Tag;

use crate::fake::Aws;
use crate::world::World;

fn has_gap(seen: &Seen) -> bool {
    fn gap<T>(look: &Look<T>) -> bool {
        matches!(look, Look::Gap(_))
    }
    gap(&seen.services)
        || gap(&seen.tasks)
        || gap(&seen.stopped)
        || gap(&seen.task_definitions)
        || gap(&seen.like)
        || gap(&seen.balancer)
        || gap(&seen.target_health)
        || gap(&seen.revisions)
}

/// Whether an action takes something away from what there is.
pub(crate) fn harms(aws: &Aws, record: &longshore_model::preview::Environment, action: &Action) -> bool {
    match action {
        Action::UpdateService(index, input) => {
            let service = aws.services.get(&record.names.services[*index]);
            service.is_some_and(|service| input["desiredCount"].as_i64().unwrap() < service.desired)
        }
        Action::DeleteService { .. }
        | Action::DeleteRule(_)
        | Action::DeleteListener(_)
        | Action::DeleteTargetGroup(_)
        | Action::Deregister(_) => true,
        _ => false,
    }
}

/// Whether something carries the environment's tags.
pub(crate) fn is_ours(tags: &[Tag]) -> bool {
    let has =
        |key: &str, value: &str| tags.iter().any(|tag| tag.key == key && tag.value.as_deref() == Some(value));
    has("longshore:environment", "x.shop") && has("longshore:repository", "octo/shop")
}

/// All that is not ours.
pub(crate) fn foreign(aws: &Aws) -> Aws {
    let mut aws = aws.clone();
    aws.services.retain(|_, service| !is_ours(&service.tags));
    aws.target_groups.retain(|_, (_, tags)| !is_ours(tags));
    aws.listeners.retain(|_, (_, tags)| !is_ours(tags));
    aws.rules.retain(|_, (.., tags)| !is_ours(tags));
    aws.revisions.retain(|_, image| image == "theirs");
    Aws {
        services: aws.services,
        target_groups: aws.target_groups,
        listeners: aws.listeners,
        rules: aws.rules,
        revisions: aws.revisions,
        ..Aws::default()
    }
}

/// What must hold of a plan, before it is carried out.
pub(crate) fn round(world: &World, seen: &Seen, plan: &Plan) {
    if has_gap(seen) {
        assert!(!plan.forget, "forgotten on a gap: {plan:#?}");
        assert!(!plan.record.waiting.is_empty(), "nobody says that there is a gap");
        for action in &plan.actions {
            assert!(!harms(&world.aws, &plan.record, action), "harm on a gap: {action:?}");
        }
    }
    if plan.forget {
        let left = left_over(&world.aws);
        assert!(left.is_empty(), "forgotten with {left:?}");
    }
    let words: Vec<&String> = plan.record.progress.intents.iter().map(|intent| &intent.what).collect();
    assert!(plan.actions.len() <= words.len(), "an action without its intent");
    let settled = plan.record.progress.steady && !plan.forget;
    if !settled
        && !plan.forget
        && plan.actions.is_empty()
        && plan.hooks.is_empty()
        && !plan.record.progress.steady
    {
        assert!(plan.look_again_at.is_some(), "nobody looks again: {plan:#?}");
    }
    for notice in &plan.notices {
        if matches!(notice.moment, Moment::Ready | Moment::Updated) {
            announced(world, plan);
            assert!(notice.url.is_some(), "ready, but where?");
        }
    }
    if let Some(Some(site)) = &plan.site {
        let active = site.active.iter().flatten();
        let revisions: Vec<&String> = active
            .filter_map(|(arn, _)| world.aws.tasks.iter().find(|task| task.arn == *arn))
            .map(|task| &world.aws.revisions[&task.task_definition_arn])
            .collect();
        assert!(revisions.windows(2).all(|pair| pair[0] == pair[1]), "two revisions answer: {revisions:?}");
    }
}

/// What is announced answers: as many tasks as wished, of this revision, healthy.
fn announced(world: &World, plan: &Plan) {
    let deployed = plan.record.progress.deployed.as_ref().expect("announced and not deployed");
    for (index, policy) in world.policy.services.iter().enumerate() {
        let of = &deployed.task_definitions[index];
        assert!(world.aws.revisions[of].ends_with(&deployed.revision.sha), "another image");
        let healthy = world.aws.tasks.iter().filter(|task| task.task_definition_arn == *of);
        let healthy = healthy.filter(|task| world.healthy.contains(&task.arn)).count();
        assert!(healthy >= usize::try_from(policy.count).unwrap(), "announced with {healthy} healthy tasks");
    }
    if matches!(world.policy.route, Route::Port { .. }) {
        let port = plan.record.progress.resources.port;
        let listens = world.aws.listeners.values().any(|(known, tags)| Some(*known) == port && is_ours(tags));
        assert!(listens, "announced port {port:?} and nobody listens");
    }
    let hooks = &plan.record.progress.hooks;
    let well = hooks.values().all(|run| run.state == longshore_model::preview::HookState::Done);
    assert!(well, "announced before its hooks: {hooks:?}");
}

/// What of ours there is still.
pub(crate) fn left_over(aws: &Aws) -> Vec<String> {
    let services =
        aws.services.iter().filter(|(_, service)| service.status != "INACTIVE" && is_ours(&service.tags));
    let services = services.map(|(name, _)| name.clone());
    let groups =
        aws.target_groups.iter().filter(|(_, (_, tags))| is_ours(tags)).map(|(name, _)| name.clone());
    let listeners = aws.listeners.iter().filter(|(_, (_, tags))| is_ours(tags)).map(|(arn, _)| arn.clone());
    let rules = aws.rules.iter().filter(|(_, (.., tags))| is_ours(tags)).map(|(arn, _)| arn.clone());
    let revisions = aws.revisions.iter().filter(|(_, image)| *image != "theirs").map(|(arn, _)| arn.clone());
    services.chain(groups).chain(listeners).chain(rules).chain(revisions).collect()
}
