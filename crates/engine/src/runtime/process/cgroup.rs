//! Memory and CPU limits by control groups, version 2 or version 1, where this process may make some.
//!
//! Each task has a group (for its own size) and in it one for each start of a container:
//! `longshore-ENGINE/TASK/CONTAINER.ATTEMPT`, below the group that the engine itself is in.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::control::Membership;

/// Where version 1's controllers, or version 2, are mounted.
const MOUNT: &str = "/sys/fs/cgroup";

/// The period of the CPU quota, as Docker has it.
const QUOTA_PERIOD_US: u64 = 100_000;

/// The least quota that the kernel takes.
const QUOTA_MIN_US: u64 = 1000;

/// The least CPU shares that the kernel takes; ECS gives them to a container without `cpu`.
const SHARES_MIN: u32 = 2;

/// How often a group that is busy is tried again, and how long after.
const REMOVE_TRIES: usize = 200;
const REMOVE_PAUSE: Duration = Duration::from_millis(5);

/// What a task, or a container, may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Limits {
    /// It is killed above this.
    pub(super) memory_mib: Option<u32>,
    /// CPU units that are a share under contention.
    pub(super) cpu_shares: Option<u32>,
    /// CPU units that are a cap.
    pub(super) cpu_cap: Option<u32>,
}

/// The control groups of one engine.
#[derive(Debug)]
pub(super) struct Cgroups {
    hierarchies: Vec<Hierarchy>,
}

/// One tree of groups. Version 1 has one for each controller.
#[derive(Debug)]
struct Hierarchy {
    /// The engine's own directory in it.
    base: PathBuf,
    /// To this file a process writes `0` to be in the engine's own group.
    leave: PathBuf,
    version: Version,
    has_memory: bool,
    has_cpu: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl Version {
    /// The file that takes members. Version 1 has one for threads, and a thread that moves only itself need not wait
    /// until the kernel has stopped all forks (some 10 ms): what it forks is born in the group.
    const fn members(self) -> &'static str {
        match self {
            Self::One => "tasks",
            Self::Two => "cgroup.procs",
        }
    }
}

impl Cgroups {
    /// Finds out where groups can be made, by making the engine's own; says why if nowhere.
    pub(super) fn detect(engine: &str) -> Result<Self, String> {
        let own = fs_err::read_to_string("/proc/self/cgroup").map_err(|error| error.to_string())?;
        let name = format!("longshore-{engine}");
        let mut refusals = Vec::new();
        let mut found = Vec::new();
        for (controller, group) in own.lines().filter_map(membership) {
            let hierarchy = match controller {
                "" => version_2(group, &name),
                "memory" | "cpu" | "cpu,cpuacct" => version_1(controller, group, &name),
                _ => continue,
            };
            match hierarchy {
                Ok(hierarchy) => found.push(hierarchy),
                Err(reason) => refusals.push(reason),
            }
        }
        match refusals.into_iter().next() {
            Some(reason) if found.is_empty() => Err(reason),
            None if found.is_empty() => Err("the kernel has none".to_owned()),
            _ => Ok(Self { hierarchies: found }),
        }
    }

    /// What is limited, and where, in one sentence.
    pub(super) fn describe(&self) -> String {
        let has = |is_it: fn(&Hierarchy) -> bool| self.hierarchies.iter().any(is_it);
        match (has(|hierarchy| hierarchy.has_memory), has(|hierarchy| hierarchy.has_cpu)) {
            (true, true) => "memory and CPU limits are kept by control groups",
            (true, false) => "memory limits are kept by control groups, CPU limits are not",
            (false, true) => "CPU limits are kept by control groups, memory limits are not",
            (false, false) => "memory and CPU limits are not kept",
        }
        .to_owned()
    }

    /// Makes a task's group. One that exists is fine.
    pub(super) fn add_task(&self, task: &str, limits: Limits) -> io::Result<()> {
        for hierarchy in &self.hierarchies {
            let group = hierarchy.base.join(task);
            hierarchy.set_up(&group, limits)?;
            hierarchy.delegate(&group)?;
        }
        Ok(())
    }

    /// Makes a container's group in its task's. `start` tells one start of a container from another.
    pub(super) fn add_container(
        &self,
        task: &str,
        start: &str,
        limits: Limits,
    ) -> io::Result<Vec<Membership>> {
        let mut memberships = Vec::new();
        for hierarchy in &self.hierarchies {
            let group = hierarchy.base.join(task).join(start);
            hierarchy.set_up(&group, limits)?;
            let join = group.join(hierarchy.version.members());
            memberships.push(Membership { join, leave: hierarchy.leave.clone() });
        }
        Ok(memberships)
    }

