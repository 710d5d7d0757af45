//! The rules of the house as tests: `cargo test -p xtask`. The program itself prints the table of who may depend on whom.

mod rules;

use std::io::Write;

fn main() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for (package, may) in rules::MAY_DEPEND_ON {
        writeln!(out, "{package}: {}", may.join(", "))?;
    }
    Ok(())
}
