//! What people ask in comments of pull requests: carried out in a round of the repository, from the delivery that is kept, and
//! answered where it was asked.
//!
//! What a command changes, its answer and its line of the audit log are one write, under the delivery's generation: a crash
//! before it has done nothing, and one behind it leaves only the answer to be given.

use std::collections::BTreeSet;

use longshore_decide::preview::request::{self, Request};
use longshore_decide::preview::webhook::{self, Asked};
use longshore_decide::preview::{command, comment, github, view, words};
use longshore_model::preview::view::Command;
use longshore_model::preview::{Deed, Delivery, DeliveryState, Subject};
use longshore_model::{Error, Kind};
use longshore_world::{Expect, Write};

use super::clerk::{Answered, Clerk};
use super::{Object, Previews};
use crate::book::{AUDIT, DELIVERIES, Kept, PAYLOADS, PENDING, put, remove};

/// What GitHub calls the event of a comment.
const EVENT: &str = "issue_comment";
/// So many are carried out in one round: each is a few calls of GitHub.
const MOST: usize = 20;
/// Lines of a log in an answer.
const LINES: u16 = 50;

/// A comment that asks for something, and nobody has been answered yet.
#[derive(Debug)]
pub(super) struct Comment {
    /// Of its line in the list of pending deliveries, which is in the order of their coming.
    pub(super) key: String,
    delivery: Kept<Delivery>,
    repository: String,
    pull_request: u64,
    asked: Asked,
}

/// What somebody is told.
#[derive(Debug, Default)]
struct Told {
    text: String,
    log: Vec<String>,
}

impl Told {
    fn only(text: String) -> Self {
        Self { text, log: Vec::new() }
    }
}

impl Previews {
    /// What a pending delivery asks for, read from its bytes; none when it only says where to look.
    pub(super) async fn comment_of(
        &self,
        key: &str,
        delivery: &Kept<Delivery>,
    ) -> Result<Option<Comment>, Error> {
        if delivery.value.event != EVENT {
            return Ok(None);
        }
        let row = self.book.store().read(PAYLOADS, &delivery.value.id).await?;
        let payload = row.and_then(|row| serde_json::from_slice(&row.body).ok()).unwrap_or_default();
        let hint = webhook::read(EVENT, &payload).ok();
        Ok(hint.and_then(|hint| {
            let Subject::PullRequest(pull_request) = hint.subject else { return None };
            let (delivery, repository) = (delivery.clone(), hint.repository);
            Some(Comment { key: key.to_owned(), delivery, repository, pull_request, asked: hint.asked? })
        }))
    }

    /// Carries them out and answers them, in the order of their coming. What cannot be done now holds up what was asked in
    /// the same pull request later, and nobody else. Whether some are left, and the first trouble.
    pub(super) async fn answer(
        &self,
        mut comments: Vec<Comment>,
        wake: &mut Vec<Object>,
    ) -> (bool, Option<Error>) {
        let mut is_left = comments.len() > MOST;
        comments.truncate(MOST);
        let (mut held, mut trouble) = (BTreeSet::new(), None);
        for comment in comments {
            let number = comment.pull_request;
            if held.contains(&number) {
                continue;
            }
            if let Err(error) = self.answer_one(comment, wake).await {
                held.insert(number);
                is_left = true;
                trouble.get_or_insert(error);
            }
        }
        (is_left, trouble)
    }

    async fn answer_one(&self, comment: Comment, wake: &mut Vec<Object>) -> Result<(), Error> {
        let Comment { key, mut delivery, repository, pull_request, asked } = comment;
        let told = match (&delivery.value.state, &asked.request) {
            (DeliveryState::Answering(text), _) => Told::only(text.clone()),
            (_, Ok(Request::Command(command))) => {
                let text = self.obey(&mut delivery, &repository, &asked.who, command, wake).await?;
                Told::only(text)
            }
            (_, request) => match self.refusal(&repository, &asked.who).await? {
                Some(why) => Told::only(why),
                None => {
                    self.look_up(request).await.unwrap_or_else(|error| Told::only(comment::words(&error)))
                }
            },
        };
        let text = github::answer(&asked.who, &told.text, &told.log);
        let end = match self.world.github.comment(&repository, pull_request, &text).await {
            Ok(()) => told.text,
            Err(error) if comment::passes(error.kind()) => return Err(error),
            Err(error) => format!("{} (whoever asked was not told: {error})", told.text),
        };
        let done = Delivery { state: DeliveryState::Done(end), ..delivery.value };
        let expect = Expect::Generation(delivery.generation);
        let writes =
            vec![remove(PENDING, key, Expect::Anything), put(DELIVERIES, done.id.as_str(), expect, &done)];
        // Where it is not written, somebody else has ended it.
        self.book.write(writes).await.map(drop)
    }

