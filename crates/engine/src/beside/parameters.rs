//! SSM Parameter Store of one account and region: what a task definition's `secrets` refer to by name.
//!
//! Without `WithDecryption` a SecureString's value comes back as [`ENCRYPTED`], where AWS gives the encrypted bytes.

mod name;
mod requests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use longshore_model::Timestamp;
use longshore_model::arn::Scope;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::name::{check_path, is_below};
use self::requests::{
    DescribeParameters, GetParametersByPath, Named, ParameterFilter, PutParameter, many_names, one_name,
};
use super::request::{Constraints, parse, unknown_operation};
use super::{Answer, Hidden, lock, when_durable};
use crate::refusal::Refusal;
use crate::store::{Record, Store, Ticket, Write};

/// What stands for the value of a SecureString that was asked for without `WithDecryption`.
pub const ENCRYPTED: &str = "(encrypted; ask with WithDecryption)";

const KIND: &str = "parameter";

/// How many versions of a parameter are kept.
const VERSIONS: usize = 100;

/// How many names a request has, and how many parameters a page of GetParametersByPath.
const NAMES: usize = 10;

/// How many parameters a page of DescribeParameters has.
const DESCRIBED: i64 = 50;

/// The parameters of one account and region.
pub struct Parameters {
    scope: Scope,
    key: Arc<str>,
    store: Arc<Store>,
    all: Mutex<BTreeMap<String, Parameter>>,
}

/// What is stored of a parameter.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Parameter {
    name: String,
    description: Option<String>,
    /// Oldest first; never empty.
    versions: Vec<Version>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Version {
    number: i64,
    kind: String,
    value: Hidden,
    advanced: bool,
    data_type: String,
    modified: Timestamp,
}

impl Parameters {
    /// No parameters yet; stored ones come back through [`Parameters::restore`].
    #[must_use]
    pub fn new(scope: Scope, store: Arc<Store>) -> Self {
        let key = format!("{}/{}", scope.account, scope.region).into();
        Self { scope, key, store, all: Mutex::default() }
    }

