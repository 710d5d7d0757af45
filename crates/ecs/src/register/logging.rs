//! The rules for where a container's output goes, FireLens among them.

use longshore_model::container_definition::{ContainerDefinition, LogConfiguration};

use super::checks::{Checked, one_of, refuse_if};

/// The driver that hands the output to the task's FireLens container.
pub(super) const FIRELENS: &str = "awsfirelens";
/// The driver for CloudWatch Logs.
pub(super) const AWSLOGS: &str = "awslogs";

const DRIVERS: &[&str] = &["json-file", "syslog", "journald", "gelf", "fluentd", AWSLOGS, "splunk", FIRELENS];
const REQUIRED_BY_AWSLOGS: &[&str] = &["awslogs-region", "awslogs-group"];

/// The driver is known and has the options without which it can't work.
pub(super) fn check(container: &ContainerDefinition) -> Checked {
    let Some(log) = &container.log_configuration else { return Ok(()) };
    one_of(Some(&log.log_driver), "logDriver", DRIVERS)?;
    if log.log_driver != AWSLOGS {
        return Ok(());
    }
    let missing: Vec<_> = REQUIRED_BY_AWSLOGS.iter().copied().filter(|name| !has_option(log, name)).collect();
    refuse_if(!missing.is_empty(), || format!("Log driver awslogs requires options: {}", missing.join(", ")))
}

/// A router and containers that use it: both or neither.
pub(super) fn check_firelens(containers: &[ContainerDefinition]) -> Checked {
    let routers: Vec<_> =
        containers.iter().filter_map(|container| container.firelens_configuration.as_ref()).collect();
    for router in &routers {
        one_of(Some(&router.kind), "firelensConfiguration.type", &["fluentd", "fluentbit"])?;
        let file_type = router.options.as_ref().and_then(|options| options.get("config-file-type"));
        one_of(file_type.map(String::as_str), "config-file-type", &["file", "s3"])?;
    }
    refuse_if(routers.len() > 1, || {
        "Only one container can have a firelensConfiguration object.".to_owned()
    })?;
    let used = containers.iter().any(|container| driver(container) == Some(FIRELENS));
    refuse_if(used && routers.is_empty(), || {
        "When awsfirelens log driver is specified in log configuration, a firelens configuration object must be configured in one of the containers.".to_owned()
    })?;
    refuse_if(!used && !routers.is_empty(), || {
        "When a firelensConfiguration object is specified, at least one container has to be configured with the awsfirelens log driver".to_owned()
    })
}

/// The log driver that the container names.
pub(super) fn driver(container: &ContainerDefinition) -> Option<&str> {
    container.log_configuration.as_ref().map(|log| log.log_driver.as_str())
}

/// Whether an option is given, in the open or as a secret.
pub(super) fn has_option(log: &LogConfiguration, name: &str) -> bool {
    log.options.as_ref().is_some_and(|options| options.contains_key(name))
        || log.secret_options.iter().flatten().any(|secret| secret.name == name)
}
