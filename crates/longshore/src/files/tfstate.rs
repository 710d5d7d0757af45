//! A Terraform state file (version 4), and the addresses of what is in it: `aws_lb.web.arn`,
//! `module.net.aws_subnet.private["a"].id`, `data.aws_vpc.main.id`, `output.vpc_id`.

use std::fmt;

use serde_json::Value;

/// The version of the format, which Terraform has written since 0.12 (2019).
const VERSION: u64 = 4;

/// A part of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Number(usize),
    Key(String),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, ".{name}"),
            Self::Number(number) => write!(f, "[{number}]"),
            Self::Key(key) => write!(f, "[{key:?}]"),
        }
    }
}

/// Why an address leads nowhere: what is so, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) why: String,
    pub(super) hint: String,
}

impl Lost {
    fn new(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { why: why.into(), hint: hint.into() }
    }
}

/// The value at an address.
pub(super) fn value<'a>(state: &'a Value, address: &str) -> Result<&'a Value, Lost> {
    if state["version"] != VERSION {
        return Err(Lost::new(
            format!("the file is not a Terraform state of version {VERSION}"),
            "`terraform state pull > FILE` writes one",
        ));
    }
    let steps = steps(address).ok_or_else(|| {
        Lost::new(
            format!("`{address}` is no address"),
            "write TYPE.NAME.ATTRIBUTE, such as aws_lb.web.arn or aws_subnet.a[0].id, or output.NAME",
        )
    })?;
    match &steps[..] {
        [Step::Name(first), Step::Name(name), rest @ ..] if first == "output" => output(state, name, rest),
        _ => resource(state, &steps),
    }
}

fn output<'a>(state: &'a Value, name: &str, rest: &[Step]) -> Result<&'a Value, Lost> {
    let outputs = state["outputs"].as_object();
    let Some(output) = outputs.and_then(|outputs| outputs.get(name)) else {
        let names = outputs.into_iter().flatten().map(|(name, _)| name.clone());
        return Err(Lost::new(format!("there is no output `{name}`"), there_are(names)));
    };
    if output["sensitive"] == true {
        return Err(sensitive(&format!("output `{name}`")));
    }
    within(&output["value"], rest, &format!("output.{name}"))
}

fn resource<'a>(state: &'a Value, steps: &[Step]) -> Result<&'a Value, Lost> {
    let (module, steps) = module(steps);
    let (mode, steps) = match steps.split_first() {
        Some((Step::Name(word), rest)) if word == "data" => ("data", rest),
        _ => ("managed", steps),
    };
    let [Step::Name(kind), Step::Name(name), rest @ ..] = steps else {
        return Err(Lost::new(
            "the address has no TYPE.NAME",
            "`terraform state list` shows the addresses of the resources",
        ));
    };
    let same = |resource: &&Value| {
        resource["module"].as_str().unwrap_or_default() == module
            && resource["mode"] == mode
            && resource["type"] == **kind
            && resource["name"] == **name
    };
    let Some(found) = list(&state["resources"]).iter().find(same) else {
        return Err(Lost::new(
            format!("there is no such resource as `{kind}.{name}`"),
            "`terraform state list` shows those that there are; a resource that is planned is not there yet",
        ));
    };
    let (instance, rest) = instance(found, rest, &format!("{kind}.{name}"))?;
    let Some(Step::Name(attribute)) = rest.first() else {
        let names = instance["attributes"].as_object().into_iter().flatten().map(|(name, _)| name.clone());
        return Err(Lost::new(format!("the address has no attribute of `{kind}.{name}`"), there_are(names)));
    };
    if is_sensitive(instance, attribute) {
        return Err(sensitive(&format!("attribute `{attribute}`")));
    }
    within(&instance["attributes"], rest, &format!("{kind}.{name}"))
}

/// The module's own address, as resources name it, and what is behind it.
fn module(steps: &[Step]) -> (String, &[Step]) {
    let (mut path, mut rest) = (String::new(), steps);
    while let [Step::Name(word), Step::Name(name), behind @ ..] = rest {
        if word != "module" {
            break;
        }
        path = format!("{path}{}module.{name}", if path.is_empty() { "" } else { "." });
        rest = behind;
        if let [index @ (Step::Number(_) | Step::Key(_)), behind @ ..] = rest {
            path = format!("{path}{index}");
            rest = behind;
        }
    }
    (path, rest)
}

