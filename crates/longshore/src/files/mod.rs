//! The files of `longshore apply DIR`, read and rendered: `NAME.taskdef` and `NAME.service`.
//!
//! Everything is read, rendered and checked before the first unit is given to anybody, so a fault in one file changes
//! nothing.

pub(crate) mod arguments;
mod explain;
mod known;
mod place;
pub(crate) mod source;
mod template;
mod tfstate;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use longshore_decide::service::create_input;
use longshore_decide::service::files::{AUTOCREATE, Composed, Holds, Rules, Wrong, clash, compose, part};
use longshore_decide::task_definition::register_input;
use longshore_model::create_service::CreateService;
use longshore_model::task_definition::TaskSpec;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::runtime::Handle;

use self::place::Place;
use self::source::{Amazon, Ask};
use self::template::Values;
use crate::env;
use crate::error::Failed;
use crate::run::file::{self, Format};

/// How a directory is read.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Names, and services without a file.
    pub(crate) rules: Rules,
    /// What templates know as `var.NAME`.
    pub(crate) variables: BTreeMap<String, String>,
    /// What templates know as `tfstate(...)`.
    pub(crate) state_file: Option<PathBuf>,
    /// Only these names are read; all where there are none.
    pub(crate) only: Vec<String>,
}

/// A task definition, a service, or both. Its `Debug` does not show them: environments hold secrets.
#[derive(Clone)]
pub(crate) struct Unit {
    /// NAME of its files.
    pub(crate) name: String,
    /// The files, the task definition's first.
    pub(crate) paths: Vec<PathBuf>,
    /// The input of RegisterTaskDefinition; it has a `family`.
    pub(crate) task_definition: Option<Value>,
    /// The input of CreateService; it has a `serviceName`. Its `taskDefinition` is the family of the unit's own task
    /// definition where there is one.
    pub(crate) service: Option<Value>,
    /// Whether no file describes the service.
    pub(crate) autocreated: bool,
    /// What looks wrong, but is ECS's to judge.
    pub(crate) warnings: Vec<String>,
}

impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unit").field("name", &self.name).field("paths", &self.paths).finish_non_exhaustive()
    }
}

/// Reads the files of a directory, by name. `amazon` is connected to only when a template asks.
///
/// # Errors
/// The first fault that there is, with its file and, where there is one, its line and column.
pub(crate) async fn read(directory: &Path, options: Options, amazon: Amazon) -> Result<Vec<Unit>> {
    let (directory, runtime) = (directory.to_owned(), Handle::current());
    // Templates wait for their values, so they have a thread of their own.
    let ask: Ask = Box::new(move |question| runtime.block_on(amazon.answer(question)));
    let units = tokio::task::spawn_blocking(move || units(&directory, options, env::of_template, ask)).await;
    Ok(units.context("cannot read the files")??)
}

fn units(
    directory: &Path,
    options: Options,
    environment: fn(&str) -> Option<String>,
    ask: Ask,
) -> Result<Vec<Unit>, Failed> {
    let files = find(directory, &options.only)?;
    let values = Arc::new(Values::new(environment, options.variables, options.state_file, ask));
    let (mut units, mut composed) = (Vec::new(), Vec::new());
    for (name, files) in files {
        let mut unit = Unit {
            name,
            paths: files.into_values().collect(),
            task_definition: None,
            service: None,
            autocreated: false,
            warnings: Vec::new(),
        };
        composed.push(unit.fill(&options.rules, &values)?);
        units.push(unit);
    }
    if let Some(clash) = clash(&composed) {
        let path = |unit: usize| units[unit].file_of(clash.holds).display().to_string();
        let (first, second) = (path(clash.units.0), path(clash.units.1));
        let message = format!("`{first}` and `{second}` both describe {} `{}`", clash.holds, clash.name);
        return Err(Failed::new(message).with_hint("rename one of them, or take one file away"));
    }
    for (unit, composed) in units.iter_mut().zip(composed) {
        let Composed { task_definition, service, autocreated } = composed;
        (unit.task_definition, unit.service, unit.autocreated) = (task_definition, service, autocreated);
    }
    Ok(units)
}

