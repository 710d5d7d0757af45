//! Tokens of the API. Only their SHA-256 is kept, so that whoever reads the store cannot use them.

use longshore_control::book::{self, Book, Kept};
use longshore_model::preview::view::Role;
use longshore_model::{Error, Kind, Timestamp};
use longshore_world::Expect;
use serde::{Deserialize, Serialize};

use crate::random;

/// What every token begins with, so that scanners of leaked secrets can find it.
const PREFIX: &str = "longshore_";

/// The hexadecimal digits behind it.
const DIGITS: usize = 64;

/// The keys of rows that lead from a name to a token's hash. Hashes are hexadecimal and never begin so.
const NAMES: &str = "name:";

/// The longest name of a token.
const NAME_LIMIT: usize = 64;

/// `last_used_at` is written at most so often.
const USE_STEP_S: i64 = 60;

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) made_by: String,
    pub(crate) made_at: Timestamp,
    pub(crate) last_used_at: Option<Timestamp>,
}

/// Makes a token and returns its secret, which is nowhere kept.
///
/// # Errors
/// [`Kind::Conflict`] when the name is taken, [`Kind::Invalid`] for a name that cannot be one, and those of the store.
pub async fn make(book: &Book, name: &str, role: Role, by: &str, now: Timestamp) -> Result<String, Error> {
    check_name(name)?;
    let secret = format!("{PREFIX}{}", random::secret()?);
    if write(book, name, role, by, now, &secret, Expect::Absent).await? {
        return Ok(secret);
    }
    let taken = Error::new(Kind::Conflict, format!("there is a token `{name}` already"));
    Err(taken.with_hint("choose another name, or revoke that one first"))
}

/// Sees to it that a secret which is known already, such as that of a file on this machine, is the token of this name.
/// One of this name with another secret ends.
///
/// # Errors
/// [`Kind::Invalid`] for a secret that [`make`] has not made, and those of the store.
pub async fn keep(book: &Book, name: &str, role: Role, secret: &str, now: Timestamp) -> Result<(), Error> {
    check_name(name)?;
    if !is_well_formed(secret) {
        let error =
            Error::new(Kind::Invalid, format!("the secret of the token `{name}` is none of Longshore's"));
        return Err(error.with_hint("remove the file that holds it: a new one is made"));
    }
    let known = book.read::<String>(book::TOKENS, &name_key(name)).await?;
    if known.as_ref().is_some_and(|known| known.value == random::hash(secret)) {
        return Ok(());
    }
    let _was_there = revoke(book, name).await?;
    write(book, name, role, "longshore", now, secret, Expect::Anything).await.map(|_| ())
}

/// Ends a token; `false` when there is none of this name.
///
/// # Errors
/// Those of the store.
pub async fn revoke(book: &Book, name: &str) -> Result<bool, Error> {
    let Some(known) = book.read::<String>(book::TOKENS, &name_key(name)).await? else { return Ok(false) };
    let writes = vec![
        book::remove(book::TOKENS, name_key(name), Expect::Generation(known.generation)),
        book::remove(book::TOKENS, known.value, Expect::Anything),
    ];
    book.write(writes).await
}

/// All tokens, by their names.
pub(crate) async fn list(book: &Book) -> Result<Vec<Token>, Error> {
    let mut tokens = Vec::new();
    for (_, hash) in book.all::<String>(book::TOKENS, NAMES).await? {
        tokens.extend(book.read::<Token>(book::TOKENS, &hash.value).await?.map(|kept| kept.value));
    }
    Ok(tokens)
}

/// The token of a secret, with its key.
pub(crate) async fn find(book: &Book, secret: &str) -> Result<Option<(String, Token)>, Error> {
    // What cannot be a token is not looked up: strangers cost no read.
    if !is_well_formed(secret) {
        return Ok(None);
    }
    let key = random::hash(secret);
    Ok(by_key(book, &key).await?.map(|kept| (key, kept.value)))
}

/// The token under a key of the store.
pub(crate) async fn by_key(book: &Book, key: &str) -> Result<Option<Kept<Token>>, Error> {
    book.read(book::TOKENS, key).await
}

/// Notes that a token was used.
pub(crate) async fn used(book: &Book, key: &str, token: &Token, now: Timestamp) -> Result<(), Error> {
    if token.last_used_at.is_some_and(|at| now.ms_since(at) < USE_STEP_S * 1000) {
        return Ok(());
    }
    let note = |token: &mut Option<Token>| {
        if let Some(token) = token {
            token.last_used_at = Some(now);
        }
    };
    book.amend(book::TOKENS, key, note).await
}

async fn write(
    book: &Book,
    name: &str,
    role: Role,
    by: &str,
    now: Timestamp,
    secret: &str,
    expect: Expect,
) -> Result<bool, Error> {
    let hash = random::hash(secret);
    let token =
        Token { name: name.to_owned(), role, made_by: by.to_owned(), made_at: now, last_used_at: None };
    let writes = vec![
        book::put(book::TOKENS, name_key(name), expect, &hash),
        book::put(book::TOKENS, hash.clone(), expect, &token),
    ];
    book.write(writes).await
}

fn name_key(name: &str) -> String {
    format!("{NAMES}{name}")
}

fn is_well_formed(secret: &str) -> bool {
    let digits = secret.strip_prefix(PREFIX).unwrap_or_default();
    digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn check_name(name: &str) -> Result<(), Error> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
    if (1..=NAME_LIMIT).contains(&name.len()) && name.bytes().all(is_name) {
        return Ok(());
    }
    let error = Error::new(Kind::Invalid, "the name of a token cannot be this");
    Err(error.with_hint(format!("use 1 to {NAME_LIMIT} letters, digits, `-`, `_`, `.` and `@`")))
}
