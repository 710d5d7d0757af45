//! The size of the task and of its containers: units, bounds, and which must not exceed which.

use longshore_model::container_definition::ContainerDefinition;
use longshore_model::task_definition::TaskSpec;

use super::checks::{Checked, at_least, refuse_if};
use crate::fault::Fault;

const CPU_UNITS_PER_VCPU: u64 = 1024;
const MIB_PER_GB: u64 = 1024;
/// An eighth of a vCPU to 192 of them.
const TASK_CPU_UNITS: std::ops::RangeInclusive<u64> = 128..=196_608;
/// What Docker itself needs for a container; daemons of today want 6, but ECS leaves that to them.
const MIN_CONTAINER_MEMORY_MIB: i32 = 4;
/// More digits than any size has, few enough that no product overflows.
const MAX_DIGITS: usize = 9;

/// Turns `0.25 vCPU` into `256` and `0.5 GB` into `512`.
pub(super) fn normalise(mut spec: TaskSpec) -> Result<TaskSpec, Fault> {
    if let Some(cpu) = &spec.cpu {
        let units = parse(cpu, "vcpu", CPU_UNITS_PER_VCPU).filter(|units| TASK_CPU_UNITS.contains(units));
        spec.cpu = Some(units.ok_or_else(|| invalid("cpu"))?.to_string());
    }
    if let Some(memory) = &spec.memory {
        let mib = parse(memory, "gb", MIB_PER_GB).filter(|mib| *mib > 0);
        spec.memory = Some(mib.ok_or_else(|| invalid("memory"))?.to_string());
    }
    Ok(spec)
}

/// Every container has a memory limit from somewhere, and none exceeds the task.
pub(super) fn check(spec: &TaskSpec) -> Checked {
    let (task_cpu, task_memory) = (units(spec.cpu.as_deref()), units(spec.memory.as_deref()));
    for container in &spec.container_definitions {
        check_memory(container, task_memory)?;
        at_least(container.cpu, 0, "cpu", &container.name)?;
    }
    let total: i64 =
        spec.container_definitions.iter().map(|container| i64::from(container.cpu.unwrap_or(0))).sum();
    refuse_if(task_cpu.is_some_and(|task| total > task), || {
        "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.".to_owned()
    })
}

/// A size that is a plain number already.
pub(super) fn units(size: Option<&str>) -> Option<i64> {
    size.and_then(|size| size.parse().ok())
}

fn check_memory(container: &ContainerDefinition, task_memory: Option<i64>) -> Checked {
    let name = &container.name;
    refuse_if(
        container.memory.is_none() && container.memory_reservation.is_none() && task_memory.is_none(),
        || {
            format!(
                "Invalid setting for container '{name}'. At least one of 'memory' or 'memoryReservation' must be specified."
            )
        },
    )?;
    let settings = [("memory", container.memory), ("memoryReservation", container.memory_reservation)];
    for (member, value) in settings {
        at_least(value, MIN_CONTAINER_MEMORY_MIB, member, name)?;
    }
    refuse_if(
        container.memory.zip(container.memory_reservation).is_some_and(|(hard, soft)| soft > hard),
        || {
            format!(
                "Invalid setting for container '{name}'. 'memory' must be greater than or equal to 'memoryReservation'."
            )
        },
    )?;
    for (member, value) in settings {
        refuse_if(value.map(i64::from).zip(task_memory).is_some_and(|(value, task)| value > task), || {
            format!("The '{member}' setting for container '{name}' is greater than for the task.")
        })?;
    }
    Ok(())
}

fn invalid(member: &str) -> Fault {
    Fault::client(format!(
        "Invalid '{member}' setting for task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
    ))
}

/// A number of the small unit, or a decimal number and the word of the large one, in any case and with or without a space.
fn parse(text: &str, large_unit: &str, small_per_large: u64) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    match text.strip_suffix(large_unit) {
        None => digits(&text),
        Some(number) => {
            let number = number.trim_end();
            let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
            let scale =
                10_u64.pow(u32::try_from(fraction.len()).ok().filter(|_| fraction.len() <= MAX_DIGITS)?);
            let whole = if whole.is_empty() && !fraction.is_empty() { 0 } else { digits(whole)? };
            let fraction = if fraction.is_empty() { 0 } else { digits(fraction)? };
            Some(whole * small_per_large + fraction * small_per_large / scale)
        }
    }
}

fn digits(text: &str) -> Option<u64> {
    let fits = !text.is_empty() && text.len() <= MAX_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_both_units() {
        let cases = [
            ("256", Some(256)),
            ("0256", Some(256)),
            ("0.25 vCPU", Some(256)),
            (".25 vcpu", Some(256)),
            ("1vCPU", Some(1024)),
            ("1 VCPU", Some(1024)),
            ("2. vCPU", Some(2048)),
            ("16 vCPU", Some(16_384)),
            ("vCPU", None),
            (". vCPU", None),
            ("", None),
            ("$CPU", None),
            ("-1", None),
            ("1.5", None),
            ("1e3", None),
            ("1 GB", None),
            ("99999999999999999999", None),
            ("0.99999999999999999999 vCPU", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text, "vcpu", CPU_UNITS_PER_VCPU), expected, "{text}");
        }
        for (text, expected) in [("512", 512), (".5 GB", 512), ("0.5GB", 512), ("1GB", 1024), ("3 gb", 3072)]
        {
            assert_eq!(parse(text, "gb", MIB_PER_GB), Some(expected), "{text}");
        }
    }
}
