//! `longshore templates`: a first pair of files, with every member that is commonly written.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::error::Failed;
use crate::terminal::{self, Style};

const TASK_DEFINITION: &str = include_str!("../../../../templates/files/taskdef.yaml");
const SERVICE: &str = include_str!("../../../../templates/files/service.yaml");

/// Stands for the name in both.
const PLACEHOLDER: &str = "NAME";

/// ECS takes families and service names of at most this many characters.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html> (`serviceName`)
const MAX_NAME: usize = 255;

const EXAMPLES: &str = "\
Examples:
  longshore templates                  web.taskdef.yaml and web.service.yaml, here
  longshore templates api --dir ecs    ecs/api.taskdef.yaml and ecs/api.service.yaml

Both have every member that is commonly written, with a comment. They are YAML; JSON is read as well.";

/// Write a first NAME.taskdef.yaml and NAME.service.yaml, with comments
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// What the family, the service and the container are called
    #[arg(default_value = "web")]
    name: String,
    /// The directory to write to
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

pub(crate) fn execute(arguments: &Arguments) -> Result<u8> {
    let name = &arguments.name;
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(fits) {
        return Err(Failed::usage(format!("`{name}` cannot be the name of a family and a service"))
            .with_hint("it has 1-255 letters, digits, hyphens and underscores")
            .into());
    }
    let files = [("taskdef", TASK_DEFINITION), ("service", SERVICE)];
    let files = files.map(|(kind, text)| {
        (arguments.dir.join(format!("{name}.{kind}.yaml")), text.replace(PLACEHOLDER, name))
    });
    // Both or none.
    if let Some((path, _)) = files.iter().find(|(path, _)| path.exists()) {
        return Err(exists(path).into());
    }
    fs_err::create_dir_all(&arguments.dir)
        .map_err(|error| Failed::new("cannot make the directory").caused_by(error))?;
    for (path, text) in &files {
        write(path, text)?;
        terminal::talk(&format!("wrote {}", path.display()), Style::Plain);
    }
    Ok(0)
}

/// Writes a file that was not there.
fn write(path: &Path, text: &str) -> Result<(), Failed> {
    let written = fs_err::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => exists(path),
        _ => Failed::new("cannot write the file").caused_by(error),
    })
}

fn exists(path: &Path) -> Failed {
    Failed::new(format!("`{}` exists, and nothing was written", path.display()))
        .with_hint("choose another NAME or another --dir, or move the file away")
}
