//! `longshore man [DIR]`: the manual pages.

use std::path::PathBuf;

use anyhow::Result;
use clap::CommandFactory;

use crate::cli::Cli;
use crate::terminal;

const EXAMPLES: &str = "\
Examples:
  longshore man | man -l -                 read it now
  longshore man ~/.local/share/man/man1    install the page of each verb";

/// Print the manual page, or write one per verb into a directory
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Write longshore.1, longshore-run.1 and so on here; it is created if it is missing
    dir: Option<PathBuf>,
}

pub(crate) fn execute(arguments: &Arguments) -> Result<u8> {
    if let Some(dir) = &arguments.dir {
        fs_err::create_dir_all(dir)?;
        clap_mangen::generate_to(Cli::command(), dir)?;
    } else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page)?;
        terminal::data(&page)?;
    }
    Ok(0)
}
