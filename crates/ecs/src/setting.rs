//! Account settings: ECS's own values, the account's defaults over them, and each principal's over those.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::api::{Caller, request};
use crate::cloud::{Cloud, Key};
use crate::fault::Fault;
use crate::page::{PageRequest, page};

/// The settings and the values with which a new account begins.
const KNOWN: &[(&str, &str, &[&str])] = &[
    ("awsvpcTrunking", "disabled", &["enabled", "disabled"]),
    ("containerInsights", "disabled", &["enabled", "disabled", "enhanced"]),
    ("containerInstanceLongArnFormat", "enabled", &["enabled"]),
    ("defaultLogDriverMode", "non-blocking", &["blocking", "non-blocking"]),
    ("dualStackIPv6", "enabled", &["enabled", "disabled"]),
    ("fargateFIPSMode", "disabled", &["enabled", "disabled"]),
    ("fargateTaskRetirementWaitPeriod", "7", &["0", "7", "14"]),
    ("guardDutyActivate", "off", &["on", "off"]),
    ("serviceLongArnFormat", "enabled", &["enabled"]),
    ("tagResourceAuthorization", "on", &["on", "off"]),
    ("taskLongArnFormat", "enabled", &["enabled"]),
];

/// What was set, beyond ECS's own values.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Settings {
    defaults: BTreeMap<String, String>,
    /// By principal, then by name.
    principals: BTreeMap<String, BTreeMap<String, String>>,
}

request! {
    /// ListAccountSettings.
    ListAccountSettings {
        name: Option<String>,
        value: Option<String>,
        principal_arn: Option<String>,
        effective_settings: bool,
        max_results: Option<i32>,
        next_token: Option<String>,
    }
}
request! {
    /// PutAccountSetting.
    PutAccountSetting { name: String, value: String, principal_arn: Option<String> }
}
request! {
    /// PutAccountSettingDefault.
    PutAccountSettingDefault { name: String, value: String }
}
request! {
    /// DeleteAccountSetting.
    DeleteAccountSetting { name: String, principal_arn: Option<String> }
}

/// A setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// For whom.
    pub principal_arn: String,
    /// `user`, or `aws_managed` for `guardDutyActivate`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// The answer with one setting.
#[derive(Debug, Clone, Serialize)]
pub struct OneSetting {
    /// The setting.
    pub setting: Setting,
}

/// The answer of ListAccountSettings.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SettingPage {
    /// One page.
    pub settings: Vec<Setting>,
    /// Where the next one begins.
    pub next_token: Option<String>,
}

impl Cloud {
    pub(crate) fn list_account_settings(
        &self,
        request: &ListAccountSettings,
        caller: &Caller,
    ) -> Result<SettingPage, Fault> {
        if let Some(name) = &request.name {
            known(name)?;
        }
        let pages =
            PageRequest { max_results: request.max_results, next_token: request.next_token.as_deref() };
        let after = pages.after()?;
        let principal = request.principal_arn.as_deref().unwrap_or(&caller.arn);
        let settings = KNOWN
            .iter()
            .map(|(name, _, _)| self.setting(name, principal))
            .filter(|setting| request.name.as_ref().is_none_or(|name| *name == setting.name))
            .filter(|setting| request.value.as_ref().is_none_or(|value| *value == setting.value))
            .filter(|setting| request.effective_settings || self.is_set(&setting.name, principal))
            .filter(|setting| after.as_ref().is_none_or(|after| setting.name > *after));
        let page = page(settings, pages.limit(100)?, |setting| setting.name.clone());
        Ok(SettingPage { settings: page.items, next_token: page.next_token })
    }

    pub(crate) fn put_account_setting(
        &mut self,
        request: &PutAccountSetting,
        caller: &Caller,
    ) -> Result<OneSetting, Fault> {
        check_value(&request.name, &request.value)?;
        let principal = request.principal_arn.clone().unwrap_or_else(|| caller.arn.clone());
        let values = self.settings.principals.entry(principal.clone()).or_default();
        values.insert(request.name.clone(), request.value.clone());
        self.touch(Key::Settings);
        Ok(OneSetting { setting: self.setting(&request.name, &principal) })
    }

    pub(crate) fn put_account_setting_default(
        &mut self,
        request: &PutAccountSettingDefault,
        caller: &Caller,
    ) -> Result<OneSetting, Fault> {
        check_value(&request.name, &request.value)?;
        self.settings.defaults.insert(request.name.clone(), request.value.clone());
        self.touch(Key::Settings);
        let mut setting = self.setting(&request.name, &caller.arn);
        setting.value.clone_from(&request.value);
        Ok(OneSetting { setting })
    }

    pub(crate) fn delete_account_setting(
        &mut self,
        request: &DeleteAccountSetting,
        caller: &Caller,
    ) -> Result<OneSetting, Fault> {
        known(&request.name)?;
        let principal = request.principal_arn.clone().unwrap_or_else(|| caller.arn.clone());
        if let Some(values) = self.settings.principals.get_mut(&principal) {
            values.remove(&request.name);
            self.touch(Key::Settings);
        }
        Ok(OneSetting { setting: self.setting(&request.name, &principal) })
    }

    fn is_set(&self, name: &str, principal: &str) -> bool {
        self.settings.principals.get(principal).is_some_and(|values| values.contains_key(name))
    }

    fn setting(&self, name: &str, principal: &str) -> Setting {
        let of_principal = self.settings.principals.get(principal).and_then(|values| values.get(name));
        let own = KNOWN.iter().find(|(known, _, _)| *known == name).map_or("", |(_, value, _)| *value);
        let value = of_principal.or_else(|| self.settings.defaults.get(name)).map_or(own, String::as_str);
        Setting {
            name: name.to_owned(),
            value: value.to_owned(),
            principal_arn: principal.to_owned(),
            kind: if name == "guardDutyActivate" { "aws_managed" } else { "user" },
        }
    }
}

fn known(name: &str) -> Result<&'static [&'static str], Fault> {
    match KNOWN.iter().find(|(known, _, _)| *known == name) {
        Some((_, _, values)) => Ok(values),
        None => {
            let names: Vec<_> = KNOWN.iter().map(|(name, _, _)| *name).collect();
            Err(Fault::invalid(format!("name should be one of [{}]", names.join(","))))
        }
    }
}

fn check_value(name: &str, value: &str) -> Result<(), Fault> {
    let values = known(name)?;
    if values.contains(&value) {
        return Ok(());
    }
    Err(Fault::invalid(format!("value of {name} should be one of [{}]", values.join(","))))
}
