//! The conditions of a rule: read from ELB's two forms, checked, and shown again.

use std::fmt;
use std::str::FromStr;

use core::net::IpAddr;
use serde::{Deserialize, Serialize};
use serde_with::{DeserializeFromStr, SerializeDisplay};

use super::fault::Fault;
use super::limit::{CONDITION_VALUES, CONDITION_WILDCARDS};
use super::shape::{HttpHeaderConfig, QueryStringConfig, QueryStringPair, RuleCondition, Values};

/// The longest value of a condition.
const VALUE_CHARACTERS: usize = 128;
/// The longest name of a header, and of a method.
const NAME_CHARACTERS: usize = 40;
/// What a path pattern may have besides letters, digits and wildcards.
const PATH_CHARACTERS: &str = "_-.$/~\"'@:+&";
/// What the name of a header may have besides letters and digits (RFC 7230).
const TOKEN_CHARACTERS: &str = "!#$%&'*+-.^_`|~";

/// What a request must have so that a rule takes it. Where there are several values, one of them must match. In patterns
/// `*` stands for any number of characters and `?` for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// Patterns of the host, whatever the case.
    HostHeader(Vec<String>),
    /// Patterns of the path.
    PathPattern(Vec<String>),
    /// A header, whatever the case of its name, and patterns of its value, whatever their case.
    HttpHeader {
        /// Its name.
        name: String,
        /// The patterns.
        values: Vec<String>,
    },
    /// Patterns of the key (any when there is none) and of the value of a pair in the query, whatever the case. `\*` and
    /// `\?` are the characters themselves.
    QueryString(Vec<(Option<String>, String)>),
    /// The method, letter by letter.
    RequestMethod(Vec<String>),
    /// The address that the connection comes from.
    SourceIp(Vec<Cidr>),
}

/// A block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, SerializeDisplay, DeserializeFromStr)]
pub struct Cidr {
    /// Any address of the block.
    pub address: IpAddr,
    /// How many of its first bits all addresses of the block have.
    pub bits: u8,
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("The source-ip value '{text}' must be in CIDR format");
        let (address, bits) = text.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        match bits.parse() {
            Ok(bits) if bits <= most => Ok(Self { address, bits }),
            _ => Err(wrong()),
        }
    }
}

/// Reads the conditions of a rule: at most one of each sort but for headers and query strings, and not too many values.
pub(super) fn read(shapes: &[RuleCondition]) -> Result<Vec<Condition>, Fault> {
    if shapes.is_empty() {
        return Err(Fault::invalid("A condition must be specified"));
    }
    let mut conditions: Vec<Condition> = Vec::new();
    for shape in shapes {
        let condition = read_one(shape)?;
        let many = matches!(condition, Condition::HttpHeader { .. } | Condition::QueryString(_));
        if !many && conditions.iter().any(|other| other.field() == condition.field()) {
            return Err(Fault::invalid(format!(
                "A rule can only have one '{}' condition",
                condition.field()
            )));
        }
        conditions.push(condition);
    }
    if conditions.iter().map(Condition::count).sum::<usize>() > CONDITION_VALUES {
        return Err(Fault::invalid(format!("A rule can only have '{CONDITION_VALUES}' condition values")));
    }
    if conditions.iter().map(Condition::wildcards).sum::<usize>() > CONDITION_WILDCARDS {
        let message = format!("A rule can only have '{CONDITION_WILDCARDS}' condition wildcards");
        return Err(Fault::invalid(message));
    }
    Ok(conditions)
}

fn read_one(shape: &RuleCondition) -> Result<Condition, Fault> {
    let field = shape.field.as_deref().unwrap_or_default();
    let configured = [
        ("host-header", shape.host_header_config.is_some()),
        ("path-pattern", shape.path_pattern_config.is_some()),
        ("http-header", shape.http_header_config.is_some()),
        ("query-string", shape.query_string_config.is_some()),
        ("http-request-method", shape.http_request_method_config.is_some()),
        ("source-ip", shape.source_ip_config.is_some()),
    ];
    if !configured.iter().any(|(known, _)| *known == field) {
        let known = configured.map(|(known, _)| known).join(", ");
        return Err(Fault::invalid(format!("Condition field '{field}' must be one of '[{known}]'")));
    }
    if let Some((other, _)) = configured.iter().find(|(known, given)| *given && *known != field) {
        let message = format!("The configuration of '{other}' cannot be specified for a '{field}' condition");
        return Err(Fault::invalid(message));
    }
    if has_regex(shape) {
        let message =
            "The local engine has no regular expressions in conditions: use values with '*' and '?'";
        return Err(Fault::configuration(message));
    }
    match field {
        "host-header" => {
            each(either(shape, shape.host_header_config.as_ref())?, check_host).map(Condition::HostHeader)
        }
        "path-pattern" => {
            each(either(shape, shape.path_pattern_config.as_ref())?, check_path).map(Condition::PathPattern)
        }
        _ if !shape.values.is_empty() => {
            Err(Fault::invalid(format!("The 'Values' field is not compatible with '{field}'")))
        }
        "http-header" => read_header(shape.http_header_config.as_ref()),
        "query-string" => read_query(shape.query_string_config.as_ref()),
        "http-request-method" => {
            let values = values_of(field, shape.http_request_method_config.as_ref())?;
            each(values, check_method).map(Condition::RequestMethod)
        }
        _ => {
            let blocks = values_of(field, shape.source_ip_config.as_ref())?;
            let blocks: Result<Vec<Cidr>, String> = blocks.iter().map(|text| text.parse()).collect();
            blocks.map(Condition::SourceIp).map_err(Fault::invalid)
        }
    }
}

