//! The placeholders of images and environment variables. Values are data: they are put in once, and never read again.

use longshore_model::preview::Revision;

/// Fills in `{{ branch }}`, `{{ sha }}`, `{{ pr }}` (empty where there is no pull request) and `{{ name }}` (the label).
///
/// # Errors
/// A sentence about the first placeholder that is none of these.
pub(super) fn text(template: &str, revision: &Revision, label: &str) -> Result<String, String> {
    fill(template, |name| match name {
        "branch" => Some(Ok(revision.branch.clone())),
        "sha" => Some(Ok(revision.sha.clone())),
        "pr" => Some(Ok(revision.pull_request.map(|number| number.to_string()).unwrap_or_default())),
        "name" => Some(Ok(label.to_owned())),
        _ => None,
    })
}

/// The same for the name of an image, where only what is legal in a tag may be put in.
///
/// # Errors
/// The same, and when a value is not legal in a tag, such as a branch with a slash.
pub(super) fn image(template: &str, revision: &Revision, label: &str) -> Result<String, String> {
    let in_tag = |name: &str, value: &str| {
        if value.is_empty() {
            return Err(format!("`{{{{ {name} }}}}` has no value here: only a pull request has a number"));
        }
        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        if value.bytes().all(is_legal) {
            return Ok(value.to_owned());
        }
        Err(format!("`{value}` cannot be part of an image's tag; use `{{{{ name }}}}` or `{{{{ sha }}}}`"))
    };
    fill(template, |name| match name {
        "branch" => Some(in_tag(name, &revision.branch)),
        "sha" => Some(in_tag(name, &revision.sha)),
        "pr" => {
            let number = revision.pull_request.map(|number| number.to_string());
            Some(in_tag(name, &number.unwrap_or_default()))
        }
        "name" => Some(in_tag(name, label)),
        _ => None,
    })
}

fn fill(template: &str, value: impl Fn(&str) -> Option<Result<String, String>>) -> Result<String, String> {
    const KNOWN: &str = "the placeholders are `{{ branch }}`, `{{ sha }}`, `{{ pr }}` and `{{ name }}`";
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, behind) =
            after.split_once("}}").ok_or_else(|| format!("a `{{{{` has no `}}}}`; {KNOWN}"))?;
        let name = name.trim();
        filled.push_str(before);
        filled.push_str(&value(name).ok_or_else(|| format!("there is no `{{{{ {name} }}}}`; {KNOWN}"))??);
        rest = behind;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(branch: &str, pull_request: Option<u64>) -> Revision {
        Revision { sha: "0a1b".into(), branch: branch.into(), pull_request }
    }

    #[test]
    fn placeholders_are_filled_in_once() {
        let revision = revision("{{ sha }};$(reboot)", Some(7));
        let cases = [
            ("", ""),
            ("plain }} text", "plain }} text"),
            ("{{ sha }}", "0a1b"),
            ("{{sha}}-{{  pr }}-{{ name }}", "0a1b-7-x"),
            ("a {{ branch }} b", "a {{ sha }};$(reboot) b"),
        ];
        for (template, expected) in cases {
            assert_eq!(text(template, &revision, "x").as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn other_placeholders_are_refused() {
        for template in ["{{ Branch }}", "{{ env.HOME }}", "{{}}", "{{ sha", "{{ sha | sh }}"] {
            assert!(text(template, &revision("b", None), "x").is_err(), "{template}");
            assert!(image(template, &revision("b", None), "x").is_err(), "{template}");
        }
    }

    #[test]
    fn an_image_gets_only_what_is_legal_in_a_tag() {
        let slash = revision("feature/x", None);
        assert_eq!(image("r/app:{{ name }}-{{ sha }}", &slash, "x-1").as_deref(), Ok("r/app:x-1-0a1b"));
        assert!(image("r/app:{{ branch }}", &slash, "x").unwrap_err().contains("{{ name }}"));
        assert!(image("r/app:pr-{{ pr }}", &slash, "x").unwrap_err().contains("pull request"));
        assert_eq!(text("{{ pr }}", &slash, "x").as_deref(), Ok(""));
    }
}
