//! Templates: what a file comes to, with values from the environment, the command line, AWS and Terraform put in.
//!
//! Nothing that comes from a value is in an error: those show the file's own text.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use longshore_model::{Error as CallError, Kind};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Object, Serde, ValueKind};
use minijinja::{AutoEscape, Error, ErrorKind, Output, State, UndefinedBehavior, Value, escape_formatter};

use super::explain;
use super::place::{CLOSE, OPEN};
use super::source::{Answer, Answers, Ask, Question};
use super::tfstate::{self, Lost};
use crate::error::Failed;

/// The most steps that a template may take; a file of a thousand lines takes a few thousand.
const MAX_STEPS: u64 = 1_000_000;

/// Where values come from.
pub(super) struct Values {
    /// The environment, by name.
    pub(super) environment: fn(&str) -> Option<String>,
    /// `--var`.
    pub(super) variables: BTreeMap<String, String>,
    state_file: Option<PathBuf>,
    state: OnceLock<Result<serde_json::Value, Trouble>>,
    answers: Answers,
}

/// Why a function has no value. It is carried through the template engine.
#[derive(Debug, Clone)]
pub(super) enum Trouble {
    /// A call failed.
    Call(CallError),
    /// It is not to be had, and what to do.
    Said { why: String, hint: String },
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => error.fmt(f),
            Self::Said { why, .. } => f.write_str(why),
        }
    }
}

impl std::error::Error for Trouble {}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        Self::from(ErrorKind::InvalidOperation).with_source(trouble)
    }
}

impl From<CallError> for Trouble {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<Lost> for Trouble {
    fn from(Lost { why, hint }: Lost) -> Self {
        Self::Said { why, hint }
    }
}

fn said(why: impl Into<String>, hint: impl Into<String>) -> Trouble {
    Trouble::Said { why: why.into(), hint: hint.into() }
}

impl Values {
    pub(super) fn new(
        environment: fn(&str) -> Option<String>,
        variables: BTreeMap<String, String>,
        state_file: Option<PathBuf>,
        ask: Ask,
    ) -> Self {
        Self { environment, variables, state_file, state: OnceLock::new(), answers: Answers::new(ask) }
    }

    fn parameter(&self, name: &str) -> Result<Value, Trouble> {
        match self.answers.get(Question::Parameter(name.to_owned()))? {
            Answer::Parameter(parameter) => parameter.value.map(Value::from).ok_or_else(|| {
                let hint = format!(
                    "a task definition is no place for its value: put {{\"name\": ..., \"valueFrom\": \
                     \"{{{{ ssm_arn({name:?}) }}}}\"}} into the container's `secrets`"
                );
                said(format!("parameter `{name}` is a SecureString"), hint)
            }),
            _ => Err(other_answer().into()),
        }
    }

    fn parameter_arn(&self, name: &str) -> Result<Value, Trouble> {
        match self.answers.get(Question::Parameter(name.to_owned()))? {
            Answer::Parameter(parameter) => Ok(parameter.arn.into()),
            _ => Err(other_answer().into()),
        }
    }

    fn secret_arn(&self, name: &str) -> Result<Value, Trouble> {
        match self.answers.get(Question::Secret(name.to_owned()))? {
            Answer::Arn(arn) => Ok(arn.into()),
            _ => Err(other_answer().into()),
        }
    }

    fn output(&self, stack: &str, key: &str) -> Result<Value, Trouble> {
        let outputs = self.table(Question::Outputs(stack.to_owned()))?;
        outputs.get(key).map(Value::from).ok_or_else(|| {
            let names: Vec<&str> = outputs.keys().map(String::as_str).collect();
            let there_are = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            said(format!("stack `{stack}` has no output `{key}`"), format!("there are {there_are}"))
        })
    }

    fn export(&self, name: &str) -> Result<Value, Trouble> {
        self.table(Question::Exports)?.get(name).map(Value::from).ok_or_else(|| {
            let hint = "`aws cloudformation list-exports` shows what the stacks of this region export";
            said(format!("no stack exports `{name}`"), hint)
        })
    }

    fn table(&self, question: Question) -> Result<BTreeMap<String, String>, Trouble> {
        match self.answers.get(question)? {
            Answer::Values(values) => Ok(values),
            _ => Err(other_answer().into()),
        }
    }

