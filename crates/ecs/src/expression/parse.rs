//! From a query's text to its tree, by recursive descent.

use std::fmt;

use super::literal::{Moment, Pattern, Version};
use super::{Comparison, Expression, TextSubject, TextTest};

/// The most characters that an expression may have.
pub const MAX_LENGTH: usize = 2000;

/// How deep parentheses and `not` may nest, so that no input exhausts the stack.
pub const MAX_DEPTH: usize = 100;

/// Why a text is no query, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The character at which reading stopped, counted from 0.
    pub position: usize,
    /// What is wrong there.
    pub problem: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at character {}", self.problem, self.position.saturating_add(1))
    }
}

impl std::error::Error for ParseError {}

pub(super) fn parse(text: &str) -> Result<Expression, ParseError> {
    if text.chars().count() > MAX_LENGTH {
        let problem = format!("longer than {MAX_LENGTH} characters");
        return Err(ParseError { position: MAX_LENGTH, problem });
    }
    let mut parser = Parser { text, at: 0, depth: 0 };
    let expression = parser.any()?;
    if parser.peek().is_some() {
        return parser.fail("expected `and`, `or` or the end");
    }
    Ok(expression)
}

/// An operator, before it is known what its subject can be asked.
#[derive(Clone, Copy)]
enum Operator {
    Compare(Comparison),
    Exists { negated: bool },
    In { negated: bool },
    Matches { negated: bool },
}

/// Longer signs before those that they begin with.
const SIGNS: &[(&str, Operator)] = &[
    ("==", Operator::Compare(Comparison::Equal)),
    ("!=", Operator::Compare(Comparison::NotEqual)),
    (">=", Operator::Compare(Comparison::GreaterOrEqual)),
    (">", Operator::Compare(Comparison::Greater)),
    ("<=", Operator::Compare(Comparison::LessOrEqual)),
    ("<", Operator::Compare(Comparison::Less)),
    ("=~", Operator::Matches { negated: false }),
    ("!~", Operator::Matches { negated: true }),
];

const WORDS: &[(&str, Operator)] = &[
    ("equals", Operator::Compare(Comparison::Equal)),
    ("not_equals", Operator::Compare(Comparison::NotEqual)),
    ("greater_than", Operator::Compare(Comparison::Greater)),
    ("greater_than_equal", Operator::Compare(Comparison::GreaterOrEqual)),
    ("less_than", Operator::Compare(Comparison::Less)),
    ("less_than_equal", Operator::Compare(Comparison::LessOrEqual)),
    ("exists", Operator::Exists { negated: false }),
    ("not_exists", Operator::Exists { negated: true }),
    ("!exists", Operator::Exists { negated: true }),
    ("in", Operator::In { negated: false }),
    ("not_in", Operator::In { negated: true }),
    ("!in", Operator::In { negated: true }),
    ("matches", Operator::Matches { negated: false }),
    ("not_matches", Operator::Matches { negated: true }),
];

