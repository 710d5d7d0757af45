//! From a task's definition to what a runtime is asked for: directories, secrets, environment, log streams.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use longshore_ecs::{ContainerRef, Event, Report, TaskView};
use longshore_model::container_definition::ContainerDefinition;
use longshore_model::network::NetworkMode;
use longshore_model::task_definition::{TaskDefinition, Volume};

use super::{container_key, task_key};
use crate::beside::environment;
use crate::clock::now;
use crate::engine::Engine;
use crate::output::LogTarget;
use crate::runtime::{ContainerPlan, Started, TaskKey, TaskPlan};
use crate::world::World;

/// A task as it was when a step of it was carried out.
struct Snapshot {
    cluster: String,
    definition: Arc<TaskDefinition>,
    task: Arc<TaskView>,
    on_fargate: bool,
}

impl Snapshot {
    fn of(world: &World, id: &str) -> Option<Self> {
        let cloud = world.cloud();
        let launch = cloud.launch(id)?;
        Some(Self {
            cluster: launch.cluster.to_owned(),
            definition: Arc::clone(launch.definition),
            task: Arc::clone(launch.task),
            on_fargate: launch.on_fargate,
        })
    }

    fn container(&self, name: &str) -> Option<&ContainerDefinition> {
        self.definition.spec.container_definitions.iter().find(|container| container.name == name)
    }

    fn plan(&self, engine: &Engine, key: &TaskKey) -> std::io::Result<TaskPlan> {
        let spec = &self.definition.spec;
        let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse().ok());
        let mut directories = BTreeMap::new();
        for volume in spec.volumes.iter().flatten() {
            if let (Some(name), Some(path)) = (&volume.name, directory(engine.directory(), key, volume)) {
                make_open_directory(&path)?;
                directories.insert(name.clone(), path);
            }
        }
        Ok(TaskPlan {
            key: key.clone(),
            cluster: self.cluster.clone(),
            definition: Arc::clone(&self.definition),
            network_mode: spec.network_mode.unwrap_or(NetworkMode::Bridge),
            directories,
            cpu: number(&spec.cpu),
            memory_mib: number(&spec.memory),
        })
    }
}

/// Where a volume is a directory of ours: an empty one for the task, or one that stands for a shared file system.
fn directory(state: &Path, key: &TaskKey, volume: &Volume) -> Option<PathBuf> {
    let name = volume.name.as_deref()?;
    if let Some(efs) = &volume.efs_volume_configuration {
        let point = efs.authorization_config.as_ref().and_then(|it| it.access_point_id.as_deref());
        let root = point.or(efs.root_directory.as_deref()).unwrap_or("");
        return Some(inside(&state.join("efs"), &[&efs.file_system_id, root]));
    }
    if let Some(files) = &volume.s3_files_volume_configuration {
        let id = longshore_model::arn::last_part(&files.file_system_arn);
        let root = files.root_directory.as_deref().unwrap_or("");
        return Some(inside(&state.join("s3files"), &[id, root]));
    }
    let elsewhere = volume.docker_volume_configuration.is_some()
        || volume.fsx_windows_file_server_volume_configuration.is_some()
        || volume.host.as_ref().is_some_and(|host| host.source_path.is_some());
    (!elsewhere).then(|| inside(&task_directory(state, key), &[name]))
}

/// A path below `base`, whatever the parts say: only their plain names count.
fn inside(base: &Path, parts: &[&str]) -> PathBuf {
    let names = parts.iter().flat_map(|part| Path::new(part).components());
    let plain = names.filter(|name| matches!(name, Component::Normal(_)));
    plain.fold(base.to_owned(), |path, name| path.join(name))
}

fn task_directory(state: &Path, key: &TaskKey) -> PathBuf {
    state.join("volumes").join(&key.region).join(&key.task)
}

/// Containers run as whatever user their image names; the state directory above is closed to other users.
fn make_open_directory(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs_err::create_dir_all(path)?;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o777))
}