    fn tfstate(&self, address: &str) -> Result<Value, Trouble> {
        let state = self.state.get_or_init(|| self.read_state()).as_ref().map_err(Clone::clone)?;
        Ok(Value::from(Serde(tfstate::value(state, address)?)))
    }

    fn read_state(&self) -> Result<serde_json::Value, Trouble> {
        let Some(path) = &self.state_file else {
            let hint =
                "name it with --tfstate FILE, or in longshore.toml: [apply] tfstate = \"terraform.tfstate\"";
            return Err(said("no Terraform state file is named", hint));
        };
        let hint = "`terraform state pull > FILE` writes the state as it is now";
        let text = fs_err::read_to_string(path)
            .map_err(|error| said(format!("cannot read the Terraform state: {error}"), hint))?;
        // What serde says of wrong JSON shows nothing of it.
        serde_json::from_str(&text)
            .map_err(|error| said(format!("`{}` is not JSON: {error}", path.display()), hint))
    }
}

fn other_answer() -> CallError {
    CallError::new(Kind::Bug, "the answer is that to another question")
}

/// Whether the template engine has something to do.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// What a file comes to.
pub(super) fn render(path: &str, text: &str, values: &Arc<Values>) -> Result<String, Failed> {
    environment(values, false)
        .render_named_str(path, text, ())
        .map_err(|error| explain::failed(path, text, &error))
}

/// The same with every value between [`OPEN`] and [`CLOSE`]; `None` when it cannot be had.
pub(super) fn render_marked(path: &str, text: &str, values: &Arc<Values>) -> Option<String> {
    environment(values, true).render_named_str(path, text, ()).ok()
}

fn environment(values: &Arc<Values>, marks: bool) -> minijinja::Environment<'static> {
    let mut environment = minijinja::Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(MAX_STEPS));
    // A block of YAML that ends the file keeps its line break.
    if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
        environment.set_syntax(syntax);
    }
    // Names what is undefined. What else it knows has values in it, and is not asked for.
    environment.set_debug(true);
    environment.set_formatter(move |out, state, value| write(out, state, value, marks));
    environment.add_filter("json", json);
    environment.remove_global("debug");
    environment.add_global("env", Value::from_object(Variables(values.environment)));
    environment.add_global("var", Value::from(values.variables.clone()));
    let of = |get: fn(&Values, &str) -> Result<Value, Trouble>| {
        let values = Arc::clone(values);
        move |name: String| get(&values, &name).map_err(Error::from)
    };
    environment.add_function("ssm", of(Values::parameter));
    environment.add_function("ssm_arn", of(Values::parameter_arn));
    environment.add_function("secret_arn", of(Values::secret_arn));
    environment.add_function("export", of(Values::export));
    environment.add_function("tfstate", of(Values::tfstate));
    let values = Arc::clone(values);
    let output = move |stack: String, key: String| values.output(&stack, &key).map_err(Error::from);
    environment.add_function("output", output);
    environment
}

/// Writes a value where a tag is. What has no obvious text is refused.
fn write(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value, marks: bool) -> Result<(), Error> {
    let kind = value.kind();
    // An `if` without `else` gives an undefined value that is meant.
    if !matches!(kind, ValueKind::String | ValueKind::Number | ValueKind::Bool | ValueKind::Undefined) {
        let why = format!("a value of the kind {kind} has no text of its own");
        return Err(said(why, "put `| json` behind it to write it as JSON").into());
    }
    if !marks {
        return escape_formatter(out, state, value);
    }
    let failed = |_| Error::from(ErrorKind::WriteFailure);
    out.write_str(OPEN.encode_utf8(&mut [0; 4])).map_err(failed)?;
    escape_formatter(out, state, value)?;
    out.write_str(CLOSE.encode_utf8(&mut [0; 4])).map_err(failed)
}

/// The filter `json`: a whole JSON value, a text with its quotes.
fn json(value: &Value) -> Result<String, Error> {
    if value.is_undefined() {
        // The engine's own refusal names what is undefined.
        return Err(i64::try_from(value.clone()).err().unwrap_or_else(|| ErrorKind::UndefinedError.into()));
    }
    serde_json::to_string(value).map_err(|_| ErrorKind::BadSerialization.into())
}

/// The environment's variables, which are looked up and never listed.
#[derive(Debug)]
struct Variables(fn(&str) -> Option<String>);

impl Object for Variables {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (self.0)(key.as_str()?).map(Value::from)
    }
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
