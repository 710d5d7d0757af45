//! Reads properties by a schema. CloudFormation makes a string of every scalar, and a file for the terminal may hold
//! numbers and booleans: both are read, and each member comes out in the type that it must have.

use std::fmt;

use serde_json::{Map, Value};

/// As much of a wrong value as an error shows, in bytes.
const SHOWN: usize = 40;

/// What a value must be.
#[derive(Debug)]
pub(super) enum Shape {
    /// Anything; it is left out.
    Ignored,
    /// A string. The empty one is absent: templates write `""` where they mean nothing.
    Text,
    /// A string whose emptiness means something.
    Verbatim,
    /// `true` or `false`.
    Flag,
    /// A whole number, at least and at most so much.
    Whole(i64, i64),
    /// One of these words, in any case.
    Word(&'static [&'static str]),
    /// A list of these.
    List(&'static Shape),
    /// A list of scalars, which may be written as one string with commas.
    Series(&'static Shape),
    /// An object with these members and no others.
    Object(&'static [Member]),
}

/// A member of an object.
#[derive(Debug)]
pub(super) struct Member {
    /// The name that comes out, and others that are read as well.
    names: &'static [&'static str],
    shape: Shape,
    required: bool,
}

/// A member that may be absent.
pub(super) const fn may(names: &'static [&'static str], shape: Shape) -> Member {
    Member { names, shape, required: false }
}

/// A member that must be there.
pub(super) const fn must(names: &'static [&'static str], shape: Shape) -> Member {
    Member { names, shape, required: true }
}

/// A property that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyError {
    /// Such as `Overrides.containerOverrides[0].cpu`; empty for the properties as a whole.
    pub path: String,
    /// What is wrong with it, as a sentence goes on after its path.
    pub problem: String,
    /// What would be right.
    pub remedy: String,
}

impl PropertyError {
    pub(super) fn new(path: &str, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { path: path.to_owned(), problem: problem.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for PropertyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, problem, remedy } = self;
        match path.as_str() {
            "" => write!(f, "the ResourceProperties {problem}: {remedy}"),
            _ => write!(f, "property `{path}` {problem}: {remedy}"),
        }
    }
}

impl std::error::Error for PropertyError {}

/// The value in the type that it must have; `None` when it is absent.
pub(super) fn read(shape: &Shape, value: &Value, path: &str) -> Result<Option<Value>, PropertyError> {
    let blank = value.is_null() || (value == "" && !matches!(shape, Shape::Verbatim));
    if blank || matches!(shape, Shape::Ignored) {
        return Ok(None);
    }
    let wrong = |remedy: String| PropertyError::new(path, format!("is {}", shown(shape, value)), remedy);
    match shape {
        Shape::Ignored => Ok(Value::Null),
        Shape::Text | Shape::Verbatim => {
            scalar(value).map(Value::from).ok_or_else(|| wrong("write a string".to_owned()))
        }
        Shape::Flag => flag(value).map(Value::from).ok_or_else(|| wrong("write true or false".to_owned())),
        Shape::Whole(least, most) => {
            let number = scalar(value).and_then(|text| text.trim().parse::<i64>().ok());
            let fits = number.filter(|number| (*least..=*most).contains(number));
            fits.map(Value::from).ok_or_else(|| wrong(whole_number(*least, *most)))
        }
        Shape::Word(words) => {
            let given = scalar(value).unwrap_or_default();
            let known = words.iter().find(|word| word.eq_ignore_ascii_case(given.trim()));
            known.map(|word| Value::from(*word)).ok_or_else(|| wrong(format!("write {}", words.join(" or "))))
        }
        Shape::List(item) => {
            list(item, value.as_array().ok_or_else(|| wrong("write a list".to_owned()))?, path)
        }
        Shape::Series(item) => match (value.as_array(), scalar(value)) {
            (Some(items), _) => list(item, items, path),
            (None, Some(text)) => {
                let items: Vec<Value> = text.split(',').map(|part| Value::from(part.trim())).collect();
                list(item, &items, path)
            }
            (None, None) => Err(wrong("write a list".to_owned())),
        },
        Shape::Object(members) => match value.as_object() {
            Some(given) => object(members, given, path).map(Value::Object),
            None => Err(wrong(format!("write an object with {}", first_names(members)))),
        },
    }
    .map(Some)
}