    /// Why somebody may not ask, if so.
    async fn refusal(&self, repository: &str, who: &str) -> Result<Option<String>, Error> {
        match self.world.github.permission(repository, who).await {
            Ok(permission) => Ok(comment::refusal(who, repository, permission)),
            Err(error) if comment::passes(error.kind()) => Err(error),
            // Whom GitHub does not vouch for commands nothing.
            Err(error) => Ok(Some(comment::words(&error))),
        }
    }

    /// Does what somebody asks who may, and writes what came of it into the delivery, all at once.
    async fn obey(
        &self,
        delivery: &mut Kept<Delivery>,
        repository: &str,
        who: &str,
        command: &Command,
        wake: &mut Vec<Object>,
    ) -> Result<String, Error> {
        let refusal = self.refusal(repository, who).await?;
        let (book, now) = (&self.book, self.now());
        let noted = |answer: &Answered| -> Vec<Write> {
            let outcome = match answer {
                Ok(text) => text.clone(),
                Err(error) => format!("failed: {error}"),
            };
            let (what, via) = (command::words(command), "github".to_owned());
            let deed = Deed { at: now, who: who.to_owned(), via, what, outcome: Some(outcome) };
            let key = format!("{:020}/{}", now.0, delivery.value.id);
            let after = answering(&delivery.value, answer);
            let expect = Expect::Generation(delivery.generation);
            let id = delivery.value.id.as_str();
            vec![put(AUDIT, key, Expect::Anything, &deed), put(DELIVERIES, id, expect, &after)]
        };
        let clerk = Clerk { book, policies: &self.policies, github: Some(self.world.github.as_ref()), now };
        let done = match refusal {
            Some(why) => Err(Error::new(Kind::Denied, why)),
            None => clerk.carry_out(command, who, &delivery.value.id, |_, answer| noted(answer)).await,
        };
        let answer = match done {
            Ok((id, answer)) => {
                wake.push(Object::Environment(id));
                answer
            }
            Err(error) if comment::passes(error.kind()) => return Err(error),
            Err(error) => {
                let answer = Err(error);
                if !book.write(noted(&answer)).await? {
                    let what = format!("delivery `{}` is answered by somebody else", delivery.value.id);
                    return Err(Error::new(Kind::Conflict, what));
                }
                answer
            }
        };
        if let Some(written) = book.read::<Delivery>(DELIVERIES, &delivery.value.id).await? {
            *delivery = written;
        }
        Ok(said(&answer))
    }

    /// What changes nothing.
    async fn look_up(&self, request: &Result<Request, String>) -> Result<Told, Error> {
        let github = Some(self.world.github.as_ref());
        let clerk = Clerk { book: &self.book, policies: &self.policies, github, now: self.now() };
        Ok(match request {
            Err(wrong) => Told::only(wrong.clone()),
            Ok(Request::Why(name)) => {
                let record = clerk.find(name).await?.value;
                let policy = self.policy_of(&record).map(AsRef::as_ref);
                Told::only(words::why(&view::now(&record, policy, self.now())))
            }
            Ok(Request::Logs(name)) => {
                let log = self.last_lines(&clerk.find(name).await?.value, LINES).await?;
                let text = if log.is_empty() { "Its tasks have written nothing." } else { "Its log:" };
                Told { text: text.to_owned(), log }
            }
            Ok(Request::Help | Request::List | Request::Command(_)) => Told::only(request::help(true)),
        })
    }
}

/// A delivery whose answer is known.
fn answering(delivery: &Delivery, answer: &Answered) -> Delivery {
    Delivery { state: DeliveryState::Answering(said(answer)), ..delivery.clone() }
}

fn said(answer: &Answered) -> String {
    answer.as_ref().map_or_else(comment::words, Clone::clone)
}
