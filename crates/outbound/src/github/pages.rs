//! Lists of many pages, read to their end, and pages that GitHub says have not changed.

use bytes::Bytes;
use longshore_model::{Error, Kind};
use reqwest::Method;
use serde::de::DeserializeOwned;

use super::GitHub;
use super::call::PLACE;
use super::shape::Listed;
use crate::http::Answer;

/// Things on a page: the most that GitHub gives.
const PER_PAGE: usize = 100;
/// The most pages of a list. More is an error, never a shorter list.
const MAX_PAGES: usize = 200;
/// So often is a list looked at while it changes under our eyes.
const MAX_LOOKS: usize = 5;
/// The most pages that are remembered; then all are forgotten, which costs nothing but rate limit.
const MAX_KEPT: usize = 2000;

/// A page that may be asked for again with its ETag.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    etag: String,
    body: Bytes,
    next: Option<String>,
}

struct Page<T> {
    value: T,
    /// The address of the next page.
    next: Option<String>,
    /// GitHub said that it is as it was (304, which costs no rate limit).
    unchanged: bool,
}

struct Look<T> {
    items: Vec<T>,
    pages: usize,
    unchanged: bool,
    /// No link led to an empty page.
    sound: bool,
}

impl GitHub {
    /// A document.
    pub(super) async fn get<T: DeserializeOwned>(&self, what: &str, path: &str) -> Result<T, Error> {
        Ok(self.page(what, &format!("{}{path}", self.api)).await?.value)
    }

    /// All things of a list. What is removed while it is read moves the others by one, and one of them may slip through
    /// between two pages: so a list of several pages counts once two looks agree on what is in it.
    pub(super) async fn all<T>(&self, what: &str, path: &str) -> Result<Vec<T>, Error>
    where
        T: DeserializeOwned + Listed,
    {
        let mut before: Option<Vec<T::Key>> = None;
        for _ in 0..MAX_LOOKS {
            let look: Look<T> = self.look(what, path).await?;
            let keys: Vec<T::Key> = look.items.iter().map(Listed::key).collect();
            let is_certain = look.pages == 1 || look.unchanged || before.is_some_and(|before| before == keys);
            if look.sound && is_certain {
                return Ok(look.items);
            }
            before = Some(keys);
        }
        let text = format!("cannot {what}: the list changes while it is read, or a page of it is missing");
        Err(Error::new(Kind::Unavailable, text))
    }

    async fn look<T: DeserializeOwned>(&self, what: &str, path: &str) -> Result<Look<T>, Error> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let first = format!("{}{path}{separator}per_page={PER_PAGE}", self.api);
        let mut look = Look { items: Vec::new(), pages: 0, unchanged: true, sound: true };
        let mut addresses = Vec::new();
        let (mut url, mut is_linked) = (Some(first.clone()), false);
        while let Some(address) = url {
            if look.pages == MAX_PAGES {
                let text = format!("cannot {what}: there are more than {} of them", MAX_PAGES * PER_PAGE);
                return Err(Error::new(Kind::Invalid, text));
            }
            let page: Page<Vec<T>> = self.page(what, &address).await?;
            addresses.push(address);
            look.pages += 1;
            look.unchanged &= page.unchanged;
            look.sound &= !(is_linked && page.value.is_empty());
            let is_full = page.value.len() >= PER_PAGE;
            look.items.extend(page.value);
            is_linked = page.next.is_some();
            // A full page without a link may be the last one, or one whose link was lost on the way.
            url = page.next.or_else(|| is_full.then(|| format!("{first}&page={}", look.pages + 1)));
        }
        if !look.sound {
            // The page may be gone, and the link to it remembered: the next look is to be a fresh one.
            self.locked_pages().retain(|address, _| !addresses.contains(address));
        }
        Ok(look)
    }

    async fn page<T: DeserializeOwned>(&self, what: &str, url: &str) -> Result<Page<T>, Error> {
        let known = self.locked_pages().get(url).cloned();
        let etag = known.as_ref().map(|known| known.etag.clone());
        let mut answer = self.send(what, Method::GET, url, etag, None).await?;
        if answer.status == 304
            && let Some(known) = known
        {
            answer.body = known.body;
            let value = answer.json(what, PLACE)?;
            return Ok(Page { value, next: known.next, unchanged: true });
        }
        if answer.status != 200 {
            let text = format!("cannot {what}: GitHub answered with HTTP {}", answer.status);
            return Err(Error::new(Kind::Unavailable, text));
        }
        let value = answer.json(what, PLACE)?;
        let next = self.next(what, &answer)?;
        let mut pages = self.locked_pages();
        match answer.header("etag") {
            Some(etag) => {
                if pages.len() >= MAX_KEPT {
                    pages.clear();
                }
                let kept = Kept { etag: etag.to_owned(), body: answer.body.clone(), next: next.clone() };
                pages.insert(url.to_owned(), kept);
            }
            None => drop(pages.remove(url)),
        }
        Ok(Page { value, next, unchanged: false })
    }

    /// The address of `rel="next"`, which must be at the same place: the token goes there (RFC 8288).
    fn next(&self, what: &str, answer: &Answer) -> Result<Option<String>, Error> {
        let Some(links) = answer.header("link") else { return Ok(None) };
        let next = links.split(',').find_map(|link| {
            let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
            let is_next = |it: &str| matches!(it.trim(), "rel=\"next\"" | "rel=next");
            parameters.split(';').any(is_next).then(|| address.to_owned())
        });
        match next {
            Some(address) if !address.starts_with(&format!("{}/", self.api)) => {
                let text = format!("cannot {what}: GitHub's next page is not at `{}`", self.api);
                Err(Error::new(Kind::Invalid, text)
                    .with_hint("the address in longshore.toml must be the one that GitHub itself uses"))
            }
            next => Ok(next),
        }
    }

    fn locked_pages(&self) -> std::sync::MutexGuard<'_, std::collections::BTreeMap<String, Kept>> {
        self.pages.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
