//! Pages of a list: at most so many items, and a token that says where the next page begins.

use crate::fault::Fault;

/// The part of a list request that all of them share.
#[derive(Debug, Clone, Default)]
pub(crate) struct PageRequest<'a> {
    pub(crate) max_results: Option<i32>,
    pub(crate) next_token: Option<&'a str>,
}

/// One page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_token: Option<String>,
}

impl PageRequest<'_> {
    /// The key after which this page begins.
    pub(crate) fn after(&self) -> Result<Option<String>, Fault> {
        self.next_token.map(|token| decode(token).ok_or_else(|| Fault::invalid("Invalid token."))).transpose()
    }

    /// How many items this page has at most; ECS's own limit is 100 almost everywhere.
    pub(crate) fn limit(&self, most: i32) -> Result<usize, Fault> {
        match self.max_results {
            None => Ok(usize::try_from(most).unwrap_or(100)),
            Some(n) if (1..=most).contains(&n) => Ok(usize::try_from(n).unwrap_or(1)),
            Some(_) => Err(Fault::invalid(format!("maxResults should be between 1 and {most}"))),
        }
    }
}

/// The first page of `items`, which begin after the token's key and are sorted; `key` must be unique.
pub(crate) fn page<T>(items: impl Iterator<Item = T>, limit: usize, key: impl Fn(&T) -> String) -> Page<T> {
    let mut items: Vec<T> = items.take(limit.saturating_add(1)).collect();
    let next_token = if items.len() > limit {
        items.truncate(limit);
        items.last().map(|last| encode(&key(last)))
    } else {
        None
    };
    Page { items, next_token }
}

/// Tokens are opaque to callers: hexadecimal keeps them free of characters that a shell would change.
fn encode(key: &str) -> String {
    key.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn decode(token: &str) -> Option<String> {
    if token.is_empty() || !token.len().is_multiple_of(2) || !token.is_ascii() {
        return None;
    }
    let bytes: Option<Vec<u8>> =
        (0..token.len()).step_by(2).map(|at| u8::from_str_radix(&token[at..at + 2], 16).ok()).collect();
    String::from_utf8(bytes?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_give_every_item_once() {
        let all: Vec<String> = (0..25).map(|n| format!("item-{n:02}")).collect();
        let mut seen = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let request = PageRequest { max_results: Some(10), next_token: token.as_deref() };
            let after = request.after().unwrap();
            let rest = all.iter().filter(|item| after.as_ref().is_none_or(|after| *item > after)).cloned();
            let page = page(rest, request.limit(100).unwrap(), Clone::clone);
            seen.extend(page.items);
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
    }

    #[test]
    fn a_foreign_token_is_refused() {
        for token in ["", "zz", "abc", "é"] {
            assert!(PageRequest { max_results: None, next_token: Some(token) }.after().is_err(), "{token}");
        }
    }
}