/// The instance that is meant, and what is behind it in the address.
fn instance<'a, 'b>(
    resource: &'a Value,
    steps: &'b [Step],
    name: &str,
) -> Result<(&'a Value, &'b [Step]), Lost> {
    let instances = list(&resource["instances"]);
    if let [only] = instances
        && only["index_key"].is_null()
    {
        return Ok((only, steps));
    }
    let indexes = instances.iter().map(|instance| format!("[{}]", instance["index_key"]));
    let (wanted, rest) = match steps.split_first() {
        Some((Step::Number(number), rest)) => (Value::from(*number), rest),
        Some((Step::Key(key), rest)) => (Value::from(key.as_str()), rest),
        _ => {
            let why = format!("`{name}` has {} instances", instances.len());
            return Err(Lost::new(why, there_are(indexes)));
        }
    };
    match instances.iter().find(|instance| instance["index_key"] == wanted) {
        Some(instance) => Ok((instance, rest)),
        None => Err(Lost::new(format!("`{name}` has no instance [{wanted}]"), there_are(indexes))),
    }
}

/// What is deeper in a value.
fn within<'a>(value: &'a Value, steps: &[Step], name: &str) -> Result<&'a Value, Lost> {
    let (mut value, mut name) = (value, name.to_owned());
    for step in steps {
        let next = match step {
            Step::Name(key) | Step::Key(key) => value.get(key),
            Step::Number(number) => value.get(number),
        };
        value = next.filter(|value| !value.is_null()).ok_or_else(|| {
            let hint = match value {
                Value::Object(members) => there_are(members.keys().cloned()),
                Value::Array(items) => format!("it has {} items, counted from 0", items.len()),
                _ => "it is no map and no list".to_owned(),
            };
            Lost::new(format!("`{name}` has no `{step}`"), hint)
        })?;
        name = format!("{name}{step}");
    }
    Ok(value)
}

/// What users and providers have marked. Paths into an attribute mark the whole of it.
fn is_sensitive(instance: &Value, attribute: &str) -> bool {
    let paths = list(&instance["sensitive_attributes"]);
    paths.iter().any(|path| path[0]["type"] == "get_attr" && path[0]["value"] == attribute)
}

fn sensitive(what: &str) -> Lost {
    Lost::new(
        format!("{what} is sensitive"),
        "keep it in Secrets Manager or SSM, and name it in the container's `secrets` (secret_arn, ssm_arn)",
    )
}

fn there_are(names: impl Iterator<Item = String>) -> String {
    const MOST: usize = 20;
    let mut names: Vec<String> = names.collect();
    let more = names.len().saturating_sub(MOST);
    names.truncate(MOST);
    match (names.is_empty(), more) {
        (true, _) => "there are none".to_owned(),
        (false, 0) => format!("there are {}", names.join(", ")),
        (false, more) => format!("there are {} and {more} more", names.join(", ")),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// `a.b[0]["c"]` in its parts; `None` when it is not made like that.
fn steps(address: &str) -> Option<Vec<Step>> {
    let (mut steps, mut rest) = (Vec::new(), address);
    loop {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || "-_".contains(c)) {
            return None;
        }
        steps.push(Step::Name(name.to_owned()));
        rest = behind;
        while let Some(behind) = rest.strip_prefix('[') {
            let (step, behind) = index(behind)?;
            steps.push(step);
            rest = behind;
        }
        match rest.strip_prefix('.') {
            Some(behind) => rest = behind,
            None => return rest.is_empty().then_some(steps),
        }
    }
}

/// `0]` or `"key"]`, and what is behind it. The key is quoted as in JSON.
fn index(text: &str) -> Option<(Step, &str)> {
    if text.starts_with('"') {
        let mut keys = serde_json::Deserializer::from_str(text).into_iter::<String>();
        let key = keys.next()?.ok()?;
        let behind = text.get(keys.byte_offset()..)?.strip_prefix(']')?;
        return Some((Step::Key(key), behind));
    }
    let (number, behind) = text.split_once(']')?;
    Some((Step::Number(number.parse().ok()?), behind))
}

#[cfg(test)]
#[path = "tfstate_tests.rs"]
mod tests;
