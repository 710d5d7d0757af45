//! Volumes: directories and Docker's own, and where a container sees them.

use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::{ListVolumesOptionsBuilder, RemoveVolumeOptions};
use longshore_model::container_definition::MountPoint;
use longshore_model::task_definition::{DockerVolume, Volume};

use super::words::{CREATE_VOLUME, is_absent};
use super::{Daemon, label};
use crate::runtime::{StartError, TaskKey, TaskPlan};

impl Daemon {
    /// Makes the task's Docker volumes.
    pub(super) async fn make_volumes(&self, plan: &TaskPlan) -> Result<(), StartError> {
        for (name, volume) in docker_volumes(plan) {
            if is_shared(volume) && volume.autoprovision != Some(true) {
                self.docker.inspect_volume(name).await.map_err(|error| CREATE_VOLUME.failed(&error))?;
                continue;
            }
            let mut labels: std::collections::HashMap<_, _> =
                volume.labels.clone().unwrap_or_default().into_iter().collect();
            if !is_shared(volume) {
                labels.extend(label::of_task(&self.engine, &plan.key));
            }
            let request = VolumeCreateRequest {
                name: Some(docker_name(&plan.key, name, volume)),
                driver: volume.driver.clone(),
                driver_opts: volume.driver_opts.clone().map(|options| options.into_iter().collect()),
                labels: Some(labels),
                ..Default::default()
            };
            let patient = self.docker.clone().with_timeout(CREATE_VOLUME.limit);
            patient.create_volume(request).await.map_err(|error| CREATE_VOLUME.failed(&error))?;
        }
        Ok(())
    }

    /// Removes the volumes that carry these labels and whose task `remove` names.
    pub(super) async fn remove_volumes(&self, labels: &[(&str, &str)], remove: impl Fn(&TaskKey) -> bool) {
        let options = ListVolumesOptionsBuilder::new().filters(&label::filter(labels)).build();
        let listed = match self.docker.list_volumes(Some(options)).await {
            Ok(listed) => listed.volumes.unwrap_or_default(),
            Err(error) => return tracing::warn!(%error, "cannot list volumes"),
        };
        for volume in
            listed.iter().filter(|volume| label::task_key(&volume.labels).is_some_and(|key| remove(&key)))
        {
            match self.docker.remove_volume(&volume.name, None::<RemoveVolumeOptions>).await {
                Err(error) if !is_absent(&error) => {
                    tracing::warn!(volume = volume.name, %error, "cannot remove a volume");
                }
                _ => {}
            }
        }
    }
}

/// A container's mount points in Docker's form: `SOURCE:PATH[:ro]`.
pub(super) fn binds(plan: &TaskPlan, mounts: &[MountPoint]) -> Result<Vec<String>, StartError> {
    let bind = |mount: &MountPoint| {
        let name = mount.source_volume.as_deref().unwrap_or_default();
        let source = source(plan, name)
            .ok_or_else(|| StartError(format!("InvalidVolumeError: Invalid volume referenced: {name}")))?;
        let path = mount.container_path.as_deref().unwrap_or_default();
        Ok(format!("{source}:{path}{}", if mount.read_only == Some(true) { ":ro" } else { "" }))
    };
    mounts.iter().map(bind).collect()
}

/// What a volume of the task is to Docker: a directory of the host, or a volume's name.
fn source(plan: &TaskPlan, name: &str) -> Option<String> {
    if let Some(directory) = plan.directories.get(name) {
        return Some(directory.display().to_string());
    }
    let volume = volumes(plan).find(|volume| volume.name.as_deref() == Some(name))?;
    if let Some(docker) = &volume.docker_volume_configuration {
        return Some(docker_name(&plan.key, name, docker));
    }
    volume.host.as_ref()?.source_path.clone()
}

fn volumes(plan: &TaskPlan) -> impl Iterator<Item = &Volume> {
    plan.definition.spec.volumes.iter().flatten()
}

fn docker_volumes(plan: &TaskPlan) -> impl Iterator<Item = (&str, &DockerVolume)> {
    volumes(plan)
        .filter_map(|volume| Some((volume.name.as_deref()?, volume.docker_volume_configuration.as_ref()?)))
}

fn is_shared(volume: &DockerVolume) -> bool {
    volume.scope.as_deref() == Some("shared")
}

/// A shared volume goes by its own name, as others must find it; one of the task by a name of the task.
fn docker_name(task: &TaskKey, name: &str, volume: &DockerVolume) -> String {
    if is_shared(volume) { name.to_owned() } else { label::volume_name(task, name) }
}
