//! What a container's definition means for a program of this machine: which one, with which arguments, as whom.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use longshore_model::container_definition::ContainerDefinition;
use rustix::fs::Access;
use rustix::process::{getegid, geteuid};

use crate::runtime::StartError;

/// The words of a container's command line: its own, else those that longshore.toml gives for its image.
pub(super) fn words(
    definition: &ContainerDefinition,
    commands: &BTreeMap<String, Vec<String>>,
) -> Result<Vec<String>, StartError> {
    let own = [&definition.entry_point, &definition.command];
    let own: Vec<String> = own.into_iter().flatten().flatten().cloned().collect();
    if !own.is_empty() {
        return Ok(own);
    }
    let image = &definition.image;
    let found = [image.as_str(), repository(image)].into_iter().find_map(|name| commands.get(name));
    found.filter(|words| !words.is_empty()).cloned().ok_or_else(|| {
        StartError(format!(
            "CannotStartContainerError: container \"{}\" has neither entryPoint nor command, and the process runtime \
             has no images: it cannot know what {image} would run. Give the container a command, or write in \
             longshore.toml under [engine.process.commands]: \"{}\" = [\"program\", \"argument\"]",
            definition.name,
            repository(image)
        ))
    })
}

/// An image reference without its tag and digest. A colon before a slash is a registry's port.
fn repository(image: &str) -> &str {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    }
}

/// Where a program is: found on `path` as a shell would, or, when its name has a slash, from `directory`.
pub(super) fn locate(program: &str, path: &str, directory: &Path) -> Result<PathBuf, StartError> {
    let candidates: Vec<PathBuf> = if program.contains('/') {
        vec![directory.join(program)]
    } else {
        path.split(':').map(|place| directory.join(place).join(program)).collect()
    };
    if let Some(found) = candidates.iter().find(|candidate| is_executable(candidate)) {
        return Ok(found.clone());
    }
    let is_there = |candidate: &&PathBuf| candidate.is_file();
    Err(StartError(match candidates.iter().find(is_there) {
        Some(file) => {
            format!("CannotStartContainerError: exec: \"{program}\": permission denied: {}", file.display())
        }
        None if program.contains('/') => format!(
            "CannotStartContainerError: exec: \"{program}\": no such file: the process runtime runs programs of this \
             machine, and there is no {}",
            directory.join(program).display()
        ),
        None => format!(
            "CannotStartContainerError: exec: \"{program}\": executable file not found in $PATH: the process runtime \
             runs programs of this machine, and PATH is {path}"
        ),
    }))
}

fn is_executable(file: &Path) -> bool {
    file.is_file() && rustix::fs::access(file, Access::EXEC_OK).is_ok()
}

/// Refuses a `user` other than the engine's own: another one would need root, and to run as somebody else than
/// asked would be a lie.
pub(super) fn check_user(definition: &ContainerDefinition) -> Result<(), StartError> {
    let Some(wanted) = definition.user.as_deref().filter(|user| !user.is_empty()) else { return Ok(()) };
    let database = |file: &str| fs_err::read_to_string(file).unwrap_or_default();
    let (user, group) = wanted.split_once(':').map_or((wanted, None), |(user, group)| (user, Some(group)));
    let is_user = is_id(user, geteuid().as_raw(), &database("/etc/passwd"));
    let is_group = group.is_none_or(|group| is_id(group, getegid().as_raw(), &database("/etc/group")));
    if is_user && is_group {
        return Ok(());
    }
    Err(StartError(format!(
        "CannotStartContainerError: container \"{}\" asks for user \"{wanted}\", and the process runtime runs every \
         container as the engine's own user ({}:{}); leave out `user`, or run the engine as that user",
        definition.name,
        geteuid().as_raw(),
        getegid().as_raw()
    )))
}

