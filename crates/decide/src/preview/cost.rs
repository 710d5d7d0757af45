//! What an environment costs, as an estimate: tasks on Fargate at its list prices, without load balancers, addresses,
//! traffic and logs.

use longshore_model::network::LaunchType;
use longshore_model::preview::{Policy, ServicePolicy};

/// US dollars for a vCPU and an hour: Linux on x86 in us-east-1, on demand (aws.amazon.com/fargate/pricing, as of March
/// 2026). Other regions differ by some ten percent, and Spot costs less.
const USD_PER_VCPU_HOUR: f64 = 0.040_48;
/// Likewise for a GB of memory and an hour.
const USD_PER_GB_HOUR: f64 = 0.004_445;
/// ECS's units of a vCPU (API reference of RegisterTaskDefinition).
const UNITS_PER_VCPU: f64 = 1024.0;
const MIB_PER_GB: f64 = 1024.0;
const HOURS: f64 = 24.0;

/// US dollars that a day of an environment with all of its tasks costs, or would. `None` when that cannot be told: on
/// instances that run anyway, and where the policy leaves the size to the task definition.
#[must_use]
pub fn usd_per_day(policy: &Policy) -> Option<f64> {
    policy.services.iter().map(service).sum()
}

fn service(service: &ServicePolicy) -> Option<f64> {
    if !is_fargate(service) {
        return None;
    }
    let vcpus = f64::from(service.cpu?) / UNITS_PER_VCPU;
    let gigabytes = f64::from(service.memory?) / MIB_PER_GB;
    let hour = vcpus * USD_PER_VCPU_HOUR + gigabytes * USD_PER_GB_HOUR;
    Some(hour * HOURS * f64::from(service.count))
}

fn is_fargate(service: &ServicePolicy) -> bool {
    let is_fargate = |provider: &str| provider == "FARGATE" || provider == "FARGATE_SPOT";
    match service.launch_type {
        Some(launch_type) => launch_type == LaunchType::Fargate,
        None => {
            let providers = &service.capacity_providers;
            !providers.is_empty() && providers.iter().all(|it| is_fargate(&it.capacity_provider))
        }
    }
}

#[cfg(test)]
mod tests {
    use longshore_model::network::CapacityProviderStrategyItem;

    use super::super::samples::{policy, service as sample};
    use super::*;

    fn fargate(cpu: u32, memory: u32, count: u32) -> ServicePolicy {
        ServicePolicy {
            cpu: Some(cpu),
            memory: Some(memory),
            count,
            launch_type: Some(LaunchType::Fargate),
            ..sample("web")
        }
    }

    fn of(services: Vec<ServicePolicy>) -> Option<f64> {
        usd_per_day(&Policy { services, ..policy() })
    }

    #[test]
    fn tasks_on_fargate_by_size_and_count() {
        // A quarter of a vCPU and half a GB: 0.01234 an hour.
        let small = of(vec![fargate(256, 512, 1)]).unwrap();
        assert!((small - 0.296_22).abs() < 1e-9, "{small}");
        let several = of(vec![fargate(256, 512, 2), fargate(1024, 2048, 1)]).unwrap();
        assert!((several - (2.0 * 0.296_22 + 1.184_88)).abs() < 1e-9, "{several}");
    }

    #[test]
    fn what_cannot_be_told_is_not_guessed() {
        assert_eq!(of(vec![fargate(256, 512, 1), sample("api")]), None);
        let instances = ServicePolicy { launch_type: Some(LaunchType::Ec2), ..fargate(256, 512, 1) };
        assert_eq!(of(vec![instances]), None);
        assert_eq!(of(vec![ServicePolicy { cpu: None, ..fargate(256, 512, 1) }]), None);
    }

    #[test]
    fn spot_counts_as_fargate_and_other_providers_do_not() {
        let with = |names: &[&str]| {
            let item = |name: &&str| CapacityProviderStrategyItem {
                capacity_provider: (*name).to_owned(),
                weight: None,
                base: None,
            };
            let capacity_providers = names.iter().map(item).collect();
            of(vec![ServicePolicy { launch_type: None, capacity_providers, ..fargate(256, 512, 1) }])
        };
        assert!(with(&["FARGATE", "FARGATE_SPOT"]).is_some());
        assert_eq!(with(&["FARGATE", "mine"]), None);
        assert_eq!(with(&[]), None);
    }
}