/// The files by name and by what they hold.
fn find(directory: &Path, only: &[String]) -> Result<BTreeMap<String, BTreeMap<Holds, PathBuf>>, Failed> {
    let cannot = |error: std::io::Error| {
        Failed::usage("cannot read the directory")
            .caused_by(error)
            .with_hint("name one with NAME.taskdef and NAME.service files")
    };
    let mut paths = BTreeSet::new();
    for entry in fs_err::read_dir(directory).map_err(cannot)? {
        paths.insert(entry.map_err(cannot)?.path());
    }
    let mut found: BTreeMap<String, BTreeMap<Holds, PathBuf>> = BTreeMap::new();
    for path in paths {
        let Some((name, holds)) = path.file_name().and_then(|name| part(name.to_str()?)) else { continue };
        if path.is_dir() {
            continue;
        }
        if let Some(other) = found.entry(name.to_owned()).or_default().insert(holds, path.clone()) {
            let (one, other) = (other.display(), path.display());
            let message = format!("`{one}` and `{other}` are both the {holds} of `{name}`");
            return Err(Failed::new(message).with_hint("take one of them away"));
        }
    }
    let place = directory.display();
    if found.is_empty() {
        return Err(Failed::usage(format!("there is no NAME.taskdef and no NAME.service in `{place}`"))
            .with_hint(format!("`longshore templates NAME --dir {place}` writes a first pair")));
    }
    if let Some(missing) = only.iter().find(|name| !found.contains_key(*name)) {
        let names: Vec<&str> = found.keys().map(String::as_str).collect();
        return Err(Failed::usage(format!("there is no `{missing}` in `{place}`"))
            .with_hint(format!("there are {}", names.join(", "))));
    }
    found.retain(|name, _| only.is_empty() || only.contains(name));
    Ok(found)
}

impl Unit {
    /// Reads the files and puts them together.
    fn fill(&mut self, rules: &Rules, values: &Arc<Values>) -> Result<Composed, Failed> {
        let (mut definition, mut service, mut asks) = (None, None, false);
        for path in self.paths.clone() {
            let name = path.display().to_string();
            let read = Read::file(&path, values)?;
            if self.holds(&path) == Holds::TaskDefinition {
                asks = read.rendered.contains(AUTOCREATE);
                let input = register_input(&read.document).ok_or_else(|| {
                    Failed::new(format!("`{name}` is not a task definition")).with_hint(
                        "it needs `containerDefinitions`, or a `taskDefinition` with them inside; `longshore \
                         templates` writes an example",
                    )
                })?;
                let mut known = input.clone();
                known.remove("tags");
                self.warnings.extend(read.check::<TaskSpec>(known)?);
                definition = Some(input);
            } else {
                let input = create_input(&read.document).ok_or_else(|| {
                    Failed::new(format!("`{name}` is not a service")).with_hint(
                        "it has the shape that CreateService takes, or that DescribeServices gives of one service; \
                         `longshore templates` writes an example",
                    )
                })?;
                self.warnings.extend(read.check::<CreateService>(input.clone())?);
                service = Some(input);
            }
        }
        compose(&self.name, definition, service, asks, rules).map_err(|wrong| self.explain(wrong))
    }

    fn holds(&self, path: &Path) -> Holds {
        let name = path.file_name().and_then(|name| part(name.to_str()?));
        name.map_or(Holds::TaskDefinition, |(_, holds)| holds)
    }

    /// The file that holds this, or the one that stands for it.
    fn file_of(&self, holds: Holds) -> &Path {
        let found = self.paths.iter().find(|path| self.holds(path) == holds);
        found.or(self.paths.first()).map_or(Path::new(""), PathBuf::as_path)
    }

    fn explain(&self, wrong: Wrong) -> Failed {
        let path = |holds| self.file_of(holds).display();
        let service = path(Holds::Service);
        match wrong {
            Wrong::NotText(holds, member) => {
                Failed::new(format!("`{}`: `{member}` is not a text", path(holds)))
                    .with_hint("write it in quotes")
            }
            Wrong::NoTaskDefinition => Failed::new(format!("`{service}` names no task definition"))
                .with_hint(format!("add `taskDefinition` to it, or put `{}.taskdef` beside it", self.name)),
            Wrong::OtherFamily { own, named } => {
                let definition = path(Holds::TaskDefinition);
                let message = format!(
                    "`{service}` names task definition `{named}`, and `{definition}` beside it is of family `{own}`"
                );
                Failed::new(message).with_hint(
                    "take `taskDefinition` out of the service, or give the two files different names",
                )
            }
            Wrong::NoNetwork => {
                let definition = path(Holds::TaskDefinition);
                let message = format!(
                    "`{definition}` asks for a service with {AUTOCREATE}, and networkMode awsvpc needs subnets"
                );
                Failed::new(message).with_hint(format!(
                    "put `{}.service` with a `networkConfiguration` beside it; `longshore templates` writes one",
                    self.name
                ))
            }
        }
    }
}

