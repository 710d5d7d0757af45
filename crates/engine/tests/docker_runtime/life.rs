//! Starting, printing, ending, stopping.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use longshore_engine::runtime::Runtime as _;
use serde_json::json;

use crate::support::{Ended, container, is_present, key, shell, task, with_engine};

#[tokio::test]
async fn the_exit_code_and_both_streams_come_out() {
    with_engine(async |engine| {
        let app = engine.run(shell("echo out; echo err >&2; printf 'no end'; exit 7")).await;
        let ended = engine.end(&app).await;
        assert_eq!((ended.exit_code, ended.reason), (Some(7), None));
        let mut lines = ended.lines;
        lines.sort();
        assert_eq!(lines, ["err", "no end", "out"]);
    })
    .await;
}

#[tokio::test]
async fn ten_thousand_last_lines_come_once_and_in_order_before_the_end() {
    with_engine(async |engine| {
        let app = engine.run(shell("sleep 0.3; seq 1 10000")).await;
        engine.line(&app, "9").await;
        let ended = engine.end(&app).await;
        let expected: Vec<_> = (1..=10_000).map(|number| number.to_string()).collect();
        assert!(ended.lines == expected, "{} lines", ended.lines.len());
    })
    .await;
}

#[tokio::test]
async fn lines_are_counted_and_carry_their_time() {
    with_engine(async |engine| {
        let app = engine.run(shell("echo one; echo two >&2; sleep 0.2; echo three; sleep 30")).await;
        engine.line(&app, "three").await;
        let lines = engine.lines(&app);
        assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [0, 1, 2]);
        assert!((150..5000).contains(&(lines[2].at_ms - lines[1].at_ms)), "{lines:?}");
    })
    .await;
}

#[tokio::test]
async fn long_lines_and_a_terminal_keep_their_lines_whole() {
    with_engine(async |engine| {
        let long = r#"printf 'begin'; i=0; while [ $i -lt 2500 ]; do printf '0123456789abcdef'; i=$((i+1)); done; echo end"#;
        let mut container = shell(long);
        let plain = engine.run(container.clone()).await;
        container["pseudoTerminal"] = json!(true);
        let terminal = engine.run(container).await;
        let whole = format!("begin{}end", "0123456789abcdef".repeat(2500));
        for app in [plain, terminal] {
            let lines = engine.end(&app).await.lines;
            assert!(lines == [whole.as_str()], "{} lines", lines.len());
        }
    })
    .await;
}

#[tokio::test]
async fn the_environment_arrives_as_it_is() {
    with_engine(async |engine| {
        let values =
            ["a b", "\"quoted\" 'single'", "$HOME `id` $(id) \\n", "k=v=w", "größe 🚢", "", "one\ntwo", " "];
        let environment: Vec<_> = values
            .iter()
            .enumerate()
            .map(|(at, value)| json!({"name": format!("V{at}"), "value": value}))
            .collect();
        let mut container = shell(r#"for n in 0 1 2 3 4 5 6 7; do eval "printf '[%s]\n' \"\$V$n\""; done"#);
        container["environment"] = json!(environment);
        let app = engine.run(container).await;
        let expected = values.map(|value| format!("[{value}]")).join("\n");
        assert_eq!(engine.end(&app).await.lines.join("\n"), expected);
    })
    .await;
}

#[tokio::test]
async fn a_container_may_answer_the_stop_signal() {
    with_engine(async |engine| {
        let line = "trap 'echo bye; exit 3' TERM; echo ready; while true; do sleep 0.05; done";
        let app = engine.run(shell(line)).await;
        engine.line(&app, "ready").await;
        engine.runtime.terminate(&app).await;
        let lines = vec!["ready".to_owned(), "bye".to_owned()];
        assert_eq!(engine.end(&app).await, Ended { exit_code: Some(3), reason: None, lines });
        // It is gone, which is fine.
        engine.runtime.terminate(&app).await;
        engine.runtime.kill(&app).await;
    })
    .await;
}

#[tokio::test]
async fn a_container_that_ignores_the_stop_signal_is_killed() {
    with_engine(async |engine| {
        let app =
            engine.run(shell("trap 'echo ignored' TERM; echo ready; while true; do sleep 0.05; done")).await;
        engine.line(&app, "ready").await;
        engine.runtime.terminate(&app).await;
        engine.line(&app, "ignored").await;
        engine.runtime.kill(&app).await;
        let ended = engine.end(&app).await;
        assert_eq!((ended.exit_code, ended.reason), (Some(137), None));
    })
    .await;
}

#[tokio::test]
async fn a_check_tells_the_exit_code_of_a_command_in_the_container() {
    with_engine(async |engine| {
        let app = engine.run(shell("echo ready > /state; sleep 30")).await;
        let check = async |words: &[&str], limit| {
            let words: Vec<_> = words.iter().map(ToString::to_string).collect();
            engine.runtime.check(&app, &words, limit).await
        };
        let enough = Duration::from_secs(20);
        assert!(check(&["CMD-SHELL", "until [ -e /state ]; do sleep 0.05; done; cat /state"], enough).await);
        assert!(check(&["CMD", "/bin/true"], enough).await);
        assert!(!check(&["CMD-SHELL", "echo no >&2; exit 1"], enough).await);
        assert!(!check(&["CMD", "/bin/absent"], enough).await);
        assert!(!check(&["CMD", "/bin/sleep", "25"], Duration::from_millis(200)).await, "too slow");
    })
    .await;
}

#[tokio::test]
async fn stats_are_dockers_while_the_container_runs() {
    with_engine(async |engine| {
        let app = engine.run(shell("echo ready; sleep 30")).await;
        engine.line(&app, "ready").await;
        let stats = engine.runtime.stats(&app).await.expect("it runs");
        assert!(stats["memory_stats"]["usage"].as_u64().is_some_and(|bytes| bytes > 0), "{stats}");
        engine.runtime.kill(&app).await;
        engine.end(&app).await;
        assert_eq!(engine.runtime.stats(&app).await, None);
    })
    .await;
}

#[tokio::test]
async fn a_restart_removes_the_start_before() {
    with_engine(async |engine| {
        let task = task(json!({"containerDefinitions": [shell("echo again; sleep 0.1")]}));
        engine.runtime.prepare(&task).await.expect("prepared");
        let first = engine.start(&task, "app").await.expect("started");
        engine.end(&key(&task, "app")).await;
        let mut second = container(&task, "app");
        second.key.attempt = 1;
        let again = second.key.clone();
        engine.runtime.start(second).await.expect("started again");
        assert_eq!(engine.end(&again).await.lines, ["again"]);
        while is_present(&first.runtime_id).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        engine.runtime.release(&task.key).await;
        assert_eq!(engine.container_count().await, 0);
    })
    .await;
}

#[tokio::test]
async fn twenty_tasks_eight_at_a_time_all_end() {
    with_engine(async |engine| {
        let tasks: Vec<_> = (0..20)
            .map(|_| task(json!({"containerDefinitions": [{"name": "app", "command": ["/bin/true"]}]})))
            .collect();
        let runtime = &engine.runtime;
        let started = stream::iter(&tasks).map(async |task| {
            runtime.prepare(task).await.expect("prepared");
            runtime.start(container(task, "app")).await.expect("started");
        });
        started.buffer_unordered(8).collect::<Vec<()>>().await;
        for task in &tasks {
            let ended = engine.end(&key(task, "app")).await;
            assert_eq!(ended, Ended { exit_code: Some(0), reason: None, lines: Vec::new() });
            engine.runtime.release(&task.key).await;
        }
        assert_eq!(engine.container_count().await, 0);
    })
    .await;
}
