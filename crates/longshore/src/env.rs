//! Every environment variable that Longshore reads itself. (The AWS configuration reads its own: `AWS_*`.)

use anyhow::Result;

use crate::error::Failed;

/// `NO_COLOR` with any value means no colours, as <https://no-color.org> has it.
pub(crate) fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Who we are, for the reason of a stopped task.
pub(crate) fn user() -> Option<String> {
    text("USER").or_else(|| text("LOGNAME"))
}

/// `user@host`, as far as they are known.
pub(crate) fn who() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    match user() {
        Some(user) => format!("{user}@{host}"),
        None => host,
    }
}

/// A variable that the user names, to be handed to a container.
pub(crate) fn named(name: &str) -> Result<String> {
    let Some(value) = std::env::var_os(name) else {
        return Err(Failed::usage(format!("environment variable `{name}` is not set"))
            .with_hint(format!("`-e {name}` takes it from here; write `-e {name}=VALUE` to set it"))
            .into());
    };
    value
        .into_string()
        .map_err(|_| Failed::usage(format!("environment variable `{name}` is not UTF-8")).into())
}

/// A variable that a template names. One that is not UTF-8 cannot be put into a text, and counts as not set.
pub(crate) fn of_template(name: &str) -> Option<String> {
    // A name that no variable can have.
    if name.is_empty() || name.contains(['=', '\0']) {
        return None;
    }
    std::env::var_os(name)?.into_string().ok()
}

fn text(name: &str) -> Option<String> {
    std::env::var_os(name)?.into_string().ok().filter(|value| !value.is_empty())
}

/// The user's directory for data that programs keep: `XDG_DATA_HOME`, else `~/.local/share`.
pub(crate) fn data_home() -> Option<std::path::PathBuf> {
    let home = || Some(std::path::PathBuf::from(text("HOME")?).join(".local/share"));
    text("XDG_DATA_HOME").map(Into::into).or_else(home)
}

/// The region that the AWS tools would take: `AWS_REGION`, else `AWS_DEFAULT_REGION`.
pub(crate) fn region() -> Option<String> {
    text("AWS_REGION").or_else(|| text("AWS_DEFAULT_REGION"))
}

/// Where Docker is, when it is not where it usually is.
pub(crate) fn docker_host() -> Option<String> {
    text("DOCKER_HOST")
}

/// `PATH`, for the programs that the process runtime starts.
pub(crate) fn path() -> String {
    text("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".to_owned())
}

/// What the engine says while it runs: `LONGSHORE_LOG`, a filter such as `debug` or `longshore_engine=debug`.
pub(crate) fn log_filter() -> String {
    text("LONGSHORE_LOG").unwrap_or_else(|| "warn".to_owned())
}

/// Where the Lambda runtime hands out events, when this process is a Lambda function.
pub(crate) fn is_lambda() -> bool {
    text("AWS_LAMBDA_RUNTIME_API").is_some()
}

/// Name and version of the Lambda function that this process is.
pub(crate) fn lambda_function() -> Option<(String, String)> {
    let version = || text("AWS_LAMBDA_FUNCTION_VERSION").unwrap_or_else(|| "$LATEST".to_owned());
    is_lambda().then_some(())?;
    text("AWS_LAMBDA_FUNCTION_NAME").map(|name| (name, version()))
}

/// Which branch and commit this process is a preview of: `LONGSHORE_BRANCH` and `LONGSHORE_SHA`, which every container of
/// an environment has.
pub(crate) fn preview() -> Option<(String, String)> {
    Some((text("LONGSHORE_BRANCH")?, text("LONGSHORE_SHA")?))
}

/// The token for a `longshore serve` elsewhere: `LONGSHORE_TOKEN`.
pub(crate) fn token() -> Option<String> {
    text("LONGSHORE_TOKEN")
}

/// A secret of `longshore serve`, from the variable that longshore.toml names.
pub(crate) fn secret(name: &str) -> Option<String> {
    text(name)
}

/// Whether tests write their expectations anew (`LONGSHORE_ACCEPT=1`).
#[cfg(test)]
pub(crate) fn accept() -> bool {
    text("LONGSHORE_ACCEPT").is_some()
}
