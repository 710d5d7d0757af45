//! The process runtime with real processes: ends, output, trees, limits, ports.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by them")]

#[path = "support/plans.rs"]
mod plans;
#[path = "support/process_engine.rs"]
mod process_engine;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::time::Duration;

use longshore_engine::runtime::{Known, Report, Runtime};
use longshore_model::container_definition::{MountPoint, PortMapping};
use longshore_model::task_definition::{HostVolume, Volume};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};

use plans::{container, task};
use process_engine::{Engine, HELPER, engine_id, gone, is_alive};

const TASK: &str = "0123456789abcdef0123456789abcdef";

/// Prints the number of a process that left its session and its parent, and leaves it running.
const DAEMON: &str = "setsid sh -c 'sleep 300 & echo $!'";

fn number(line: &str) -> i32 {
    line.parse().unwrap_or_else(|_| panic!("{line:?} is no number"))
}

fn pid(number: i32) -> Pid {
    Pid::from_raw(number).unwrap()
}

#[tokio::test]
async fn the_exit_code_is_the_command_s_own() {
    let mut engine = Engine::new("exit");
    for (attempt, (script, code)) in
        (0..).zip([("exit 7", 7), ("true", 0), ("kill -9 $$", 137), ("kill $$", 143)])
    {
        let mut plan = container(&task(TASK), script);
        plan.key.attempt = attempt;
        let ended = engine.run(plan).await;
        assert_eq!((ended.exit_code, ended.reason), (Some(code), None), "{script}");
    }
    engine.close().await;
}

#[tokio::test]
async fn ten_thousand_lines_in_the_last_second_arrive_in_order_before_the_end() {
    let mut engine = Engine::new("lines");
    let ended = engine.run(container(&task(TASK), "seq 1 10000; printf 'last'")).await;
    let expected: Vec<String> =
        (1..=10_000).map(|number| number.to_string()).chain(["last".to_owned()]).collect();
    assert!(ended.texts() == expected, "{} lines, the last {:?}", ended.lines.len(), ended.lines.last());
    assert!(ended.lines.iter().map(|line| line.number).eq(0..10_001));
    assert!(ended.lines.is_sorted_by_key(|line| line.at_ms));
    engine.close().await;
}

#[tokio::test]
async fn both_streams_are_complete_and_each_is_in_order() {
    let mut engine = Engine::new("streams");
    let script = "for i in $(seq 1 2000); do echo out $i; echo err $i >&2; done; printf end; printf fin >&2";
    let ended = engine.run(container(&task(TASK), script)).await;
    for (stream, end) in [("out", "end"), ("err", "fin")] {
        let lines = ended.texts().into_iter().filter(|text| text.starts_with(stream) || text == end);
        let expected = (1..=2000).map(|number| format!("{stream} {number}")).chain([end.to_owned()]);
        assert!(lines.eq(expected), "{stream} is not complete");
    }
    assert!(ended.lines.iter().map(|line| line.number).eq(0..4002));
    engine.close().await;
}

#[tokio::test]
async fn a_daemon_ends_with_the_main_process() {
    let mut engine = Engine::new("daemon");
    let ended = engine.run(container(&task(TASK), &format!("{DAEMON}; exit 3"))).await;
    assert_eq!(ended.exit_code, Some(3));
    let daemon = number(&ended.texts()[0]);
    assert!(!is_alive(daemon), "the daemon {daemon} outlived its container");
    engine.close().await;
}

#[tokio::test]
async fn a_stop_signal_ends_the_container_and_one_that_is_ignored_does_not() {
    let mut engine = Engine::new("signals");
    let plan = container(&task(TASK), "echo ready; exec sleep 300");
    engine.start(&plan).await;
    engine.line(&plan.key, "ready").await;
    engine.runtime.terminate(&plan.key).await;
    assert_eq!(engine.end(&plan.key).await.exit_code, Some(143));

    let script = "trap 'echo ignored' TERM; echo ready; while :; do sleep 300 & wait; done";
    let mut plan = container(&task(TASK), script);
    plan.key.attempt = 1;
    engine.start(&plan).await;
    engine.line(&plan.key, "ready").await;
    engine.runtime.terminate(&plan.key).await;
    engine.line(&plan.key, "ignored").await;
    engine.runtime.kill(&plan.key).await;
    assert_eq!(engine.end(&plan.key).await.exit_code, Some(137));
    engine.runtime.terminate(&plan.key).await;
    engine.runtime.kill(&plan.key).await;
    engine.close().await;
}

