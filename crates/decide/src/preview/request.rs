//! What people type in Slack and in comments of pull requests, as a request: `up feature/x`, `extend #12 2d`, `why x`.

use longshore_model::preview::view::Command;

use super::find::nearest;

/// What somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// That something is done.
    Command(Command),
    /// To see all environments.
    List,
    /// To see the last lines of an environment's logs.
    Logs(String),
    /// To know why an environment is as it is.
    Why(String),
    /// To know what can be said.
    Help,
}

/// A pull request in whose comments something was said. Whoever may push there speaks of its environment, and of nothing else:
/// it is not named, and what is about others cannot be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Here<'a> {
    /// `OWNER/NAME`.
    pub repository: &'a str,
    /// Its number.
    pub pull_request: u64,
}

/// What can be said, each with what it does. `ENV` is an id, a branch or `#NUMBER`.
const USAGE: [(&str, &str, &str); 12] = [
    ("up", "[REPOSITORY] BRANCH|#NUMBER", "makes an environment, or tries again"),
    ("down", "ENV", "removes it"),
    ("list", "", "shows all"),
    ("why", "ENV", "says what it waits for"),
    ("logs", "ENV", "shows the last lines of its logs"),
    ("extend", "ENV [2d]", "keeps it for so long"),
    ("pin", "ENV", "keeps it until it is unpinned or its branch ends"),
    ("unpin", "ENV", "lets it end by itself again"),
    ("sleep", "ENV", "takes its tasks away until it is woken"),
    ("wake", "ENV", "brings its tasks back"),
    ("confirm", "REPOSITORY", "lets removals go on that were held because they were many"),
    ("help", "", "shows this"),
];

/// Of these, what is not about the one environment of a pull request.
const ELSEWHERE: [&str; 2] = ["list", "confirm"];

/// All that can be said, a line each; `is_here`: in the comments of a pull request.
#[must_use]
pub fn help(is_here: bool) -> String {
    let known = USAGE.iter().filter(|(verb, _, _)| !(is_here && ELSEWHERE.contains(verb)));
    known.map(|usage| line(usage, is_here)).collect::<Vec<_>>().join("\n")
}

fn line((verb, operands, what): &(&str, &str, &str), is_here: bool) -> String {
    let own = || operands.strip_prefix("ENV").unwrap_or_default().trim_start();
    let operands = if is_here { own() } else { operands };
    format!("`{}` {what}", format!("{verb} {operands}").trim_end())
}

/// Reads what was said behind the command's own name.
///
/// # Errors
/// In a sentence, what is wrong and how it would be right.
pub fn read(text: &str, here: Option<Here<'_>>) -> Result<Request, String> {
    let mut words = text.split_whitespace().map(unquoted);
    let Some(verb) = words.next().map(str::to_ascii_lowercase) else { return Ok(Request::Help) };
    let mut operands: Vec<String> = words.map(str::to_owned).collect();
    if let Some(here) = here {
        if ELSEWHERE.contains(&verb.as_str()) {
            return Err(format!("`{verb}` is about more than this pull request: ask for it elsewhere"));
        }
        if !matches!(verb.as_str(), "up" | "help") {
            operands.insert(0, format!("{}#{}", here.repository, here.pull_request));
        }
    }
    let operands: Vec<&str> = operands.iter().map(String::as_str).collect();
    let environment = || operands.first().map(|it| (*it).to_owned()).unwrap_or_default();
    let command = match (verb.as_str(), operands.as_slice()) {
        ("help", _) => return Ok(Request::Help),
        ("list", []) => return Ok(Request::List),
        ("logs", [_]) => return Ok(Request::Logs(environment())),
        ("why", [_]) => return Ok(Request::Why(environment())),
        ("up", operands) => match up(operands, here) {
            Some(command) => command,
            None => return Err(usage("up", here.is_some())),
        },
        ("down", [_]) => Command::Down { environment: environment() },
        ("extend", [_]) => Command::Extend { environment: environment(), seconds: None },
        ("extend", [_, time]) => {
            Command::Extend { environment: environment(), seconds: Some(seconds(time)?) }
        }
        ("pin", [_]) => Command::Pin { environment: environment(), pinned: true },
        ("unpin", [_]) => Command::Pin { environment: environment(), pinned: false },
        ("sleep", [_]) => Command::Sleep { environment: environment() },
        ("wake", [_]) => Command::Wake { environment: environment() },
        ("confirm", [repository]) => Command::Confirm { repository: (*repository).to_owned() },
        (verb, _) => return Err(usage(verb, here.is_some())),
    };
    Ok(Request::Command(command))
}

fn up(operands: &[&str], here: Option<Here<'_>>) -> Option<Command> {
    let (repository, what) = match (operands, here) {
        ([], Some(here)) => {
            let (repository, pull_request) = (Some(here.repository.to_owned()), Some(here.pull_request));
            return Some(Command::Up { repository, branch: None, pull_request });
        }
        ([what], None) => (None, *what),
        ([repository, what], None) => (Some((*repository).to_owned()), *what),
        _ => return None,
    };
    let number = what.strip_prefix('#').and_then(|number| number.parse().ok());
    let branch = if number.is_none() { Some(what.to_owned()) } else { None };
    Some(Command::Up { repository, branch, pull_request: number })
}