pub(super) fn remove_directories(engine: &Engine, key: &TaskKey) {
    let path = task_directory(engine.directory(), key);
    match fs_err::remove_dir_all(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(%error, "a task's volumes stay behind"),
    }
}

/// Makes a task ready and reports it.
pub(super) async fn prepare(engine: &Arc<Engine>, world: &Arc<World>, key: &TaskKey) {
    let Some(snapshot) = Snapshot::of(world, &key.task) else { return };
    let report = match prepare_parts(engine, world, key, &snapshot).await {
        Ok(report) => report,
        Err(reason) => Report::PrepareFailed { reason },
    };
    drop(world.step(Event::Task(key.task.clone(), report), now()));
}

async fn prepare_parts(
    engine: &Arc<Engine>,
    world: &Arc<World>,
    key: &TaskKey,
    snapshot: &Snapshot,
) -> Result<Report, String> {
    for container in &snapshot.definition.spec.container_definitions {
        // What cannot be resolved fails the task before any container starts; the values are fetched again then.
        variables(engine, world, container)?;
        if snapshot.on_fargate {
            check_log_group(engine, world, container)?;
        }
    }
    let plan = snapshot.plan(engine, key).map_err(|error| format!("CannotCreateVolumeError: {error}"))?;
    let prepared = engine.runtime.prepare(&plan).await.map_err(|error| error.to_string())?;
    Ok(Report::Prepared { ip: prepared.ip, digests: prepared.digests.into_iter().collect() })
}

/// Fargate checks a container's log configuration before it starts anything.
fn check_log_group(
    engine: &Arc<Engine>,
    world: &Arc<World>,
    container: &ContainerDefinition,
) -> Result<(), String> {
    let prefix = "ResourceInitializationError: failed to validate logger args";
    let target = LogTarget::of(container).map_err(|why| format!("{prefix}: {why}"))?;
    let Some(target) = target.filter(|target| !target.create_group) else { return Ok(()) };
    let logs = engine.world_of_logs(world, &target);
    if logs.logs.has_group(&target.group) {
        return Ok(());
    }
    Err(format!(
        "{prefix}: create stream has been retried 1 times: failed to create Cloudwatch log stream: \
         ResourceNotFoundException: The specified log group does not exist. : exit status 1"
    ))
}

/// A container's environment files, variables and secrets, later ones over earlier ones.
fn variables(
    engine: &Engine,
    world: &World,
    container: &ContainerDefinition,
) -> Result<BTreeMap<String, String>, String> {
    let mut all = BTreeMap::new();
    for file in container.environment_files.iter().flatten() {
        all.extend(environment::read_env_file(engine.directory(), &file.value)?);
    }
    for pair in container.environment.iter().flatten() {
        if let Some(name) = &pair.name {
            all.insert(name.clone(), pair.value.clone().unwrap_or_default());
        }
    }
    let secrets = container.secrets.as_deref().unwrap_or_default();
    all.extend(environment::resolve(secrets, &world.parameters, &world.secrets)?);
    Ok(all)
}

/// Starts a container and reports it.
pub(super) async fn start(engine: Arc<Engine>, world: Arc<World>, of: ContainerRef) {
    let report = match start_parts(&engine, &world, &of).await {
        Ok(started) => Report::Started { runtime_id: started.runtime_id, bindings: started.bindings },
        Err(reason) => {
            engine.output.close(&container_key(&world.scope, &of));
            Report::StartFailed { reason }
        }
    };
    drop(world.step(Event::Container(of, report), now()));
}