    /// Takes a stored record back, at the start; a record of another kind is ignored.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn restore(&self, record: &Record) -> Result<(), serde_json::Error> {
        if record.kind == KIND {
            let parameter: Parameter = serde_json::from_str(&record.body)?;
            lock(&self.all).insert(parameter.name.clone(), parameter);
        }
        Ok(())
    }

    /// Answers a call of the API `AmazonSSM`.
    ///
    /// # Errors
    /// What SSM refuses, and what the engine does not offer.
    pub async fn call(&self, operation: &str, body: Value, now: Timestamp) -> Result<Value, Refusal> {
        let answer = match operation {
            "PutParameter" => parse(body).and_then(|request| self.put(request, now)),
            "GetParameter" => parse(body).and_then(|request| self.get(request)),
            "GetParameters" => parse(body).and_then(|request| self.get_many(request)),
            "GetParametersByPath" => parse(body).and_then(|request| self.get_below(request)),
            "DescribeParameters" => parse(body).and_then(|request| self.describe(request)),
            "DeleteParameter" => parse(body).and_then(|request| self.delete(request)),
            "DeleteParameters" => parse(body).and_then(|request| self.delete_many(request)),
            _ => Err(unknown_operation()),
        };
        when_durable(&self.store, answer).await
    }

    /// A parameter's decrypted value, for a container's environment: by name or ARN, with or without `:version`.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        let all = lock(&self.all);
        self.find(&all, name).ok().map(|(_, version, _)| version.value.0.clone())
    }

    fn put(&self, request: PutParameter, now: Timestamp) -> Answer {
        let (name, value) = request.check()?;
        let mut all = lock(&self.all);
        let existing = all.get(&name);
        if existing.is_some() && !request.overwrite {
            return Err(Refusal::new(
                "ParameterAlreadyExists",
                "The parameter already exists. To overwrite this value, set the overwrite option in the request \
                 to true.",
            ));
        }
        let newest = existing.and_then(|parameter| parameter.versions.last());
        let Some(kind) = request.r#type.or_else(|| newest.map(|version| version.kind.clone())) else {
            return Err(invalid("A parameter type is required when you create a parameter."));
        };
        let version = Version {
            number: newest.map_or(1, |version| version.number + 1),
            kind,
            value: Hidden(value),
            advanced: request.tier.is_some_and(|tier| tier != "Standard"),
            data_type: request.data_type.unwrap_or_else(|| "text".into()),
            modified: now,
        };
        let answer = json!({"Version": version.number, "Tier": version.tier()});
        let mut parameter = existing.cloned().unwrap_or_else(|| Parameter {
            name: name.clone(),
            description: None,
            versions: Vec::new(),
        });
        parameter.description = request.description.or(parameter.description);
        parameter.versions.push(version);
        let surplus = parameter.versions.len().saturating_sub(VERSIONS);
        parameter.versions.drain(..surplus);
        let body = serde_json::to_string(&parameter)
            .map_err(|error| Refusal::new("InternalServerError", error.to_string()).with_status(500))?;
        all.insert(name.clone(), parameter);
        let write = Write::Put { scope: Arc::clone(&self.key), kind: KIND, id: name, body };
        Ok((answer, self.store.submit(vec![write])))
    }

    fn get(&self, request: Named) -> Answer {
        let name = one_name(request.name)?;
        let all = lock(&self.all);
        let (parameter, version, selector) = self.find(&all, &name)?;
        let shown = self.show(parameter, version, selector, request.with_decryption);
        Ok((json!({"Parameter": shown}), self.store.barrier()))
    }

    fn get_many(&self, request: Named) -> Answer {
        let names = many_names(request.names)?;
        let all = lock(&self.all);
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for name in names {
            match self.find(&all, &name) {
                Ok((parameter, version, selector)) => {
                    found.push(self.show(parameter, version, selector, request.with_decryption));
                }
                Err(_) => missing.push(name),
            }
        }
        Ok((json!({"Parameters": found, "InvalidParameters": missing}), self.store.barrier()))
    }

    fn get_below(&self, request: GetParametersByPath) -> Answer {
        let mut constraints = Constraints::new("ValidationException");
        constraints.required("path", request.path.as_ref());
        let most = i64::try_from(NAMES).unwrap_or(0);
        constraints.range("maxResults", request.max_results.unwrap_or(most), 1, most);
        constraints.check()?;
        if request.parameter_filters.is_some() {
            return Err(not_offered("ParameterFilters of GetParametersByPath"));
        }
        let path = request.path.unwrap_or_default();
        check_path(&path)?;
        let all = lock(&self.all);
        let below = all.values().filter(|parameter| is_below(&parameter.name, &path, request.recursive));
        let (page, next) = page(below, request.next_token.as_deref(), request.max_results.unwrap_or(most));
        let shown = page.iter().filter_map(|parameter| {
            Some(self.show(parameter, parameter.versions.last()?, None, request.with_decryption))
        });
        let answer = with_token(json!({"Parameters": shown.collect::<Vec<_>>()}), next);
        Ok((answer, self.store.barrier()))
    }

    fn describe(&self, request: DescribeParameters) -> Answer {
        let mut constraints = Constraints::new("ValidationException");
        constraints.range("maxResults", request.max_results.unwrap_or(DESCRIBED), 1, DESCRIBED);
        constraints.check()?;
        let offered = |filter: &ParameterFilter| {
            filter.key == "Name" && matches!(filter.option.as_deref(), None | Some("Equals" | "BeginsWith"))
        };
        if request.filters.is_some() || !request.parameter_filters.iter().all(offered) {
            return Err(not_offered("any filter of DescribeParameters but Name with Equals or BeginsWith"));
        }
        let all = lock(&self.all);
        let wanted =
            all.values().filter(|parameter| request.parameter_filters.iter().all(|f| f.takes(parameter)));
        let (page, next) =
            page(wanted, request.next_token.as_deref(), request.max_results.unwrap_or(DESCRIBED));
        let described = page.iter().filter_map(|parameter| self.describe_one(parameter));
        let answer = with_token(json!({"Parameters": described.collect::<Vec<_>>()}), next);
        Ok((answer, self.store.barrier()))
    }

    fn delete(&self, request: Named) -> Answer {
        let name = one_name(request.name)?;
        match self.remove(&[name]) {
            (deleted, _, _) if deleted.is_empty() => Err(not_found()),
            (_, _, ticket) => Ok((json!({}), ticket)),
        }
    }

    fn delete_many(&self, request: Named) -> Answer {
        let (deleted, missing, ticket) = self.remove(&many_names(request.names)?);
        Ok((json!({"DeletedParameters": deleted, "InvalidParameters": missing}), ticket))
    }

    /// Which were there and which were not.
    fn remove(&self, names: &[String]) -> (Vec<String>, Vec<String>, Ticket) {
        let mut all = lock(&self.all);
        let (deleted, missing): (Vec<String>, Vec<String>) =
            names.iter().cloned().partition(|name| all.remove(name).is_some());
        let write =
            |name: &String| Write::Delete { scope: Arc::clone(&self.key), kind: KIND, id: name.clone() };
        let ticket = self.store.submit(deleted.iter().map(write).collect());
        (deleted, missing, ticket)
    }

    /// The parameter and version that `name` (or an ARN) with an optional `:version` means, and that selector.
    fn find<'a>(
        &self,
        all: &'a BTreeMap<String, Parameter>,
        name: &'a str,
    ) -> Result<(&'a Parameter, &'a Version, Option<&'a str>), Refusal> {
        let (candidates, rest) = match name.strip_prefix(&self.arn("")) {
            // The ARN of `/a/b` has one slash only, and does not tell `a` from `/a`.
            Some(path) => (["", "/"], path),
            None if name.starts_with("arn:") => return Err(not_found()),
            None => (["", ""], name),
        };
        let (bare, selector) = rest.split_once(':').map_or((rest, None), |(bare, s)| (bare, Some(s)));
        let parameter =
            candidates.iter().find_map(|slash| all.get(&format!("{slash}{bare}"))).ok_or_else(not_found)?;
        let version = match selector {
            None => parameter.versions.last(),
            Some(selector) => {
                parameter.versions.iter().find(|version| version.number.to_string() == selector)
            }
        };
        let version = version.ok_or_else(|| {
            let name = &parameter.name;
            Refusal::new(
                "ParameterVersionNotFound",
                format!(
                    "Systems Manager could not find version {} of {name}. Verify the version and try again.",
                    selector.unwrap_or_default()
                ),
            )
        })?;
        Ok((parameter, version, selector))
    }

    fn arn(&self, path: &str) -> String {
        let Scope { account, region } = &self.scope;
        let path = path.strip_prefix('/').unwrap_or(path);
        format!("arn:{}:ssm:{region}:{account}:parameter/{path}", self.scope.partition())
    }

    fn show(&self, parameter: &Parameter, version: &Version, selector: Option<&str>, decrypt: bool) -> Value {
        let hidden = version.kind == "SecureString" && !decrypt;
        let mut shown = json!({
            "Name": parameter.name,
            "Type": version.kind,
            "Value": if hidden { ENCRYPTED } else { &version.value.0 },
            "Version": version.number,
            "LastModifiedDate": version.modified,
            "ARN": self.arn(&parameter.name),
            "DataType": version.data_type,
        });
        if let Some(selector) = selector {
            shown["Selector"] = json!(format!(":{selector}"));
        }
        shown
    }

    fn describe_one(&self, parameter: &Parameter) -> Option<Value> {
        let version = parameter.versions.last()?;
        let mut described = json!({
            "Name": parameter.name,
            "ARN": self.arn(&parameter.name),
            "Type": version.kind,
            "LastModifiedDate": version.modified,
            "LastModifiedUser": format!("arn:{}:iam::{}:user/longshore", self.scope.partition(), self.scope.account),
            "Version": version.number,
            "Tier": version.tier(),
            "Policies": [],
            "DataType": version.data_type,
        });
        if let Some(description) = &parameter.description {
            described["Description"] = json!(description);
        }
        Some(described)
    }
}

impl Version {
    fn tier(&self) -> &'static str {
        if self.advanced { "Advanced" } else { "Standard" }
    }
}

/// The parameters after the token's name, and the token for the next page.
fn page<'a>(
    parameters: impl Iterator<Item = &'a Parameter>,
    after: Option<&str>,
    limit: i64,
) -> (Vec<&'a Parameter>, Option<String>) {
    let limit = usize::try_from(limit).unwrap_or(0);
    let mut page: Vec<&Parameter> = parameters
        .filter(|parameter| after.is_none_or(|after| parameter.name.as_str() > after))
        .take(limit + 1)
        .collect();
    let more = page.len() > limit;
    page.truncate(limit);
    let next = page.last().filter(|_| more).map(|parameter| parameter.name.clone());
    (page, next)
}

fn with_token(mut answer: Value, next: Option<String>) -> Value {
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    answer
}

/// SSM gives no sentence with it.
fn not_found() -> Refusal {
    Refusal { message: None, ..Refusal::new("ParameterNotFound", "") }
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationException", message)
}

fn not_offered(what: &str) -> Refusal {
    invalid(format!("Longshore's engine does not offer {what}"))
}