#[tokio::test]
async fn nothing_survives_an_engine_that_is_killed() {
    let script = format!("{DAEMON}; sleep 300 & echo $!; echo $$; echo $PPID; wait");
    let state = tempfile::tempdir().unwrap();
    let mut helper = tokio::process::Command::new(HELPER)
        .args(["engine", state.path().to_str().unwrap(), &engine_id("killed"), &script])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(helper.stdout.take().unwrap()).lines();
    let mut processes = Vec::new();
    while processes.len() < 4 {
        processes.push(number(&lines.next_line().await.unwrap().expect("the helper engine ended")));
    }
    assert!(processes.iter().all(|process| is_alive(*process)));
    helper.kill().await.unwrap();
    for process in processes {
        gone(process).await;
    }
    let engine = Engine::in_state("killed", state);
    assert!(engine.runtime.recover(Vec::new()).await.unwrap().is_empty());
    engine.close().await;
}

#[tokio::test]
async fn a_new_engine_ends_what_even_the_supervisor_could_not() {
    let state = tempfile::tempdir().unwrap();
    let mut helper = tokio::process::Command::new(HELPER)
        .args([
            "engine",
            state.path().to_str().unwrap(),
            &engine_id("leftover"),
            "echo $PPID; echo $$; exec sleep 300",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(helper.stdout.take().unwrap()).lines();
    let supervisor = number(&lines.next_line().await.unwrap().unwrap());
    let main = number(&lines.next_line().await.unwrap().unwrap());
    kill_process(pid(i32::try_from(helper.id().unwrap()).unwrap()), Signal::STOP).unwrap();
    kill_process(pid(supervisor), Signal::KILL).unwrap();
    helper.kill().await.unwrap();
    assert!(is_alive(main), "nobody is left to end it");

    let engine = Engine::in_state("leftover", state);
    let key = container(&task(TASK), "").key;
    let found = engine.runtime.recover(vec![Known { key, lines_stored: 2 }]).await.unwrap();
    assert!(found.is_empty() && !is_alive(main));
    assert!(!engine.state.path().join("tasks").exists());
    engine.close().await;
}

#[tokio::test]
async fn a_killed_supervisor_is_an_end_that_nobody_saw() {
    let mut engine = Engine::new("supervisor");
    let plan = container(&task(TASK), &format!("{DAEMON}; echo $PPID; echo ready; exec sleep 300"));
    engine.start(&plan).await;
    let lines = engine.line(&plan.key, "ready").await;
    kill_process(pid(number(&lines[1])), Signal::KILL).unwrap();
    let ended = engine.end(&plan.key).await;
    assert_eq!(ended.exit_code, None);
    assert_eq!(ended.reason.as_deref(), Some("ContainerRuntimeError: the container's supervisor was killed"));
    assert!(!is_alive(number(&lines[0])));
    engine.close().await;
}

#[tokio::test]
async fn a_container_above_its_memory_is_killed_and_the_reason_says_so() {
    let mut engine = Engine::new("memory");
    let limits = engine.runtime.limits();
    if !limits.starts_with("memory and CPU limits are kept") && !limits.starts_with("memory limits are kept")
    {
        println!("SKIPPED a_container_above_its_memory_is_killed_and_the_reason_says_so: {limits}");
        return;
    }
    let greedy = "head -c 300000000 /dev/zero | tail";
    let mut own = container(&task(TASK), greedy);
    own.definition.memory = Some(48);
    let mut shared = task(&TASK.replace('0', "1"));
    shared.memory_mib = Some(48);
    for plan in [own, container(&shared, greedy)] {
        let ended = engine.run(plan).await;
        assert_eq!(ended.exit_code, Some(137));
        assert_eq!(ended.reason.as_deref(), Some("OutOfMemoryError: Container killed due to memory usage"));
    }
    let mut modest = container(&task(TASK), "kill -9 $$");
    modest.key.attempt = 1;
    modest.definition.memory = Some(48);
    let ended = engine.run(modest).await;
    assert_eq!((ended.exit_code, ended.reason), (Some(137), None), "killed, but not for memory");
    engine.close().await;
}

#[tokio::test]
async fn what_cannot_run_is_refused_at_the_start() {
    let engine = Engine::new("refused");
    let mut missing = container(&task(TASK), "");
    missing.definition.entry_point = Some(vec!["no-such-program".to_owned()]);
    let error = engine.refusal(missing).await;
    assert!(
        error.starts_with("CannotStartContainerError: exec: \"no-such-program\": executable file not found")
    );
    assert!(error.ends_with("PATH is /usr/local/bin:/usr/bin:/bin"), "{error}");

    let mut silent = container(&task(TASK), "");
    (silent.definition.entry_point, silent.definition.command) = (None, None);
    let error = engine.refusal(silent).await;
    assert!(error.contains("[engine.process.commands]: \"busybox\" = "), "{error}");

    let mut broken = container(&task(TASK), "");
    let file = engine.state.path().join("broken");
    fs_err::write(&file, "\u{1}\u{2}").unwrap();
    fs_err::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    broken.definition.entry_point = Some(vec![file.display().to_string()]);
    assert!(engine.refusal(broken).await.contains("Exec format error"));
    engine.close().await;
}

#[tokio::test]
async fn an_image_s_command_comes_from_the_options() {
    let mut engine = Engine::new("image");
    let mut plan = container(&task(TASK), "");
    plan.definition.image = "greeter:2".to_owned();
    (plan.definition.entry_point, plan.definition.command) = (None, None);
    assert_eq!(engine.run(plan).await.texts(), ["hello"]);
    engine.close().await;
}

#[tokio::test]
async fn dynamic_ports_are_unique_and_told_and_a_written_one_must_be_free() {
    let mut engine = Engine::new("ports");
    let mapping = PortMapping { container_port: Some(80), ..PortMapping::default() };
    let mut ports = BTreeSet::new();
    for attempt in 0..50 {
        let mut plan = container(&task(TASK), "echo $PORT; exec sleep 300");
        plan.key.attempt = attempt;
        plan.definition.port_mappings = Some(vec![mapping.clone()]);
        let started = engine.start(&plan).await;
        let port = started.bindings[0].host_port.unwrap();
        assert_eq!(
            (started.bindings[0].container_port, started.bindings[0].bind_ip.as_str()),
            (Some(80), "127.0.0.1")
        );
        engine.line(&plan.key, &port.to_string()).await;
        ports.insert(port);
    }
    assert_eq!(ports.len(), 50);

    let mut written = container(&task(TASK), "true");
    written.key.attempt = 50;
    let port = *ports.first().unwrap();
    written.definition.port_mappings = Some(vec![PortMapping { host_port: Some(port), ..mapping }]);
    let refusal = engine.refusal(written).await;
    let expected =
        format!("CannotStartContainerError: Bind for 127.0.0.1:{port} failed: port is already allocated");
    assert_eq!(refusal, expected);

    let mut reported = std::mem::replace(&mut engine.reported, tokio::sync::mpsc::channel(1).1);
    let reader = tokio::spawn(async move {
        let mut codes = BTreeMap::new();
        while let Some(report) = reported.recv().await {
            if let Report::Exited { key, exit_code, .. } = report {
                codes.insert(key.attempt, exit_code);
            }
        }
        codes
    });
    engine.runtime.shutdown().await;
    let late = engine.runtime.start(container(&task(TASK), "true")).await.unwrap_err();
    assert_eq!(late.0, "CannotStartContainerError: the engine is shutting down");
    engine.close().await;
    drop(engine.runtime);
    let codes = reader.await.unwrap();
    assert_eq!(codes.len(), 50);
    assert!(codes.values().all(|code| *code == Some(137)));
}

#[tokio::test]
async fn a_container_has_its_own_directory_environment_and_volumes() {
    let mut engine = Engine::new("files");
    let (host, efs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut plan = task(TASK);
    plan.directories.insert("shared-files".to_owned(), efs.path().to_owned());
    let source_path = Some(host.path().display().to_string());
    let volume =
        Volume { name: Some("data".to_owned()), host: Some(HostVolume { source_path }), ..Volume::default() };
    std::sync::Arc::make_mut(&mut plan.definition).spec.volumes = Some(vec![volume]);
    let script =
        "env | cut -d= -f1 | sort; pwd; echo 1 > $LONGSHORE_VOLUME_DATA/a; echo 2 > /$HOME/mnt/efs/b";
    let mut plan = container(&plan, script);
    let mount = |volume: &str, path: &str| MountPoint {
        source_volume: Some(volume.to_owned()),
        container_path: Some(path.to_owned()),
        read_only: None,
    };
    plan.definition.mount_points = Some(vec![mount("data", "/data"), mount("shared-files", "/mnt/efs")]);
    plan.definition.working_directory = Some("/no/such/app".to_owned());
    plan.environment.insert("MESSAGE".to_owned(), "hello".to_owned());
    let ended = engine.run(plan.clone()).await;
    let private = engine.state.path().join("tasks").join(TASK).join("main");
    let working = private.join("no/such/app").display().to_string();
    assert_eq!(
        ended.texts(),
        [
            "HOME",
            "HOSTNAME",
            "LONGSHORE_CONTAINER",
            "LONGSHORE_ENGINE",
            "LONGSHORE_VOLUME_DATA",
            "LONGSHORE_VOLUME_SHARED_FILES",
            "MESSAGE",
            "PATH",
            "PWD",
            &working
        ]
    );
    assert!(host.path().join("a").exists() && efs.path().join("b").exists());
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs_err::metadata(&private).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
    engine.runtime.release(&plan.key.task).await;
    assert!(!private.exists() && host.path().join("a").exists() && efs.path().join("b").exists());
    engine.close().await;
}

#[tokio::test]
async fn health_checks_run_in_the_container_and_are_killed_when_they_take_too_long() {
    let mut engine = Engine::new("health");
    let plan = container(&task(TASK), "echo mine > file; echo ready; exec sleep 300");
    engine.start(&plan).await;
    engine.line(&plan.key, "ready").await;
    let long = Duration::from_secs(60);
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let runtime = &engine.runtime;
    assert!(
        runtime
            .check(&plan.key, &words(&["CMD-SHELL", "grep -q mine $HOME/file && test -f file"]), long)
            .await
    );
    assert!(runtime.check(&plan.key, &words(&["CMD", "test", "-f", "file"]), long).await);
    assert!(!runtime.check(&plan.key, &words(&["CMD-SHELL", "exit 1"]), long).await);
    assert!(!runtime.check(&plan.key, &words(&["CMD", "no-such-program"]), long).await);

    let slow = words(&["CMD-SHELL", "echo $$ > checker; exec sleep 300"]);
    let file = engine.state.path().join("tasks").join(TASK).join("main/checker");
    assert!(!runtime.check(&plan.key, &slow, Duration::from_millis(300)).await);
    if let Ok(checker) = fs_err::read_to_string(&file) {
        gone(number(checker.trim())).await;
    }

    let stats = runtime.stats(&plan.key).await.unwrap();
    assert!(stats["memory_stats"]["usage"].as_u64().unwrap() > 0, "{stats}");
    assert_eq!(stats["pids_stats"]["current"], 1, "{stats}");

    let check = runtime.check(&plan.key, &slow, long);
    let (healthy, ()) = tokio::join!(check, runtime.kill(&plan.key));
    assert!(!healthy, "a container that has ended is not healthy");
    assert_eq!(engine.end(&plan.key).await.exit_code, Some(137));
    assert_eq!(engine.runtime.stats(&plan.key).await, None);
    engine.close().await;
}
