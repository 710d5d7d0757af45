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

fn text(name: &str) -> Option<String> {
    std::env::var_os(name)?.into_string().ok().filter(|value| !value.is_empty())
}