    /// Whether the kernel killed something of a container because memory ran out.
    pub(super) fn ran_out_of_memory(&self, task: &str, start: &str) -> bool {
        self.memory_file(task, start, "memory.oom_control", "memory.events")
            .is_some_and(|text| oom_kills(&text) > 0)
    }

    /// Bytes that a container uses.
    pub(super) fn memory_used(&self, task: &str, start: &str) -> Option<u64> {
        self.memory_file(task, start, "memory.usage_in_bytes", "memory.current")?.trim().parse().ok()
    }

    /// Removes the group of a container that has ended.
    pub(super) fn remove_container(&self, task: &str, start: &str) {
        for hierarchy in &self.hierarchies {
            remove(&hierarchy.base.join(task).join(start));
        }
    }

    /// Removes a task's group and those of its containers.
    pub(super) fn remove_task(&self, task: &str) {
        for hierarchy in &self.hierarchies {
            remove_with_children(&hierarchy.base.join(task));
        }
    }

    /// Removes all groups of tasks: those that an earlier engine left.
    pub(super) fn remove_tasks(&self) {
        for hierarchy in &self.hierarchies {
            directories(&hierarchy.base).iter().for_each(|task| remove_with_children(task));
        }
    }

    /// Removes everything, the engine's own group too.
    pub(super) fn remove_all(&self) {
        self.remove_tasks();
        self.hierarchies.iter().for_each(|hierarchy| remove(&hierarchy.base));
    }

    fn memory_file(&self, task: &str, start: &str, one: &str, two: &str) -> Option<String> {
        let hierarchy = self.hierarchies.iter().find(|hierarchy| hierarchy.has_memory)?;
        let file = if hierarchy.version == Version::One { one } else { two };
        fs_err::read_to_string(hierarchy.base.join(task).join(start).join(file)).ok()
    }
}