fn has_regex(shape: &RuleCondition) -> bool {
    let configs = [&shape.host_header_config, &shape.path_pattern_config];
    !shape.regex_values.is_empty()
        || configs.into_iter().flatten().any(|config| !config.regex_values.is_empty())
        || shape.http_header_config.as_ref().is_some_and(|config| !config.regex_values.is_empty())
}

/// The values of the older or the newer form, which must not both be there.
fn either<'a>(shape: &'a RuleCondition, config: Option<&'a Values>) -> Result<&'a [String], Fault> {
    match config {
        Some(_) if !shape.values.is_empty() => Err(Fault::invalid(
            "A condition can have either 'Values' or a configuration of its field, not both",
        )),
        Some(config) => Ok(&config.values),
        None => Ok(&shape.values),
    }
}

fn values_of<'a>(field: &str, config: Option<&'a Values>) -> Result<&'a [String], Fault> {
    let missing =
        || Fault::invalid(format!("A configuration of its values must be specified with '{field}'"));
    config.map(|config| config.values.as_slice()).ok_or_else(missing)
}

fn each(values: &[String], check: impl Fn(&str) -> Result<(), String>) -> Result<Vec<String>, Fault> {
    if values.is_empty() {
        return Err(Fault::invalid("A condition value must be specified"));
    }
    values.iter().try_for_each(|value| check(value)).map_err(Fault::invalid)?;
    Ok(values.to_vec())
}

fn read_header(config: Option<&HttpHeaderConfig>) -> Result<Condition, Fault> {
    let config =
        config.ok_or_else(|| Fault::invalid("A 'HttpHeaderConfig' must be specified with 'http-header'"))?;
    let name = config.http_header_name.clone().unwrap_or_default();
    let is_token = name.chars().all(|it| it.is_ascii_alphanumeric() || TOKEN_CHARACTERS.contains(it));
    if name.is_empty() || !is_token || name.contains('*') {
        return Err(Fault::invalid(format!(
            "The 'HttpHeaderName' value '{name}' is not the name of a header"
        )));
    }
    if name.len() > NAME_CHARACTERS {
        let message = format!("The 'HttpHeaderName' value is too long; the limit is '{NAME_CHARACTERS}'");
        return Err(Fault::invalid(message));
    }
    if name.eq_ignore_ascii_case("host") {
        return Err(Fault::invalid("The host header cannot be a 'http-header' condition: use 'host-header'"));
    }
    let values = each(&config.values, |value| check_length("http-header", value))?;
    Ok(Condition::HttpHeader { name, values })
}

fn read_query(config: Option<&QueryStringConfig>) -> Result<Condition, Fault> {
    let pairs = config.map(|config| config.values.as_slice()).unwrap_or_default();
    if pairs.is_empty() {
        return Err(Fault::invalid(
            "A 'QueryStringConfig' with values must be specified with 'query-string'",
        ));
    }
    let read = |pair: &QueryStringPair| {
        let value = pair.value.clone().filter(|value| !value.is_empty());
        let value = value.ok_or("A 'Value' must be specified in 'QueryStringKeyValuePair'")?;
        check_length("query-string", &value)?;
        let key = pair.key.clone().filter(|key| !key.is_empty());
        key.as_deref().map_or(Ok(()), |key| check_length("query-string", key))?;
        Ok((key, value))
    };
    let pairs: Result<Vec<_>, String> = pairs.iter().map(read).collect();
    pairs.map(Condition::QueryString).map_err(Fault::invalid)
}

