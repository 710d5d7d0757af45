//! What SSM's calls take, and what they must not contain.

use serde::Deserialize;
use serde_json::Value;

use super::name::check_name;
use super::{NAMES, Parameter, invalid};
use crate::beside::request::Constraints;
use crate::refusal::Refusal;

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct PutParameter {
    pub(super) name: Option<String>,
    pub(super) value: Option<String>,
    pub(super) r#type: Option<String>,
    pub(super) description: Option<String>,
    pub(super) overwrite: bool,
    pub(super) tier: Option<String>,
    pub(super) data_type: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Named {
    pub(super) name: Option<String>,
    pub(super) names: Option<Vec<String>>,
    pub(super) with_decryption: bool,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct GetParametersByPath {
    pub(super) path: Option<String>,
    pub(super) recursive: bool,
    pub(super) with_decryption: bool,
    pub(super) parameter_filters: Option<Value>,
    pub(super) max_results: Option<i64>,
    pub(super) next_token: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct DescribeParameters {
    pub(super) parameter_filters: Vec<ParameterFilter>,
    pub(super) filters: Option<Value>,
    pub(super) max_results: Option<i64>,
    pub(super) next_token: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ParameterFilter {
    pub(super) key: String,
    pub(super) option: Option<String>,
    pub(super) values: Vec<String>,
}

impl PutParameter {
    /// The name and the value, when both are allowed.
    pub(super) fn check(&self) -> Result<(String, String), Refusal> {
        let mut constraints = Constraints::new("ValidationException");
        constraints.required("name", self.name.as_ref());
        constraints.required("value", self.value.as_ref());
        constraints.hidden_length("value", self.value.as_deref().unwrap_or("-"), 1, usize::MAX);
        if let Some(kind) = &self.r#type {
            constraints.one_of("type", kind, &["SecureString", "StringList", "String"]);
        }
        if let Some(tier) = &self.tier {
            constraints.one_of("tier", tier, &["Standard", "Advanced", "Intelligent-Tiering"]);
        }
        constraints.check()?;
        let (name, value) = (self.name.clone().unwrap_or_default(), self.value.clone().unwrap_or_default());
        check_name(&name)?;
        let standard = self.tier.as_deref().is_none_or(|tier| tier == "Standard");
        let (tier, limit) = if standard { ("Standard", 4096) } else { ("Advanced", 8192) };
        if value.len() > limit {
            return Err(invalid(format!(
                "{tier} tier parameters support a maximum parameter value of {limit} characters."
            )));
        }
        Ok((name, value))
    }
}

impl ParameterFilter {
    pub(super) fn takes(&self, parameter: &Parameter) -> bool {
        let begins = self.option.as_deref() == Some("BeginsWith");
        let takes = |value: &String| {
            if begins { parameter.name.starts_with(value.as_str()) } else { parameter.name == *value }
        };
        self.values.iter().any(takes)
    }
}

/// The name that a call must have.
pub(super) fn one_name(name: Option<String>) -> Result<String, Refusal> {
    let mut constraints = Constraints::new("ValidationException");
    constraints.required("name", name.as_ref());
    constraints.length("name", name.as_deref().unwrap_or("-"), 1, 2048);
    constraints.check()?;
    Ok(name.unwrap_or_default())
}

/// The names that a call must have.
pub(super) fn many_names(names: Option<Vec<String>>) -> Result<Vec<String>, Refusal> {
    let mut constraints = Constraints::new("ValidationException");
    constraints.required("names", names.as_ref());
    constraints.count("names", names.as_ref().map_or(1, Vec::len), 1, NAMES);
    constraints.check()?;
    Ok(names.unwrap_or_default())
}
