//! Where templates' values come from outside this machine. Each is asked for once, and only when a template wants it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use longshore_aws::{Aws, Parameter, Settings};
use longshore_model::{Error, Kind};
use tokio::sync::OnceCell;

/// A directory's files have a few values each; far more than that is a loop that asks for names of its own making.
const MAX_QUESTIONS: usize = 500;

/// What a template wants to know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Question {
    /// A parameter of SSM, by name.
    Parameter(String),
    /// The ARN of a secret, by name.
    Secret(String),
    /// The outputs of a stack, by name.
    Outputs(String),
    /// Everything that stacks export.
    Exports,
}

/// What it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Parameter(Parameter),
    Arn(String),
    Values(BTreeMap<String, String>),
}

/// AWS, or the local engine: connected to when the first question comes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Amazon(Arc<OnceCell<Aws>>);

impl From<Aws> for Amazon {
    fn from(aws: Aws) -> Self {
        Self(Arc::new(OnceCell::new_with(Some(aws))))
    }
}

impl Amazon {
    pub(crate) async fn answer(&self, question: Question) -> Result<Answer, Error> {
        let aws = self.0.get_or_try_init(|| Aws::connect(Settings::default())).await?;
        match question {
            Question::Parameter(name) => aws.parameter(&name).await.map(Answer::Parameter),
            Question::Secret(name) => aws.secret_arn(&name).await.map(Answer::Arn),
            Question::Outputs(stack) => aws.stack_outputs(&stack).await.map(Answer::Values),
            Question::Exports => aws.exports().await.map(Answer::Values),
        }
    }
}

/// Waits for an answer.
pub(super) type Ask = Box<dyn Fn(Question) -> Result<Answer, Error> + Send + Sync>;

/// Remembers every answer, the bad ones too.
pub(super) struct Answers {
    ask: Ask,
    known: Mutex<BTreeMap<Question, Result<Answer, Error>>>,
}

impl Answers {
    pub(super) fn new(ask: Ask) -> Self {
        Self { ask, known: Mutex::default() }
    }

    pub(super) fn get(&self, question: Question) -> Result<Answer, Error> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = known.get(&question) {
            return answer.clone();
        }
        if known.len() >= MAX_QUESTIONS {
            let said = format!("the templates of one directory ask for more than {MAX_QUESTIONS} values");
            return Err(Error::new(Kind::Invalid, said).with_hint("split the directory"));
        }
        let answer = (self.ask)(question.clone());
        known.insert(question, answer.clone());
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn each_question_is_asked_once_and_there_is_an_end() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let answers = Answers::new(Box::new(move |question| {
            count.fetch_add(1, Ordering::Relaxed);
            match question {
                Question::Secret(name) => Ok(Answer::Arn(name)),
                _ => Err(Error::new(Kind::NotFound, "no")),
            }
        }));
        for _ in 0..3 {
            assert_eq!(answers.get(Question::Secret("a".into())), Ok(Answer::Arn("a".into())));
            assert_eq!(answers.get(Question::Exports).unwrap_err().to_string(), "no");
        }
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        for number in 2..MAX_QUESTIONS {
            answers.get(Question::Secret(number.to_string())).unwrap();
        }
        let error = answers.get(Question::Secret("one more".into())).unwrap_err();
        assert!(error.to_string().contains("more than 500 values"));
        assert!(answers.get(Question::Secret("a".into())).is_ok());
        assert_eq!(asked.load(Ordering::Relaxed), MAX_QUESTIONS);
    }
}