fn check_length(field: &str, value: &str) -> Result<(), String> {
    if value.is_empty() {
        return Err("A condition value must be specified".into());
    }
    if value.chars().count() > VALUE_CHARACTERS {
        return Err(format!("The '{field}' value is too long; the limit is '{VALUE_CHARACTERS}'"));
    }
    Ok(())
}

/// Letters, digits, hyphens, dots and wildcards; at least one dot, and only letters (or wildcards) after the last.
fn check_host(value: &str) -> Result<(), String> {
    check_length("host-header", value)?;
    let is_allowed = value.chars().all(|it| it.is_ascii_alphanumeric() || "-.*?".contains(it));
    let last = value.rsplit_once('.').map(|(_, last)| last);
    let ends_well = last.is_some_and(|last| {
        !last.is_empty() && last.chars().all(|it| it.is_ascii_alphabetic() || "*?".contains(it))
    });
    if is_allowed && ends_well {
        Ok(())
    } else {
        Err(format!("The 'host-header' value '{value}' is not valid"))
    }
}

fn check_path(value: &str) -> Result<(), String> {
    check_length("path-pattern", value)?;
    let is_allowed =
        |it: char| it.is_ascii_alphanumeric() || "*?".contains(it) || PATH_CHARACTERS.contains(it);
    if value.chars().all(is_allowed) {
        return Ok(());
    }
    Err(format!("The 'path-pattern' value '{value}' contains invalid characters"))
}

fn check_method(value: &str) -> Result<(), String> {
    check_length("http-request-method", value)?;
    if value.len() > NAME_CHARACTERS {
        return Err(format!("The 'http-request-method' value is too long; the limit is '{NAME_CHARACTERS}'"));
    }
    if value.chars().all(|it| it.is_ascii_uppercase() || "-_".contains(it)) {
        return Ok(());
    }
    Err("The 'http-request-method' value is invalid; the allowed characters are A-Z, hyphen and underscore"
        .into())
}

impl Condition {
    /// ELB's name for what is looked at.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::HostHeader(_) => "host-header",
            Self::PathPattern(_) => "path-pattern",
            Self::HttpHeader { .. } => "http-header",
            Self::QueryString(_) => "query-string",
            Self::RequestMethod(_) => "http-request-method",
            Self::SourceIp(_) => "source-ip",
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::HostHeader(values)
            | Self::PathPattern(values)
            | Self::HttpHeader { values, .. }
            | Self::RequestMethod(values) => values.len(),
            Self::QueryString(pairs) => pairs.len(),
            Self::SourceIp(blocks) => blocks.len(),
        }
    }

    fn wildcards(&self) -> usize {
        match self {
            Self::HostHeader(values) | Self::PathPattern(values) | Self::HttpHeader { values, .. } => {
                values.iter().map(|value| wildcards(value)).sum()
            }
            Self::QueryString(pairs) => {
                let texts = pairs.iter().flat_map(|(key, value)| key.iter().chain([value]));
                texts.map(|text| wildcards(&text.replace("\\*", "").replace("\\?", ""))).sum()
            }
            Self::RequestMethod(_) | Self::SourceIp(_) => 0,
        }
    }

    /// As ELB shows it: hosts and paths in both forms.
    pub(super) fn shape(&self) -> RuleCondition {
        let mut shape = RuleCondition { field: Some(self.field().to_owned()), ..RuleCondition::default() };
        let config = |values: &[String]| Some(Values { values: values.to_vec(), regex_values: Vec::new() });
        match self {
            Self::HostHeader(values) => {
                shape.values.clone_from(values);
                shape.host_header_config = config(values);
            }
            Self::PathPattern(values) => {
                shape.values.clone_from(values);
                shape.path_pattern_config = config(values);
            }
            Self::HttpHeader { name, values } => {
                let (http_header_name, values) = (Some(name.clone()), values.clone());
                shape.http_header_config =
                    Some(HttpHeaderConfig { http_header_name, values, regex_values: Vec::new() });
            }
            Self::QueryString(pairs) => {
                let pair = |(key, value): &(Option<String>, String)| QueryStringPair {
                    key: key.clone(),
                    value: Some(value.clone()),
                };
                shape.query_string_config =
                    Some(QueryStringConfig { values: pairs.iter().map(pair).collect() });
            }
            Self::RequestMethod(values) => shape.http_request_method_config = config(values),
            Self::SourceIp(blocks) => {
                let blocks: Vec<String> = blocks.iter().map(ToString::to_string).collect();
                shape.source_ip_config = config(&blocks);
            }
        }
        shape
    }
}

fn wildcards(text: &str) -> usize {
    text.chars().filter(|it| "*?".contains(*it)).count()
}

#[cfg(test)]
#[path = "condition_tests.rs"]
mod tests;
