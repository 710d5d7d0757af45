//! Processes as /proc shows them: who descends from whom, who carries our mark, and how they are killed.
//!
//! A process number may belong to another process by the time a signal is sent. So each one is first opened as a
//! pidfd, which stays with its process, and looked at once more before the signal goes to the pidfd.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// A process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    /// Its number.
    pub(super) pid: i32,
    /// Its parent's.
    pub(super) parent: i32,
    /// Whether it has ended and only waits to be waited for.
    pub(super) is_dead: bool,
    /// Clock ticks that it has used itself.
    pub(super) own_ticks: u64,
    /// Clock ticks of its children that have ended and were waited for.
    pub(super) children_ticks: u64,
}

/// All that descends from a process, itself excluded.
pub(super) fn descendants(ancestor: i32) -> io::Result<Vec<Process>> {
    let mut by_parent: BTreeMap<i32, Vec<Process>> = BTreeMap::new();
    for pid in numbers()? {
        if let Some(process) = look(pid) {
            by_parent.entry(process.parent).or_default().push(process);
        }
    }
    let mut found = by_parent.remove(&ancestor).unwrap_or_default();
    let mut next = 0;
    while let Some(process) = found.get(next) {
        found.extend(by_parent.remove(&process.pid).unwrap_or_default());
        next += 1;
    }
    Ok(found)
}

/// Sends SIGKILL to all that descends from a process, and says how many were still alive and could be killed.
pub(super) fn kill_descendants(ancestor: Pid) -> io::Result<usize> {
    let ancestor = ancestor.as_raw_nonzero().get();
    let tree = descendants(ancestor)?;
    let family: BTreeSet<i32> = tree.iter().map(|process| process.pid).chain([ancestor]).collect();
    let is_ours = |pid| look(pid).is_some_and(|process| family.contains(&process.parent));
    Ok(tree.iter().filter(|process| !process.is_dead && kill_if(process.pid, is_ours).is_some()).count())
}

/// The living processes that have `variable` (`NAME=VALUE`) in the environment they were started with.
pub(super) fn marked(variable: &str) -> io::Result<Vec<OwnedFd>> {
    let found = numbers()?.into_iter().filter(|pid| is_marked(*pid, variable));
    Ok(found.filter_map(|pid| open_if(pid, |pid| is_marked(pid, variable))).collect())
}

/// Sends SIGKILL to the processes that have `variable` in their environment; gives back those that it could kill.
pub(super) fn kill_marked(variable: &str) -> io::Result<Vec<OwnedFd>> {
    let found = numbers()?.into_iter().filter(|pid| is_marked(*pid, variable));
    Ok(found.filter_map(|pid| kill_if(pid, |pid| is_marked(pid, variable))).collect())
}

/// A process as it is now.
pub(super) fn look(pid: i32) -> Option<Process> {
    parse_stat(&String::from_utf8_lossy(&fs_err::read(in_proc(pid, "stat")).ok()?))
}

/// Bytes of memory that a process has resident.
pub(super) fn memory(pid: i32) -> u64 {
    let status = fs_err::read(in_proc(pid, "status")).unwrap_or_default();
    let status = String::from_utf8_lossy(&status);
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB"));
    resident.and_then(|kib| kib.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn kill_if(pid: i32, is_right: impl Fn(i32) -> bool) -> Option<OwnedFd> {
    let pidfd = open_if(pid, is_right)?;
    pidfd_send_signal(&pidfd, Signal::KILL).ok().map(|()| pidfd)
}

fn open_if(pid: i32, is_right: impl Fn(i32) -> bool) -> Option<OwnedFd> {
    let pidfd = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
    is_right(pid).then_some(pidfd)
}

/// Whether the process was started with the variable. The dead, and other users' processes, have no readable
/// environment.
fn is_marked(pid: i32, variable: &str) -> bool {
    let environment = fs_err::read(in_proc(pid, "environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes())
}

fn numbers() -> io::Result<Vec<i32>> {
    let entries = fs_err::read_dir("/proc")?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
}

fn in_proc(pid: i32, file: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{file}"))
}

/// Reads proc_pid_stat(5). The program's name is in parentheses and may contain anything, parentheses too.
fn parse_stat(stat: &str) -> Option<Process> {
    let (start, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Process {
        pid: start.split_once(' ')?.0.parse().ok()?,
        parent: fields.get(1)?.parse().ok()?,
        is_dead: matches!(*fields.first()?, "Z" | "X"),
        own_ticks: ticks(11)? + ticks(12)?,
        children_ticks: ticks(13)? + ticks(14)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_whatever_the_program_is_called() {
        let line = "42 (a) Z (b) S 7 42 42 0 -1 4194304 1 2 3 4 5 6 70 8 20 0 1 0 99 100 200";
        let process = Process { pid: 42, parent: 7, is_dead: false, own_ticks: 11, children_ticks: 78 };
        assert_eq!(parse_stat(line), Some(process));
        assert_eq!(parse_stat("42 (gone"), None);
    }

    #[test]
    fn this_process_is_found_and_a_child_of_it_descends_from_it() {
        let me = rustix::process::getpid().as_raw_nonzero().get();
        assert_eq!(look(me).map(|process| process.pid), Some(me));
        let mut child =
            std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let found = descendants(me).unwrap();
        assert!(found.iter().any(|process| i64::from(process.pid) == i64::from(child.id())));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
