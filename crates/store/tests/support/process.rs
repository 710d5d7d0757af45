//! For the tests only: a process that writes to a store, and can be killed. `FILE count N` adds one to a row N times;
//! `FILE batches TASKS` writes batches until it is killed, and says of each that it is stored.
#![expect(clippy::print_stdout, reason = "this is how it tells the test what is stored")]

use std::path::Path;
use std::sync::Arc;

use longshore_model::Error;
use longshore_store::Sqlite;
use longshore_world::{Expect, Row, Store, Write};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [file, what, number] = arguments.as_slice() else { return Err("FILE, WHAT and a number".into()) };
    let store = Arc::new(Sqlite::open(Path::new(file))?);
    let number: u32 = number.parse()?;
    match *what {
        "count" => {
            for _ in 0..number {
                longshore_store::contract::add_one(&*store, "counter").await?;
            }
        }
        _ => {
            let writers = (0..number).map(|task| tokio::spawn(batches(Arc::clone(&store), task)));
            for writer in writers.collect::<Vec<_>>() {
                writer.await??;
            }
        }
    }
    Ok(())
}

/// Batches of four rows: one that is there already, and three new ones. Its number goes on where the last process was
/// killed.
async fn batches(store: Arc<Sqlite>, task: u32) -> Result<(), Error> {
    let head = format!("head/{task}");
    loop {
        let found = store.read("row", &head).await?;
        let number = found.as_ref().map_or(0, |row| number_of(row) + 1);
        let expect = found.map_or(Expect::Absent, |row| Expect::Generation(row.generation));
        let write = |key: String, expect| Write {
            table: "row",
            key,
            expect,
            body: Some(number.to_string().into_bytes()),
        };
        let new = (0..3).map(|part| write(format!("batch/{task}/{number:08}/{part}"), Expect::Absent));
        store.write(std::iter::once(write(head.clone(), expect)).chain(new).collect()).await?;
        println!("{task} {number}");
    }
}

fn number_of(row: &Row) -> u64 {
    String::from_utf8_lossy(&row.body).parse().unwrap_or_default()
}