struct Parser<'a> {
    text: &'a str,
    /// In bytes, always between characters.
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn any(&mut self) -> Result<Expression, ParseError> {
        let mut parts = vec![self.all()?];
        while self.sign("||") || self.word("or") {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Expression::Any))
    }

    fn all(&mut self) -> Result<Expression, ParseError> {
        let mut parts = vec![self.one()?];
        while self.sign("&&") || self.word("and") {
            parts.push(self.one()?);
        }
        Ok(one_or(parts, Expression::All))
    }

    fn one(&mut self) -> Result<Expression, ParseError> {
        let not = self.sign("!") || self.word("not");
        if !not && !self.sign("(") {
            return self.test();
        }
        if self.depth == MAX_DEPTH {
            return self.fail("nested too deep");
        }
        self.depth += 1;
        let expression = if not {
            Expression::Not(Box::new(self.one()?))
        } else {
            let inner = self.any()?;
            if !self.sign(")") {
                return self.fail("expected `)`");
            }
            inner
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn test(&mut self) -> Result<Expression, ParseError> {
        self.skip_space();
        let start = self.at;
        let subject = self.take_while(|c| c.is_ascii_alphanumeric() || "-_/\\.:".contains(c));
        match subject {
            "agentVersion" => {
                let comparison = self.comparison()?;
                let version = self.value(false, "expected a version such as 1.14.5", Version::parse)?;
                Ok(Expression::AgentVersion(comparison, version))
            }
            "registeredAt" => {
                let comparison = self.comparison()?;
                let moment =
                    self.value(false, "expected a date such as 2018-06-18T22:28:28Z", Moment::parse)?;
                Ok(Expression::RegisteredAt(comparison, moment))
            }
            "runningTasksCount" => {
                let comparison = self.comparison()?;
                let count = self.value(false, "expected a number", |text| text.parse().ok())?;
                Ok(Expression::RunningTasksCount(comparison, count))
            }
            "agentConnected" => self.text_test(TextSubject::AgentConnected),
            "ec2InstanceId" => self.text_test(TextSubject::Ec2InstanceId),
            "task:group" => self.text_test(TextSubject::TaskGroup),
            _ => match subject.strip_prefix("attribute:") {
                Some(name) if !name.is_empty() && !name.contains(':') => {
                    self.text_test(TextSubject::Attribute(name.to_owned()))
                }
                _ => {
                    self.at = start;
                    self.fail("expected a subject")
                }
            },
        }
    }

    fn text_test(&mut self, subject: TextSubject) -> Result<Expression, ParseError> {
        let start = self.at;
        let operator = self.operator()?;
        let known = match operator {
            Operator::Compare(Comparison::Equal | Comparison::NotEqual) => true,
            Operator::Compare(_) => matches!(subject, TextSubject::Attribute(_)),
            Operator::Exists { .. } => matches!(subject, TextSubject::Attribute(_) | TextSubject::TaskGroup),
            Operator::In { .. } | Operator::Matches { .. } => true,
        };
        if !known {
            self.at = start;
            return self.fail("the subject does not have this operator");
        }
        let (negated, test) = match operator {
            Operator::Compare(Comparison::Equal) => (false, TextTest::Equals(self.literal(false)?)),
            Operator::Compare(Comparison::NotEqual) => (true, TextTest::Equals(self.literal(false)?)),
            Operator::Compare(comparison) => (false, TextTest::Ordered(comparison, self.literal(false)?)),
            Operator::Exists { negated } => (negated, TextTest::Exists),
            Operator::In { negated } => (negated, TextTest::In(self.list()?)),
            Operator::Matches { negated } => {
                let pattern =
                    self.value(true, "expected a regular expression", |text| Pattern::parse(text).ok())?;
                (negated, TextTest::Matches(pattern))
            }
        };
        Ok(Expression::Text { subject, negated, test })
    }

    fn comparison(&mut self) -> Result<Comparison, ParseError> {
        let start = self.at;
        if let Operator::Compare(comparison) = self.operator()? {
            return Ok(comparison);
        }
        self.at = start;
        self.fail("the subject does not have this operator")
    }

    fn operator(&mut self) -> Result<Operator, ParseError> {
        self.skip_space();
        for (sign, operator) in SIGNS {
            if self.sign(sign) {
                return Ok(*operator);
            }
        }
        for (word, operator) in WORDS {
            if self.word(word) {
                return Ok(*operator);
            }
        }
        self.fail("expected an operator")
    }

    fn list(&mut self) -> Result<Vec<String>, ParseError> {
        if !self.sign("[") {
            return self.fail("expected `[`");
        }
        let mut values = vec![self.literal(false)?];
        while self.sign(",") {
            values.push(self.literal(false)?);
        }
        if !self.sign("]") {
            return self.fail("expected `,` or `]`");
        }
        Ok(values)
    }

    /// A literal that means something.
    fn value<T>(
        &mut self,
        pattern: bool,
        problem: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, ParseError> {
        self.skip_space();
        let start = self.at;
        let literal = self.literal(pattern)?;
        if let Some(value) = read(&literal) {
            return Ok(value);
        }
        self.at = start;
        self.fail(problem)
    }

    /// Text in quotes, or up to the next space, parenthesis, list sign or boolean sign. A pattern may contain the
    /// signs of a list, since brackets and commas mean something in it.
    fn literal(&mut self, pattern: bool) -> Result<String, ParseError> {
        self.skip_space();
        let rest = self.rest();
        if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '\'' | '"')) {
            let inner = rest.get(1..).unwrap_or_default();
            let Some(end) = inner.find(quote) else {
                return self.fail("expected the closing quote");
            };
            self.at += end + 2;
            return Ok(inner.get(..end).unwrap_or_default().to_owned());
        }
        let ends = |(at, c): (usize, char)| {
            c.is_whitespace()
                || matches!(c, '(' | ')' | '\'' | '"')
                || (!pattern && matches!(c, '[' | ']' | ','))
                || rest.get(at..).is_some_and(|rest| rest.starts_with("&&") || rest.starts_with("||"))
        };
        let end = rest.char_indices().find(|place| ends(*place)).map_or(rest.len(), |(at, _)| at);
        if end == 0 {
            return self.fail("expected a value");
        }
        self.at += end;
        Ok(rest.get(..end).unwrap_or_default().to_owned())
    }

    /// Steps over `sign` if it is next.
    fn sign(&mut self, sign: &str) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(sign);
        if found {
            self.at += sign.len();
        }
        found
    }

    /// Steps over `word` if it is next and ends there.
    fn word(&mut self, word: &str) -> bool {
        self.skip_space();
        let after = self.rest().strip_prefix(word);
        let found = after
            .is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric() || "_-.:".contains(c)));
        if found {
            self.at += word.len();
        }
        found
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let taken = rest.find(|c| !wanted(c)).and_then(|end| rest.get(..end)).unwrap_or(rest);
        self.at += taken.len();
        taken
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn peek(&mut self) -> Option<char> {
        self.skip_space();
        self.rest().chars().next()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn fail<T>(&self, problem: &str) -> Result<T, ParseError> {
        let position = self.text.get(..self.at).unwrap_or_default().chars().count();
        Err(ParseError { position, problem: problem.to_owned() })
    }
}

fn one_or(mut parts: Vec<Expression>, many: impl Fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            many(parts)
        }
    }
}
