//! The rules for volumes and for what containers mount.

use longshore_model::container_definition::ContainerDefinition;
use longshore_model::task_definition::{EfsVolume, TaskSpec, Volume};

use super::checks::{Checked, each, is_name, not_blank, one_of, refuse_if, repeated};

const SWITCH: &[&str] = &["ENABLED", "DISABLED"];

/// Each volume by itself, and that mounts and volumes know each other.
pub(super) fn check(spec: &TaskSpec) -> Checked {
    let volumes = || each(spec.volumes.as_ref());
    volumes().try_for_each(check_volume)?;
    refuse_if(repeated(volumes().map(|volume| &volume.name)).is_some(), || {
        "Volume names must be unique within a task definition".to_owned()
    })?;
    for container in &spec.container_definitions {
        for mount in each(container.mount_points.as_ref()) {
            let name = mount.source_volume.as_deref().unwrap_or_default();
            not_blank(name, "MountPoint.sourceVolume")?;
            refuse_if(!volumes().any(|volume| volume.name.as_deref() == Some(name)), || {
                format!("Unknown volume '{name}'.")
            })?;
            not_blank(mount.container_path.as_deref().unwrap_or_default(), "MountPoint.containerPath")?;
        }
        check_volumes_from(container, &spec.container_definitions)?;
    }
    check_launch_volumes(spec)
}

fn check_volume(volume: &Volume) -> Checked {
    let name = volume.name.as_deref().unwrap_or_default();
    not_blank(name, "Volume.name")?;
    refuse_if(!is_name(name), || "Volume.name contains invalid characters.".to_owned())?;
    let host_path = volume.host.as_ref().and_then(|host| host.source_path.as_deref());
    let kinds = [
        host_path.is_some(),
        volume.docker_volume_configuration.is_some(),
        volume.efs_volume_configuration.is_some(),
        volume.s3_files_volume_configuration.is_some(),
        volume.fsx_windows_file_server_volume_configuration.is_some(),
        volume.configured_at_launch == Some(true),
    ];
    refuse_if(kinds.into_iter().filter(|given| *given).count() > 1, || {
        format!("Only one volume configuration can be specified for volume '{name}'.")
    })?;
    refuse_if(host_path.is_some_and(|path| path.trim().is_empty()), || {
        "host.sourcePath should not be blank.".to_owned()
    })?;
    if let Some(docker) = &volume.docker_volume_configuration {
        one_of(docker.scope.as_deref(), "dockerVolumeConfiguration.scope", &["task", "shared"])?;
    }
    if let Some(fsx) = &volume.fsx_windows_file_server_volume_configuration {
        not_blank(&fsx.file_system_id, "FSxWindowsFileServerVolumeConfiguration.fileSystemId")?;
        not_blank(&fsx.root_directory, "FSxWindowsFileServerVolumeConfiguration.rootDirectory")?;
    }
    if let Some(files) = &volume.s3_files_volume_configuration {
        not_blank(&files.file_system_arn, "S3FilesVolumeConfiguration.fileSystemArn")?;
    }
    volume.efs_volume_configuration.as_ref().map_or(Ok(()), check_efs)
}

fn check_efs(efs: &EfsVolume) -> Checked {
    not_blank(&efs.file_system_id, "EFSVolumeConfiguration.fileSystemId")?;
    one_of(efs.transit_encryption.as_deref(), "transitEncryption", SWITCH)?;
    let is_encrypted = efs.transit_encryption.as_deref() == Some("ENABLED");
    refuse_if(efs.transit_encryption_port.is_some() && !is_encrypted, || {
        "TransitEncryptionPort requires that TransitEncryption is enabled.".to_owned()
    })?;
    let Some(authorization) = &efs.authorization_config else { return Ok(()) };
    one_of(authorization.iam.as_deref(), "authorizationConfig.iam", SWITCH)?;
    refuse_if(authorization.iam.as_deref() == Some("ENABLED") && !is_encrypted, || {
        "EFS IAM authorization requires TransitEncryption to be enabled.".to_owned()
    })?;
    let is_root = efs.root_directory.as_deref().is_none_or(|directory| directory == "/");
    refuse_if(authorization.access_point_id.is_some() && !is_root, || {
        "When using an EFS access point, the root directory must either be set to \"/\" or be omitted."
            .to_owned()
    })
}

fn check_volumes_from(container: &ContainerDefinition, all: &[ContainerDefinition]) -> Checked {
    each(container.volumes_from.as_ref()).try_for_each(|from| {
        let source = from.source_container.as_deref().unwrap_or_default();
        refuse_if(!all.iter().any(|other| other.name == source), || {
            format!("Invalid 'volumesFrom' setting. Unknown container: '{source}'.")
        })
    })
}

/// A volume that RunTask is to configure must be there for somebody, and there may be only one.
fn check_launch_volumes(spec: &TaskSpec) -> Checked {
    let at_launch: Vec<_> = each(spec.volumes.as_ref())
        .filter(|volume| volume.configured_at_launch == Some(true))
        .filter_map(|volume| volume.name.as_deref())
        .collect();
    refuse_if(at_launch.len() > 1, || {
        "Only one volume can be configured at launch in a task definition.".to_owned()
    })?;
    let is_mounted = |name: &str| {
        spec.container_definitions
            .iter()
            .flat_map(|container| each(container.mount_points.as_ref()))
            .any(|mount| mount.source_volume.as_deref() == Some(name))
    };
    let unused: Vec<_> = at_launch.into_iter().filter(|name| !is_mounted(name)).collect();
    refuse_if(!unused.is_empty(), || {
        format!("Volumes [{}] are not referenced by any of the containers", unused.join(", "))
    })
}
