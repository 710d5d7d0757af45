//! The private directory of a container: its working directory and home, with its volumes as links.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};

use longshore_model::container_definition::{ContainerDefinition, MountPoint};
use longshore_model::task_definition::Volume;

use crate::runtime::{StartError, TaskPlan};

/// Where the task's own volumes are, beside its containers: a container's name has no dot.
const TASK_VOLUMES: &str = ".volumes";

/// The directories of all tasks, in the engine's state.
#[derive(Debug, Clone)]
pub(super) struct Files {
    state: PathBuf,
}

/// What a container found in its private directory.
#[derive(Debug)]
pub(super) struct Home {
    /// The private directory.
    pub(super) private: PathBuf,
    /// Where the command runs.
    pub(super) working: PathBuf,
    /// `LONGSHORE_VOLUME_NAME`, by volume.
    pub(super) volumes: BTreeMap<String, String>,
}

impl Files {
    /// Below the engine's state directory.
    pub(super) fn new(state: &Path) -> Self {
        Self { state: state.to_owned() }
    }

    /// Makes a task's directory.
    pub(super) fn add_task(&self, task: &str) -> io::Result<()> {
        make_private(&self.task(task))
    }

    /// Makes a container's directory, with its volumes; a second start of the container finds what the first left.
    pub(super) fn add_container(
        &self,
        plan: &TaskPlan,
        definition: &ContainerDefinition,
    ) -> Result<Home, StartError> {
        let private = self.task(&plan.key.task).join(&definition.name);
        let failed = |what: &str, error: &io::Error| {
            let name = &definition.name;
            StartError(format!(
                "CannotCreateContainerError: cannot make {what} of container \"{name}\": {error}"
            ))
        };
        make_private(&private).map_err(|error| failed("the directory", &error))?;
        let mut volumes = BTreeMap::new();
        for mount in mounts(plan, definition) {
            let Some(name) = mount.source_volume.as_deref() else { continue };
            let what = format!("volume \"{name}\"");
            let directory = self.volume(plan, name).map_err(|error| failed(&what, &error))?;
            if let Some(inside) = mount.container_path.as_deref().and_then(|path| below(&private, path)) {
                link(&private, &inside, &directory).map_err(|error| failed(&what, &error))?;
            }
            volumes.insert(variable(name), directory.display().to_string());
        }
        let working = working_directory(&private, definition.working_directory.as_deref())
            .map_err(|error| failed("the working directory", &error))?;
        Ok(Home { private, working, volumes })
    }

    /// Removes a task's directory. Volumes that outlive the task are only linked from it.
    pub(super) fn remove_task(&self, task: &str) {
        remove(&self.task(task));
    }

    /// Removes the directories of all tasks: those that an earlier engine left.
    pub(super) fn remove_tasks(&self) {
        remove(&self.state.join("tasks"));
    }

    fn task(&self, task: &str) -> PathBuf {
        self.state.join("tasks").join(task)
    }

    /// The directory that is a volume: the plan's, the host's, or one made for a volume of Docker's.
    fn volume(&self, plan: &TaskPlan, name: &str) -> io::Result<PathBuf> {
        if let Some(directory) = plan.directories.get(name) {
            return Ok(directory.clone());
        }
        let volumes = plan.definition.spec.volumes.as_deref().unwrap_or_default();
        let volume = volumes.iter().find(|volume| volume.name.as_deref() == Some(name));
        let directory = match volume {
            Some(Volume { host: Some(host), .. }) if host.source_path.is_some() => {
                PathBuf::from(host.source_path.as_deref().unwrap_or_default())
            }
            Some(Volume { docker_volume_configuration: Some(docker), .. })
                if docker.scope.as_deref() == Some("shared") =>
            {
                self.state.join("volumes").join(name)
            }
            _ => self.task(&plan.key.task).join(TASK_VOLUMES).join(name),
        };
        fs_err::create_dir_all(&directory)?;
        Ok(directory)
    }
}

