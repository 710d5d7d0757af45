//! How many small writes a store takes: `bench_store [TASKS [WRITES [BYTES [DIRECTORY]]]]`, the tasks that write at once
//! (64), the writes of each (500), the size of a body (1000) and where the file is (the directory for temporary files).
//!
//! Each write is a batch of one new row. It prints writes per second, and the time of a write at the median and at the 99th
//! percentile, in milliseconds.
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use longshore_store::{Memory, Sqlite};
use longshore_world::{Expect, Store, Write};
use tokio::time::Instant;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |position: usize, default: usize| {
        arguments.get(position).map_or(Ok(default), |argument| argument.parse())
    };
    let (tasks, writes, bytes) = (number(0, 64)?, number(1, 500)?, number(2, 1000)?);
    let directory = match arguments.get(3) {
        Some(directory) => tempfile::tempdir_in(PathBuf::from(directory))?,
        None => tempfile::tempdir()?,
    };
    println!("{tasks} tasks, {writes} writes each, {bytes} bytes");
    measure("memory", Arc::new(Memory::new()), tasks, writes, bytes).await?;
    let sqlite = Sqlite::open(&directory.path().join("store.sqlite"))?;
    measure("sqlite", Arc::new(sqlite), tasks, writes, bytes).await
}

async fn measure(
    name: &str,
    store: Arc<dyn Store>,
    tasks: usize,
    writes: usize,
    bytes: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let running: Vec<_> = (0..tasks)
        .map(|task| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut times = Vec::with_capacity(writes);
                for number in 0..writes {
                    let key = format!("row/{number:08}/{task:04}");
                    let body = Some(vec![b'x'; bytes]);
                    let begun = Instant::now();
                    store.write(vec![Write { table: "bench", key, expect: Expect::Absent, body }]).await?;
                    times.push(begun.elapsed());
                }
                Ok::<_, longshore_model::Error>(times)
            })
        })
        .collect();
    let mut times: Vec<Duration> = Vec::with_capacity(tasks * writes);
    for task in running {
        times.extend(task.await??);
    }
    let took = start.elapsed();
    times.sort();
    let at =
        |percent: usize| times.get(times.len() * percent / 100).map_or(0.0, |time| time.as_secs_f64() * 1e3);
    let rate =
        Duration::from_secs(1).as_micros().saturating_mul(times.len() as u128) / took.as_micros().max(1);
    println!("{name}: {rate} writes/s, median {:.2} ms, p99 {:.2} ms", at(50), at(99));
    Ok(())
}
