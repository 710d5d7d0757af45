//! Why a task found no place: the instance that it would fit on best, and what is missing there.

use longshore_model::seen::{Failure, Instance, TaskDefinition};

/// The instances that had too little, each once, at most as many as one call describes.
pub(crate) fn too_small(failures: &[Failure]) -> Vec<String> {
    const MOST: usize = 100;
    let resource = failures.iter().filter(|failure| failure.reason.starts_with("RESOURCE"));
    let mut arns: Vec<String> = resource.filter_map(|failure| failure.arn.clone()).collect();
    arns.sort();
    arns.dedup();
    arns.truncate(MOST);
    arns
}

/// One sentence about the instance that lacks least of what a task needs. `None` when none lacks CPU or memory.
pub(crate) fn nearest_fit(definition: &TaskDefinition, instances: &[Instance]) -> Option<String> {
    let lacks = |needs: i64, free: i64| (needs - free).max(0);
    let share = |lacks: i64, needs: i64| lacks.saturating_mul(1000) / needs.max(1);
    let worst = |instance: &&Instance| {
        let cpu = share(lacks(definition.cpu, instance.free_cpu), definition.cpu);
        let memory = share(lacks(definition.memory, instance.free_memory), definition.memory);
        cpu.max(memory)
    };
    let nearest = instances.iter().min_by_key(worst)?;
    let mut words = Vec::new();
    if nearest.free_cpu < definition.cpu {
        words.push(format!("{} of {} CPU units", nearest.free_cpu.max(0), definition.cpu));
    }
    if nearest.free_memory < definition.memory {
        words.push(format!("{} of {} MiB", nearest.free_memory.max(0), definition.memory));
    }
    let id = nearest.arn.rsplit('/').next().unwrap_or_default();
    (!words.is_empty()).then(|| format!("the nearest fit, instance {id}, has {} free", words.join(" and ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instance_that_lacks_least_is_named_with_what_it_lacks() {
        let definition = TaskDefinition { cpu: 256, memory: 1024, ..TaskDefinition::default() };
        let instance = |id: &str, free_cpu, free_memory| Instance {
            arn: format!("arn:aws:ecs:r:1:container-instance/c/{id}"),
            free_cpu,
            free_memory,
        };
        let cases = [
            (vec![], None),
            (vec![instance("a", 0, 4096), instance("b", 1024, 512)], Some(("b", "512 of 1024 MiB"))),
            (vec![instance("a", 128, 512)], Some(("a", "128 of 256 CPU units and 512 of 1024 MiB"))),
            (vec![instance("a", -5, 4096)], Some(("a", "0 of 256 CPU units"))),
            // A port is what is missing here.
            (vec![instance("a", 1024, 4096)], None),
        ];
        for (instances, expected) in cases {
            let expected =
                expected.map(|(id, words)| format!("the nearest fit, instance {id}, has {words} free"));
            assert_eq!(nearest_fit(&definition, &instances), expected);
        }
    }

    #[test]
    fn only_instances_with_too_little_are_asked_about() {
        let failure =
            |reason: &str, arn: &str| Failure { reason: reason.into(), arn: Some(arn.into()), detail: None };
        let failures =
            [failure("RESOURCE:CPU", "b"), failure("ATTRIBUTE", "c"), failure("RESOURCE:MEMORY", "a")];
        assert_eq!(too_small(&failures), ["a", "b"]);
    }
}