/// The container's mount points and those of the containers whose volumes it takes over.
fn mounts<'plan>(
    plan: &'plan TaskPlan,
    definition: &'plan ContainerDefinition,
) -> impl Iterator<Item = &'plan MountPoint> {
    let others = definition.volumes_from.iter().flatten().filter_map(|from| {
        let name = from.source_container.as_deref()?;
        plan.definition.spec.container_definitions.iter().find(|other| other.name == name)
    });
    std::iter::once(definition).chain(others).flat_map(|container| container.mount_points.iter().flatten())
}

/// A path of the container, inside its private directory; none for the root.
fn below(private: &Path, path: &str) -> Option<PathBuf> {
    let parts = Path::new(path).components().filter(|part| matches!(part, Component::Normal(_)));
    let inside: PathBuf = parts.collect();
    (!inside.as_os_str().is_empty()).then(|| private.join(inside))
}

/// Puts a link to a volume where the container expects it, unless that would be inside another volume.
fn link(private: &Path, inside: &Path, volume: &Path) -> io::Result<()> {
    let Some(parent) = inside.parent() else { return Ok(()) };
    let mut between = inside.ancestors().skip(1).take_while(|ancestor| *ancestor != private);
    let is_inside_a_volume = between.any(Path::is_symlink);
    if is_inside_a_volume || inside.is_symlink() {
        return Ok(());
    }
    fs_err::create_dir_all(parent)?;
    match fs_err::os::unix::fs::symlink(volume, inside) {
        // A mount over a directory that an outer path needs: only the variable tells of it.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        outcome => outcome,
    }
}

/// A path that a volume of the container has, else one of this machine, else one made in the private directory.
fn working_directory(private: &Path, wanted: Option<&str>) -> io::Result<PathBuf> {
    let Some(wanted) = wanted else { return Ok(private.to_owned()) };
    let inside = below(private, wanted).unwrap_or_else(|| private.to_owned());
    let host = Path::new(wanted);
    if inside != private && inside.is_dir() {
        return Ok(inside);
    }
    if host.is_absolute() && host.is_dir() {
        return Ok(host.to_owned());
    }
    fs_err::create_dir_all(&inside)?;
    Ok(inside)
}

/// `data-1` becomes `LONGSHORE_VOLUME_DATA_1`.
fn variable(volume: &str) -> String {
    let name = volume.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' });
    format!("LONGSHORE_VOLUME_{}", name.collect::<String>().to_ascii_uppercase())
}

fn make_private(directory: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", directory.display())))
}

fn remove(directory: &Path) {
    match fs_err::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, "a task's directory could not be removed");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_a_container_stay_in_its_directory() {
        let inside = |path| below(Path::new("/p"), path);
        assert_eq!(inside("/var/lib/data"), Some(PathBuf::from("/p/var/lib/data")));
        assert_eq!(inside("/../../etc"), Some(PathBuf::from("/p/etc")));
        assert_eq!(inside("data"), Some(PathBuf::from("/p/data")));
        assert_eq!(inside("/"), None);
    }

    #[test]
    fn volumes_are_links_and_no_link_is_made_inside_a_volume() {
        let (private, volume) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let link = |path| link(private.path(), &below(private.path(), path).unwrap(), volume.path());
        link("/data/deep").unwrap();
        link("/data/deep/inner").unwrap();
        link("/data").unwrap();
        link("/data/deep").unwrap();
        assert_eq!(fs_err::read_link(private.path().join("data/deep")).unwrap(), volume.path());
        assert_eq!(fs_err::read_dir(volume.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_working_directory_is_a_volume_or_the_host_s_or_made() {
        let (private, host) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let working = |wanted| working_directory(private.path(), wanted).unwrap();
        let wanted = host.path().display().to_string();
        assert_eq!(working(None), private.path());
        assert_eq!(working(Some(&wanted)), host.path());
        assert_eq!(working(Some("/no/such/app")), private.path().join("no/such/app"));
        assert!(private.path().join("no/such/app").is_dir());
        assert_eq!(working(Some("/no")), private.path().join("no"));
    }

    #[test]
    fn variables_of_volumes_are_upper_case_words() {
        assert_eq!(variable("data-1_x"), "LONGSHORE_VOLUME_DATA_1_X");
    }
}