/// Whether a number, or a name in the database (lines of `name:x:number:...`), is this id.
fn is_id(wanted: &str, id: u32, database: &str) -> bool {
    let is_named = |line: &str| {
        let mut fields = line.split(':');
        fields.next() == Some(wanted) && fields.nth(1).and_then(|number| number.parse().ok()) == Some(id)
    };
    wanted.parse() == Ok(id) || database.lines().any(is_named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(image: &str, entry_point: &[&str], command: &[&str]) -> ContainerDefinition {
        let owned = |words: &[&str]| {
            (!words.is_empty()).then(|| words.iter().map(|word| (*word).to_owned()).collect())
        };
        ContainerDefinition {
            name: "web".to_owned(),
            image: image.to_owned(),
            entry_point: owned(entry_point),
            command: owned(command),
            ..ContainerDefinition::default()
        }
    }

    #[test]
    fn the_entry_point_comes_before_the_command() {
        let none = BTreeMap::new();
        assert_eq!(words(&container("i", &["sh", "-c"], &["true"]), &none).unwrap(), ["sh", "-c", "true"]);
        assert_eq!(words(&container("i", &[], &["true"]), &none).unwrap(), ["true"]);
        assert_eq!(words(&container("i", &["true"], &[]), &none).unwrap(), ["true"]);
    }

    #[test]
    fn an_image_s_command_is_looked_up_with_and_without_its_tag() {
        let commands = [("nginx", "any"), ("nginx:1.27", "exact"), ("localhost:5000/app", "port")];
        let commands =
            commands.into_iter().map(|(image, word)| (image.to_owned(), vec![word.to_owned()])).collect();
        for (image, word) in [
            ("nginx", "any"),
            ("nginx:latest", "any"),
            ("nginx@sha256:00", "any"),
            ("nginx:1.28@sha256:00", "any"),
            ("nginx:1.27", "exact"),
            ("localhost:5000/app", "port"),
            ("localhost:5000/app:v1", "port"),
        ] {
            assert_eq!(words(&container(image, &[], &[]), &commands).unwrap(), [word], "{image}");
        }
    }

    #[test]
    fn without_a_command_the_error_says_what_to_write() {
        let error = words(&container("redis:7", &[], &[]), &BTreeMap::new()).unwrap_err().0;
        assert_eq!(
            error,
            "CannotStartContainerError: container \"web\" has neither entryPoint nor command, and the process \
             runtime has no images: it cannot know what redis:7 would run. Give the container a command, or write \
             in longshore.toml under [engine.process.commands]: \"redis\" = [\"program\", \"argument\"]"
        );
    }

    #[test]
    fn programs_are_found_as_a_shell_finds_them() {
        let home = tempfile::tempdir().unwrap();
        fs_err::write(home.path().join("notes"), "not a program").unwrap();
        let find = |program, path| locate(program, path, home.path());
        assert_eq!(find("sh", "/nowhere:/bin").unwrap(), Path::new("/bin/sh"));
        assert_eq!(find("/bin/sh", "").unwrap(), Path::new("/bin/sh"));
        let missing = find("no-such-program", "/usr/bin:/bin").unwrap_err().0;
        assert!(
            missing.contains("\"no-such-program\"") && missing.ends_with("PATH is /usr/bin:/bin"),
            "{missing}"
        );
        assert!(find("./notes", "").unwrap_err().0.contains("permission denied"));
        assert!(find("./nothing", "").unwrap_err().0.contains("there is no"));
    }

    #[test]
    fn users_are_known_by_name_and_number() {
        let database = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n";
        assert!(is_id("0", 0, database) && is_id("root", 0, database) && is_id("app", 1000, database));
        assert!(!is_id("app", 0, database) && !is_id("nobody", 0, database) && !is_id("1000", 0, database));
    }

    #[test]
    fn another_user_is_refused() {
        let as_user = |user: &str| {
            check_user(&ContainerDefinition { user: Some(user.to_owned()), ..container("i", &[], &[]) })
        };
        let (user, group) = (geteuid().as_raw(), getegid().as_raw());
        assert!(as_user(&format!("{user}:{group}")).is_ok() && as_user("").is_ok());
        assert!(
            as_user("nobody-of-that-name").unwrap_err().0.contains("asks for user \"nobody-of-that-name\"")
        );
    }
}