/// How a verb is used; for one that there is not, which is meant.
fn usage(verb: &str, is_here: bool) -> String {
    let known = || USAGE.iter().filter(|(verb, _, _)| !(is_here && ELSEWHERE.contains(verb)));
    if let Some(found) = known().find(|(known, _, _)| *known == verb) {
        return line(found, is_here);
    }
    let meant = nearest(verb, known().map(|(verb, _, _)| *verb));
    let meant = meant.map(|it| format!(" Did you mean `{it}`?")).unwrap_or_default();
    format!("There is no `{verb}`.{meant} `help` shows what there is")
}

/// Names are often copied with the backticks around them.
fn unquoted(word: &str) -> &str {
    word.strip_prefix('`').and_then(|word| word.strip_suffix('`')).unwrap_or(word)
}

/// A duration such as `90m`, `2d` or `1d12h`, in seconds.
///
/// # Errors
/// In a sentence, how it is written.
pub fn seconds(text: &str) -> Result<u32, String> {
    let wrong = || format!("`{text}` is no duration: write `90m`, `12h`, `2d` or `1w`");
    let mut total = 0_u32;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, unit) = rest.split_at(digits);
        let number: u32 = number.parse().map_err(|_| wrong())?;
        let size = match unit.chars().next() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3600,
            Some('d') => 24 * 3600,
            Some('w') => 7 * 24 * 3600,
            _ => return Err(wrong()),
        };
        total = number.checked_mul(size).and_then(|it| total.checked_add(it)).ok_or_else(wrong)?;
        rest = unit.get(1..).unwrap_or_default();
    }
    if total == 0 { Err(wrong()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(text: &str) -> Command {
        match read(text, None) {
            Ok(Request::Command(command)) => command,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn each_verb() {
        let environment = || "feature/x".to_owned();
        let up = |repository: Option<&str>, branch: Option<&str>, pull_request| Command::Up {
            repository: repository.map(str::to_owned),
            branch: branch.map(str::to_owned),
            pull_request,
        };
        assert_eq!(command("up feature/x"), up(None, Some("feature/x"), None));
        assert_eq!(command("  UP  octo/shop `feature/x` "), up(Some("octo/shop"), Some("feature/x"), None));
        assert_eq!(command("up shop #12"), up(Some("shop"), None, Some(12)));
        assert_eq!(command("up #x"), up(None, Some("#x"), None));
        assert_eq!(command("down feature/x"), Command::Down { environment: environment() });
        let extend = |seconds| Command::Extend { environment: environment(), seconds };
        assert_eq!(command("extend feature/x 2d"), extend(Some(172_800)));
        assert_eq!(command("extend feature/x"), extend(None));
        assert_eq!(command("pin feature/x"), Command::Pin { environment: environment(), pinned: true });
        assert_eq!(command("unpin feature/x"), Command::Pin { environment: environment(), pinned: false });
        assert_eq!(command("sleep feature/x"), Command::Sleep { environment: environment() });
        assert_eq!(command("wake feature/x"), Command::Wake { environment: environment() });
        assert_eq!(command("confirm octo/shop"), Command::Confirm { repository: "octo/shop".to_owned() });
        assert_eq!(read("why feature/x", None), Ok(Request::Why(environment())));
        assert_eq!(read("logs feature/x", None), Ok(Request::Logs(environment())));
        assert_eq!(read("list", None), Ok(Request::List));
        assert_eq!(read("", None), Ok(Request::Help));
        assert_eq!(help(false).lines().count(), USAGE.len());
    }

    #[test]
    fn what_is_wrong_is_said_with_what_would_be_right() {
        for (text, expected) in [
            ("down", "`down ENV` removes it"),
            ("up", "`up [REPOSITORY] BRANCH|#NUMBER`"),
            ("up a b c", "`up [REPOSITORY]"),
            ("list all", "`list` shows all"),
            ("extend x soon", "`soon` is no duration"),
            ("dwon x", "Did you mean `down`?"),
            ("deploy", "There is no `deploy`."),
        ] {
            let wrong = read(text, None).unwrap_err();
            assert!(wrong.contains(expected), "{text}: {wrong}");
        }
    }

    #[test]
    fn in_a_pull_request_nobody_names_its_environment() {
        let here = Some(Here { repository: "octo/shop", pull_request: 7 });
        let up =
            Command::Up { repository: Some("octo/shop".to_owned()), branch: None, pull_request: Some(7) };
        assert_eq!(read("up", here), Ok(Request::Command(up)));
        let environment = "octo/shop#7".to_owned();
        let extend = Command::Extend { environment: environment.clone(), seconds: Some(3600) };
        assert_eq!(read("extend 1h", here), Ok(Request::Command(extend)));
        assert_eq!(read("why", here), Ok(Request::Why(environment)));
        for text in ["up main", "down main", "list", "confirm", "confirm octo/shop", "CONFIRM octo/other"] {
            assert!(read(text, here).is_err(), "{text}");
        }
        assert_eq!(read("extend soon now", here).unwrap_err(), "`extend [2d]` keeps it for so long");
        assert!(!read("confirn", here).unwrap_err().contains("confirm`"));
        let help = help(true);
        assert!(help.starts_with("`up` makes an environment, or tries again\n`down` removes it\n"), "{help}");
        assert!(!help.contains("ENV") && !help.contains("confirm") && !help.contains("list"), "{help}");
    }

    #[test]
    fn durations() {
        assert_eq!(seconds("90m"), Ok(5400));
        assert_eq!(seconds("1d12h"), Ok(129_600));
        assert_eq!(seconds("1w"), Ok(604_800));
        assert_eq!(seconds("45s"), Ok(45));
        for text in ["", "0m", "2", "2x", "d", "-1d", "99999999w", "1d ", "2ü", "4294967296s"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
