//! The body of a container's supervisor: a small process between the engine and the container that outlives neither.
//!
//! It guarantees that nothing which the container started survives the container's main process, a kill, or the
//! engine itself. As the subreaper of all that runs below it, every process that leaves its parent (a daemon) becomes
//! its child instead of init's; and the engine's end, however sudden, closes the socket that it listens to.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, WaitStatus, getpid, kill_process, kill_process_group,
    set_child_subreaper, setsid, wait, waitid,
};

use super::control::{Answer, KILL, Order, TERMINATE};
use super::tree;

/// Runs a supervisor to its end: what the program named by
/// [`ProcessOptions::supervisor`](super::ProcessOptions::supervisor) does, before anything else.
///
/// It must be called from a process that has started no threads and no children of its own.
#[must_use]
pub fn supervise() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        // There is nobody to tell: the socket to the engine is what failed, and its end says enough.
        Err(_) => ExitCode::FAILURE,
    }
}

fn run() -> io::Result<()> {
    // A Ctrl-C at the engine's terminal must not reach the container: the engine ends its tasks in its own order.
    // This fails only for the leader of a process group, which has left the terminal's group already.
    setsid().ok();
    set_child_subreaper(Some(getpid()))?;
    let mut socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut control = BufReader::new(socket.try_clone()?);
    let mut line = String::new();
    control.read_line(&mut line)?;
    let order: Order = serde_json::from_str(&line)?;
    let main = match start(&order) {
        Ok(main) => main,
        Err(message) => return answer(&mut socket, &Answer::Failed(message)),
    };
    answer(&mut socket, &Answer::Started).ok();
    let alive = Arc::new(Mutex::new(Some(main)));
    let watched = Arc::clone(&alive);
    std::thread::Builder::new().spawn(move || obey(control, &watched))?;
    let status = wait_for(main, &alive)?;
    kill_the_rest()?;
    answer(&mut socket, &Answer::Exited(exit_code(status)))
}

fn answer(socket: &mut UnixStream, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    socket.write_all(&line)
}

/// Starts the container's main process in a process group of its own, inside its control groups.
///
/// The supervisor itself is in them only meanwhile: it must not be what the kernel kills when memory runs out.
fn start(order: &Order) -> Result<Pid, String> {
    for group in &order.groups {
        fs_err::write(&group.join, "0").map_err(|error| format!("cannot limit the container: {error}"))?;
    }
    let mut command = Command::new(&order.program);
    if let [name, arguments @ ..] = order.arguments.as_slice() {
        command.arg0(name).args(arguments);
    }
    command.env_clear().envs(&order.environment).current_dir(&order.directory).stdin(Stdio::null());
    let child = command.process_group(0).spawn();
    for group in &order.groups {
        fs_err::write(&group.leave, "0").ok();
    }
    let child = child.map_err(|error| format!("cannot run {}: {error}", order.program.display()))?;
    i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| "a process id is out of range".to_owned())
}

/// Does what the engine says until it says no more, which means to kill.
fn obey(mut control: impl Read, alive: &Mutex<Option<Pid>>) {
    let mut byte = [0];
    loop {
        let order = match control.read(&mut byte) {
            Ok(1) => byte[0],
            _ => KILL,
        };
        // Under the lock the main process, even if dead, has not been waited for: its number is still its own.
        let alive = lock(alive);
        let Some(main) = *alive else { return };
        match order {
            TERMINATE => kill_process_group(main, Signal::TERM).ok(),
            KILL => return kill_process(main, Signal::KILL).unwrap_or_default(),
            _ => None,
        };
    }
}

/// Waits for the main process, and for the orphans that end before it.
fn wait_for(main: Pid, alive: &Mutex<Option<Pid>>) -> io::Result<WaitStatus> {
    loop {
        wait_for_any()?;
        let mut alive = lock(alive);
        if let Some((pid, status)) = wait(WaitOptions::NOHANG)?
            && pid == main
        {
            *alive = None;
            return Ok(status);
        }
    }
}

/// Waits until a child has ended, and leaves it as it is.
fn wait_for_any() -> io::Result<()> {
    loop {
        match waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Err(Errno::INTR) => {}
            outcome => return outcome.map(drop).map_err(io::Error::from),
        }
    }
}

/// Kills whatever the main process left behind, until there is nothing.
fn kill_the_rest() -> io::Result<()> {
    loop {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => break,
                Err(Errno::CHILD) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        // Processes of another user (setuid programs) cannot be killed; waiting for them could take forever.
        if tree::kill_descendants(getpid())? == 0 {
            return Ok(());
        }
        wait_for_any()?;
    }
}

/// As shells have it: 128 + signal when a signal ended the process.
fn exit_code(status: WaitStatus) -> i32 {
    status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

fn lock(alive: &Mutex<Option<Pid>>) -> MutexGuard<'_, Option<Pid>> {
    alive.lock().unwrap_or_else(PoisonError::into_inner)
}