impl Hierarchy {
    fn set_up(&self, group: &Path, limits: Limits) -> io::Result<()> {
        make(group)?;
        for (file, value, is_needed) in self.settings(limits) {
            match fs_err::write(group.join(file), value) {
                Err(error) if is_needed => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Files, what to write, and whether it must succeed: a kernel without swap accounting has no limit for it.
    fn settings(&self, limits: Limits) -> Vec<(&'static str, String, bool)> {
        let mut settings = Vec::new();
        if let (true, Some(mib)) = (self.has_memory, limits.memory_mib) {
            let bytes = (u64::from(mib) * 1024 * 1024).to_string();
            match self.version {
                Version::One => {
                    settings.push(("memory.limit_in_bytes", bytes.clone(), true));
                    settings.push(("memory.memsw.limit_in_bytes", bytes, false));
                }
                Version::Two => {
                    settings.push(("memory.max", bytes, true));
                    settings.push(("memory.swap.max", "0".to_owned(), false));
                }
            }
        }
        if let (true, Some(shares)) = (self.has_cpu, limits.cpu_shares) {
            let shares = shares.max(SHARES_MIN);
            settings.push(match self.version {
                Version::One => ("cpu.shares", shares.to_string(), true),
                Version::Two => ("cpu.weight", weight(shares).to_string(), true),
            });
        }
        if let (true, Some(units)) = (self.has_cpu, limits.cpu_cap) {
            let quota = (u64::from(units) * QUOTA_PERIOD_US / 1024).max(QUOTA_MIN_US);
            settings.push(match self.version {
                Version::One => ("cpu.cfs_quota_us", quota.to_string(), true),
                Version::Two => ("cpu.max", format!("{quota} {QUOTA_PERIOD_US}"), true),
            });
        }
        settings
    }

    /// Lets the children of a group have limits: in version 2 each level must say so.
    fn delegate(&self, group: &Path) -> io::Result<()> {
        match self.version {
            Version::One => Ok(()),
            Version::Two => fs_err::write(group.join("cgroup.subtree_control"), "+memory +cpu"),
        }
    }
}

/// Makes a group. One that exists is fine.
fn make(group: &Path) -> io::Result<()> {
    match fs_err::create_dir(group) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        outcome => outcome,
    }
}

/// The controllers (none: version 2) and the group of a line of /proc/self/cgroup.
fn membership(line: &str) -> Option<(&str, &str)> {
    line.split_once(':')?.1.split_once(':')
}

fn version_1(controller: &str, group: &str, name: &str) -> Result<Hierarchy, String> {
    let mount = Path::new(MOUNT).join(controller);
    let own = mount.join(group.trim_start_matches('/'));
    // In a container without a namespace for control groups, the path is one of the host's and not to be seen.
    let own = if own.is_dir() { own } else { mount };
    let hierarchy = Hierarchy {
        base: own.join(name),
        leave: own.join(Version::One.members()),
        version: Version::One,
        has_memory: controller == "memory",
        has_cpu: controller != "memory",
    };
    // What is no control group must not be taken for one: a directory can be made nearly anywhere.
    fs_err::metadata(&hierarchy.leave)
        .and_then(|_| make(&hierarchy.base))
        .map_err(|error| error.to_string())?;
    Ok(hierarchy)
}

/// In version 2 a group that has processes can have no groups with limits below it. So the engine's groups are made
/// below the nearest ancestor of its own group where that works: at best in the part of the tree that systemd
/// delegates to a user's session, and in the root group, which is exempt.
fn version_2(group: &str, name: &str) -> Result<Hierarchy, String> {
    let mount = Path::new(MOUNT);
    let own = mount.join(group.trim_start_matches('/'));
    let own = if own.is_dir() { own } else { mount.to_owned() };
    let leave = own.join(Version::Two.members());
    let mut refusal = String::new();
    for ancestor in own.ancestors().take_while(|ancestor| ancestor.starts_with(mount)) {
        let base = ancestor.join(name);
        let hierarchy =
            Hierarchy { base, leave: leave.clone(), version: Version::Two, has_memory: true, has_cpu: true };
        match hierarchy.found_below(ancestor) {
            Ok(()) => return Ok(hierarchy),
            Err(error) => refusal = error.to_string(),
        }
    }
    Err(refusal)
}

impl Hierarchy {
    fn found_below(&self, ancestor: &Path) -> io::Result<()> {
        // To move a process, one must be allowed to write to the common ancestor's file, too.
        fs_err::OpenOptions::new().write(true).open(ancestor.join(self.version.members()))?;
        let enabled = fs_err::read_to_string(ancestor.join("cgroup.subtree_control"))?;
        if !["memory", "cpu"]
            .iter()
            .all(|controller| enabled.split_whitespace().any(|word| word == *controller))
        {
            self.delegate(ancestor)?;
        }
        make(&self.base)?;
        self.delegate(&self.base)
    }
}

/// Version 2's weight (1-10000) for version 1's shares (2-262144), as Docker converts it.
fn weight(shares: u32) -> u32 {
    1 + shares.clamp(SHARES_MIN, 262_144).saturating_sub(SHARES_MIN).saturating_mul(9999) / 262_142
}

/// The `oom_kill` counter of version 2's memory.events and version 1's memory.oom_control.
fn oom_kills(text: &str) -> u64 {
    let count = text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok());
    count.unwrap_or(0)
}

fn directories(of: &Path) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(of).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

fn remove_with_children(group: &Path) {
    directories(group).iter().for_each(|child| remove(child));
    remove(group);
}

/// Removes a group. Its last processes may have been waited for and yet be leaving it, and a health check may be
/// dying in it: the kernel calls it busy then, and tells nobody when it is not. One that stays goes with the next
/// engine's start.
fn remove(group: &Path) {
    for _ in 0..REMOVE_TRIES {
        match fs_err::remove_dir(group) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => std::thread::sleep(REMOVE_PAUSE),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return tracing::warn!(%error, "a control group could not be removed");
            }
            _ => return,
        }
    }
    tracing::warn!(group = %group.display(), "a control group is still in use");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hierarchy(version: Version) -> Hierarchy {
        let (base, leave) = (PathBuf::new(), PathBuf::new());
        Hierarchy { base, leave, version, has_memory: true, has_cpu: true }
    }

    #[test]
    fn limits_become_the_files_of_each_version() {
        let limits = Limits { memory_mib: Some(64), cpu_shares: Some(0), cpu_cap: Some(512) };
        let written = |version| {
            let settings = hierarchy(version).settings(limits);
            settings.into_iter().map(|(file, value, _)| format!("{file}={value}")).collect::<Vec<_>>()
        };
        assert_eq!(
            written(Version::One),
            [
                "memory.limit_in_bytes=67108864",
                "memory.memsw.limit_in_bytes=67108864",
                "cpu.shares=2",
                "cpu.cfs_quota_us=50000"
            ]
        );
        assert_eq!(
            written(Version::Two),
            ["memory.max=67108864", "memory.swap.max=0", "cpu.weight=1", "cpu.max=50000 100000"]
        );
        assert!(hierarchy(Version::Two).settings(Limits::default()).is_empty());
    }

    #[test]
    fn weights_cover_the_range_of_shares() {
        assert_eq!([2, 1024, 262_144].map(weight), [1, 39, 10_000]);
    }

    #[test]
    fn memory_kills_are_counted_in_both_versions() {
        assert_eq!(oom_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"), 3);
        assert_eq!(oom_kills("low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\noom_group_kill 0\n"), 1);
        assert_eq!(oom_kills(""), 0);
    }

    #[test]
    fn lines_of_proc_self_cgroup_are_read() {
        assert_eq!(membership("4:memory:/a:b"), Some(("memory", "/a:b")));
        assert_eq!(membership("0::/user.slice"), Some(("", "/user.slice")));
    }
}