async fn start_parts(engine: &Arc<Engine>, world: &Arc<World>, of: &ContainerRef) -> Result<Started, String> {
    let gone = || "CannotStartContainerError: the task is gone".to_owned();
    let snapshot = Snapshot::of(world, &of.task).ok_or_else(gone)?;
    let definition = snapshot.container(&of.container).ok_or_else(gone)?.clone();
    let key = container_key(&world.scope, of);
    let mut environment = variables(engine, world, &definition)?;
    environment.extend(engine.own_variables(&key, &snapshot.task, snapshot.on_fargate));
    let named = open_output(engine, world, &key, &definition).await?;
    let task_key = task_key(&world.scope, &of.task);
    let task =
        snapshot.plan(engine, &task_key).map_err(|error| format!("CannotCreateVolumeError: {error}"))?;
    let plan = ContainerPlan { key: key.clone(), task: Arc::new(task), definition, environment };
    let started = engine.runtime.start(plan).await.map_err(|error| error.to_string())?;
    if let Some((logs, target)) = named {
        // Without a prefix the stream is named after the runtime's id, which is known only now.
        let name = started.runtime_id.clone();
        match logs.logs.ensure_stream(&target.group, &name, target.create_group, now()).await {
            Ok(()) => engine.output.name(&key, name),
            Err(refusal) => tracing::warn!(?refusal.message, "a container's output is lost"),
        }
    }
    Ok(started)
}

/// Opens the container's log stream; gives what is still to be named, if it is.
async fn open_output(
    engine: &Arc<Engine>,
    world: &Arc<World>,
    key: &crate::runtime::ContainerKey,
    definition: &ContainerDefinition,
) -> Result<Option<(Arc<World>, LogTarget)>, String> {
    let prefix = "CannotStartContainerError: Error response from daemon: failed to initialize logging driver";
    let Some(target) = LogTarget::of(definition).map_err(|why| format!("{prefix}: {why}"))? else {
        return Ok(None);
    };
    let logs = engine.world_of_logs(world, &target);
    let Some(name) = target.stream(key) else {
        engine.output.open(key.clone(), Arc::clone(&logs), target.clone(), None);
        return Ok(Some((logs, target)));
    };
    let made = logs.logs.ensure_stream(&target.group, &name, target.create_group, now()).await;
    made.map_err(|refusal| {
        let message = refusal.message.unwrap_or_default();
        format!("{prefix}: failed to create Cloudwatch log stream: {}: {message}", refusal.code)
    })?;
    engine.output.open(key.clone(), logs, target, Some(name));
    Ok(None)
}

/// Takes up the output of a container that was found again after a restart.
pub(crate) async fn reopen(engine: &Arc<Engine>, world: &Arc<World>, of: &ContainerRef, runtime_id: &str) {
    let Some(snapshot) = Snapshot::of(world, &of.task) else { return };
    let Some(definition) = snapshot.container(&of.container).cloned() else { return };
    let key = container_key(&world.scope, of);
    engine.metadata_token(&key, &snapshot.task);
    if let Ok(Some(_)) = open_output(engine, world, &key, &definition).await {
        engine.output.name(&key, runtime_id.to_owned());
    }
}

/// Runs a container's health check and reports it.
pub(super) async fn check(engine: Arc<Engine>, world: Arc<World>, of: ContainerRef) {
    let snapshot = Snapshot::of(&world, &of.task);
    let check = snapshot.as_ref().and_then(|it| it.container(&of.container)?.health_check.clone());
    let Some(check) = check else { return };
    let timeout = Duration::from_secs(check.timeout.and_then(|it| u64::try_from(it).ok()).unwrap_or(5));
    let key = container_key(&world.scope, &of);
    let healthy = engine.runtime.check(&key, &check.command, timeout).await;
    drop(world.step(Event::Container(of, Report::Checked { healthy }), now()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_from_outside_leads_out_of_its_directory() {
        let base = Path::new("/state/efs");
        assert_eq!(inside(base, &["fs-1", "/data/../../../etc"]), Path::new("/state/efs/fs-1/data/etc"));
        assert_eq!(inside(base, &["..", "/"]), base);
    }
}