/// The members of an object that are there, each under its first name.
pub(super) fn object(
    members: &[Member],
    given: &Map<String, Value>,
    path: &str,
) -> Result<Map<String, Value>, PropertyError> {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let names = || members.iter().flat_map(|member| member.names.iter().copied());
    if let Some(unknown) = given.keys().find(|key| !names().any(|name| name == *key)) {
        let nearest = nearest(unknown, names());
        let remedy = format!("did you mean `{nearest}`? Known are {}", first_names(members));
        return Err(PropertyError::new(&below(unknown), "is not known", remedy));
    }
    let mut found = Map::new();
    for member in members {
        let [name, ..] = member.names else { continue };
        for alias in member.names {
            let Some(value) = given.get(*alias) else { continue };
            let Some(value) = read(&member.shape, value, &below(alias))? else { continue };
            if found.insert((*name).to_owned(), value).is_some() {
                let problem = format!("is the same as `{name}`, which is there too");
                return Err(PropertyError::new(&below(alias), problem, "keep one of them"));
            }
        }
        if member.required && !found.contains_key(*name) {
            return Err(PropertyError::new(&below(name), "is missing", "it is required"));
        }
    }
    Ok(found)
}

fn list(item: &Shape, given: &[Value], path: &str) -> Result<Value, PropertyError> {
    let items = given.iter().enumerate().map(|(index, value)| read(item, value, &format!("{path}[{index}]")));
    let items: Result<Vec<Option<Value>>, _> = items.collect();
    Ok(items?.into_iter().flatten().collect())
}

/// A scalar as CloudFormation would write it.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// YAML's older words count too: templates have them in quotes.
fn flag(value: &Value) -> Option<bool> {
    match scalar(value)?.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" => Some(true),
        "false" | "no" => Some(false),
        _ => None,
    }
}

fn whole_number(least: i64, most: i64) -> String {
    match most {
        i64::MAX => format!("write a whole number, at least {least}"),
        _ => format!("write a whole number from {least} to {most}"),
    }
}

/// A wrong value, where it cannot be a secret: the environment is a list, and may be written as anything else.
pub(super) fn shown(shape: &Shape, value: &Value) -> String {
    let scalar_is_right = matches!(shape, Shape::Flag | Shape::Whole(..) | Shape::Word(_));
    match (value, scalar(value)) {
        (_, Some(text)) if scalar_is_right => {
            let end = text.floor_char_boundary(SHOWN);
            format!("`{}{}`", &text[..end], if end < text.len() { "…" } else { "" })
        }
        (Value::Null, _) => "absent".to_owned(),
        (Value::Array(_), _) => "a list".to_owned(),
        (Value::Object(_), _) => "an object".to_owned(),
        (Value::String(_), _) => "a string".to_owned(),
        (Value::Number(_), _) => "a number".to_owned(),
        (Value::Bool(_), _) => "a boolean".to_owned(),
    }
}

fn first_names(members: &[Member]) -> String {
    let names: Vec<&str> = members.iter().filter_map(|member| member.names.first().copied()).collect();
    names.join(", ")
}

/// The most similar name: first whatever its case, then with it.
pub(super) fn nearest<'a>(unknown: &str, names: impl Iterator<Item = &'a str>) -> &'a str {
    let lower = unknown.to_lowercase();
    let likeness = |name: &str| {
        (strsim::jaro_winkler(&lower, &name.to_lowercase()), strsim::jaro_winkler(unknown, name))
    };
    let order = |a: &(f64, f64), b: &(f64, f64)| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1));
    names.max_by(|a, b| order(&likeness(a), &likeness(b))).unwrap_or_default()
}

#[cfg(test)]
#[path = "shape_tests.rs"]
mod tests;
