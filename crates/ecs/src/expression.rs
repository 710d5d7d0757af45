//! The cluster query language: what `memberOf` constraints and the filter of ListContainerInstances are written in.
//!
//! An expression is parsed once into a tree and then asked of as many container instances as there are.

use std::fmt;

use longshore_model::Timestamp;

mod literal;
mod parse;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use literal::{Moment, Pattern, Version};
pub use parse::{MAX_DEPTH, MAX_LENGTH, ParseError};

/// A container instance as an expression sees it.
pub trait Subject {
    /// Whether its agent answers.
    fn agent_connected(&self) -> bool;
    /// Its agent's version, such as `1.94.0`.
    fn agent_version(&self) -> Option<&str>;
    /// `None` without the attribute, `Some(None)` when it has no value.
    fn attribute(&self, name: &str) -> Option<Option<&str>>;
    /// `i-...`.
    fn ec2_instance_id(&self) -> Option<&str>;
    /// When it joined the cluster.
    fn registered_at(&self) -> Timestamp;
    /// How many tasks are RUNNING on it.
    fn running_tasks_count(&self) -> i32;
    /// The groups of its tasks, each once.
    fn task_groups(&self) -> impl Iterator<Item = &str>;
}

/// A parsed query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// `a and b and ...`: at least two.
    All(Vec<Expression>),
    /// `a or b or ...`: at least two.
    Any(Vec<Expression>),
    /// `not a`.
    Not(Box<Expression>),
    /// A question about something that is text.
    Text {
        /// What is asked about.
        subject: TextSubject,
        /// `!=`, `!in`, `!~` and `!exists`. Not the same as [`Expression::Not`]: an attribute that is absent does not
        /// differ from a value either.
        negated: bool,
        /// What is asked.
        test: TextTest,
    },
    /// `agentVersion < 1.14.5`.
    AgentVersion(Comparison, Version),
    /// `registeredAt < 2018-02-13`.
    RegisteredAt(Comparison, Moment),
    /// `runningTasksCount == 1`.
    RunningTasksCount(Comparison, i32),
}

/// A subject that is text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextSubject {
    /// `true` or `false`.
    AgentConnected,
    /// The value of the attribute of this name.
    Attribute(String),
    /// `i-...`.
    Ec2InstanceId,
    /// Any of the groups that have tasks there.
    TaskGroup,
}

/// A question about text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextTest {
    /// It is this.
    Equals(String),
    /// It is one of these.
    In(Vec<String>),
    /// The whole of it matches.
    Matches(Pattern),
    /// It is there.
    Exists,
    /// It sorts so: as numbers where both are numbers, else letter by letter.
    Ordered(Comparison, String),
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
}

impl Expression {
    /// Reads a query.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parse::parse(text)
    }

    /// Whether it is true of the instance.
    pub fn holds(&self, of: &impl Subject) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(of)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(of)),
            Self::Not(part) => !part.holds(of),
            Self::Text { subject, negated, test } => text_holds(subject, *negated, test, of),
            Self::AgentVersion(comparison, than) => of
                .agent_version()
                .and_then(Version::parse)
                .is_some_and(|version| comparison.holds(&version, than)),
            Self::RegisteredAt(comparison, than) => {
                comparison.holds(&of.registered_at().0.div_euclid(1000), &than.seconds())
            }
            Self::RunningTasksCount(comparison, than) => comparison.holds(&of.running_tasks_count(), than),
        }
    }
}

fn text_holds(subject: &TextSubject, negated: bool, test: &TextTest, of: &impl Subject) -> bool {
    let value = match subject {
        // An instance has many groups: "is not this one" asks that none of them is.
        TextSubject::TaskGroup => {
            return of.task_groups().any(|group| test.accepts(Some(group))) != negated;
        }
        TextSubject::AgentConnected => Some(Some(if of.agent_connected() { "true" } else { "false" })),
        TextSubject::Attribute(name) => of.attribute(name),
        TextSubject::Ec2InstanceId => of.ec2_instance_id().map(Some),
    };
    match value {
        Some(value) => test.accepts(value) != negated,
        None => negated && matches!(test, TextTest::Exists),
    }
}

impl TextTest {
    /// Whether what is there passes; `None` is an attribute without a value.
    fn accepts(&self, value: Option<&str>) -> bool {
        match (self, value) {
            (Self::Exists, _) => true,
            (_, None) => false,
            (Self::Equals(wanted), Some(value)) => value == wanted,
            (Self::In(wanted), Some(value)) => wanted.iter().any(|one| one == value),
            (Self::Matches(pattern), Some(value)) => pattern.matches(value),
            (Self::Ordered(comparison, than), Some(value)) => {
                match (value.parse::<i64>(), than.parse::<i64>()) {
                    (Ok(value), Ok(than)) => comparison.holds(&value, &than),
                    _ => comparison.holds(value, than.as_str()),
                }
            }
        }
    }
}

impl Comparison {
    fn holds<T: Ord + ?Sized>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(parts) => write_joined(f, parts, " and "),
            Self::Any(parts) => write_joined(f, parts, " or "),
            Self::Not(part) if matches!(**part, Self::All(_) | Self::Any(_)) => write!(f, "not({part})"),
            Self::Not(part) => write!(f, "not {part}"),
            Self::Text { subject, negated, test } => write_text(f, subject, *negated, test),
            Self::AgentVersion(comparison, than) => write!(f, "agentVersion {} {than}", comparison.as_str()),
            Self::RegisteredAt(comparison, than) => write!(f, "registeredAt {} {than}", comparison.as_str()),
            Self::RunningTasksCount(comparison, than) => {
                write!(f, "runningTasksCount {} {than}", comparison.as_str())
            }
        }
    }
}

fn write_joined(f: &mut fmt::Formatter<'_>, parts: &[Expression], word: &str) -> fmt::Result {
    for (position, part) in parts.iter().enumerate() {
        if position > 0 {
            f.write_str(word)?;
        }
        match part {
            Expression::All(_) | Expression::Any(_) => write!(f, "({part})")?,
            _ => write!(f, "{part}")?,
        }
    }
    Ok(())
}

fn write_text(
    f: &mut fmt::Formatter<'_>,
    subject: &TextSubject,
    negated: bool,
    test: &TextTest,
) -> fmt::Result {
    match subject {
        TextSubject::AgentConnected => f.write_str("agentConnected")?,
        TextSubject::Attribute(name) => write!(f, "attribute:{name}")?,
        TextSubject::Ec2InstanceId => f.write_str("ec2InstanceId")?,
        TextSubject::TaskGroup => f.write_str("task:group")?,
    }
    let not = if negated { "!" } else { "" };
    match test {
        TextTest::Equals(value) => write!(f, " {}= {}", if negated { "!" } else { "=" }, quoted(value)),
        TextTest::In(values) => {
            write!(
                f,
                " {not}in [{}]",
                values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(", ")
            )
        }
        TextTest::Matches(pattern) => {
            write!(f, " {}~ {}", if negated { "!" } else { "=" }, quoted(pattern.as_str()))
        }
        TextTest::Exists => write!(f, " {not}exists"),
        TextTest::Ordered(comparison, than) => write!(f, " {} {}", comparison.as_str(), quoted(than)),
    }
}

/// The language has no escapes: no value that was parsed contains both kinds of quotes.
fn quoted(value: &str) -> String {
    let quote = if value.contains('\'') { '"' } else { '\'' };
    format!("{quote}{value}{quote}")
}