/// A file, and what it comes to.
struct Read {
    name: String,
    text: String,
    rendered: String,
    document: Value,
}

impl Read {
    fn file(path: &Path, values: &Arc<Values>) -> Result<Self, Failed> {
        let name = path.display().to_string();
        let text = fs_err::read_to_string(path)
            .map_err(|error| Failed::new("cannot read the file").caused_by(error))?;
        let is_template = template::is_template(&text);
        let rendered = if is_template { template::render(&name, &text, values)? } else { text.clone() };
        // Where the name does not say it, the first character does.
        let format = match Format::of(&name) {
            Format::Json if !name.ends_with(".json") && !rendered.trim_start().starts_with(['{', '[']) => {
                Format::Yaml
            }
            format => format,
        };
        let document = file::parse(format, &rendered).map_err(|wrong| {
            misread(&name, &text, &rendered, &wrong, format, is_template.then_some(values))
        })?;
        Ok(Self { name, text, rendered, document })
    }

    /// A member that ECS does not have is a slip when it is like one that ECS has, and otherwise a warning.
    fn check<Shape: DeserializeOwned>(&self, members: Map<String, Value>) -> Result<Vec<String>, Failed> {
        let unlike = file::unlike::<Shape>(members);
        for path in &unlike.unknown {
            if let Some(known) = known::slip::<Shape>(path) {
                let message = format!("there is no member `{path}`");
                let name = path.rsplit('.').next().unwrap_or_default();
                // Shown where there can be no doubt which one it is.
                let failed = match self.text.match_indices(name).collect::<Vec<_>>()[..] {
                    [(start, _)] => Place::of(&self.text, start).failed(&self.name, &self.text, &message),
                    _ => Failed::new(format!("{}: {message}", self.name)),
                };
                return Err(failed.with_hint(format!("did you mean `{known}`?")));
            }
        }
        let sentences = unlike.sentences().into_iter();
        Ok(sentences.map(|sentence| format!("{}: {sentence}", self.name)).collect())
    }
}

/// What is no JSON or YAML, shown in the file and not in what it comes to, which has values in it.
fn misread(
    name: &str,
    text: &str,
    rendered: &str,
    wrong: &file::Misread,
    format: Format,
    values: Option<&Arc<Values>>,
) -> Failed {
    let line = rendered.lines().nth(wrong.line.saturating_sub(1)).unwrap_or_default();
    let column = match format {
        Format::Json => Place::of(line, wrong.column.saturating_sub(1)).column,
        Format::Yaml => wrong.column.max(1),
    };
    let place = Place { line: wrong.line.max(1), column };
    let marked = values.and_then(|values| template::render_marked(name, text, values));
    let Some(marked) = marked else {
        let failed = place.failed(name, text, &wrong.why);
        // What other tools put in; where it is no text, YAML takes it for one.
        let rest: String = line.chars().skip(column - 1).take(2).collect();
        if rest == "${" || rest.starts_with('<') {
            return failed.with_hint("a placeholder is written {{ env.NAME }} or {{ var.NAME }}");
        }
        return if wrong.is_yaml { failed.with_hint(file::IS_YAML) } else { failed };
    };
    let origin = place::origin(text, &marked, place);
    let message =
        if origin.is_source { wrong.why.clone() } else { format!("{} (in the rendered text)", wrong.why) };
    let failed = origin.place.failed(name, &origin.text, &message);
    if origin.behind_value {
        return failed.with_hint(
            "a value may have quotes or line breaks in it: write {{ ... | json }}, without quotes around it",
        );
    }
    if wrong.is_yaml { failed.with_hint(file::IS_YAML) } else { failed }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
