//! Several processes on one file, and processes that are killed in the middle of their writes.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use longshore_store::{Sqlite, contract};
use longshore_world::{Scan, Store};

const TASKS: u64 = 4;

fn process(file: &Path, what: &str, number: u64) -> Child {
    Command::new(env!("CARGO_BIN_EXE_store-test-process"))
        .arg(file)
        .args([what, &number.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn conditions_hold_across_processes() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("store.sqlite");
    // All of them make the file, as well.
    let processes: Vec<Child> = (0..4).map(|_| process(&file, "count", 100)).collect();
    for mut process in processes {
        assert!(process.wait().unwrap().success());
    }
    let store = Sqlite::open(&file).unwrap();
    contract::add_one(&store, "counter").await.unwrap();
    let row = store.read(contract::TABLE, "counter").await.unwrap().unwrap();
    assert_eq!((row.generation, row.body), (401, b"401".to_vec()));
}

/// Lets a process write until it has acknowledged so many batches, kills it, and gives back the last acknowledged number
/// of each of its tasks.
fn write_and_kill(file: &Path, acknowledgements: usize) -> BTreeMap<u64, u64> {
    let mut process = process(file, "batches", TASKS);
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut heard: Vec<String> = lines.by_ref().take(acknowledgements).map(Result::unwrap).collect();
    assert_eq!(heard.len(), acknowledgements, "the process has ended by itself");
    process.kill().unwrap();
    process.wait().unwrap();
    // What it had said before it was killed is still in the pipe; the last line may be torn.
    let mut rest: Vec<String> = lines.map_while(Result::ok).collect();
    rest.pop();
    heard.extend(rest);
    let numbers = heard.iter().map(|line| line.split_once(' ').unwrap());
    numbers.map(|(task, number)| (task.parse().unwrap(), number.parse().unwrap())).collect()
}

#[tokio::test]
async fn each_acknowledged_batch_survives_kill_9_whole() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("store.sqlite");
    for round in 0..20 {
        // The moments differ from round to round: 1, 38, 75, ...
        let acknowledged = write_and_kill(&file, 1 + (round * 37) % 200);
        let store = Sqlite::open(&file).unwrap();
        for task in 0..TASKS {
            let head = store.read("row", &format!("head/{task}")).await.unwrap();
            let stored =
                head.map_or(0, |row| 1 + String::from_utf8(row.body).unwrap().parse::<u64>().unwrap());
            if let Some(last) = acknowledged.get(&task) {
                assert!(stored > *last, "round {round}: batch {last} of task {task} was acknowledged");
            }
            let scan = Scan { prefix: format!("batch/{task}/"), limit: usize::MAX, ..Scan::default() };
            let found = store.scan("row", &scan).await.unwrap();
            let key = |number: u64, part: u64| format!("batch/{task}/{number:08}/{part}");
            let whole: Vec<String> = (0..stored).flat_map(|n| (0..3).map(move |part| key(n, part))).collect();
            let found: Vec<String> = found.into_iter().map(|row| row.key).collect();
            assert_eq!(found, whole, "round {round}");
        }
    }
}
