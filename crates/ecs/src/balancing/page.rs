//! Pages of a description: `PageSize` items from `Marker` on.

use super::check;
use super::fault::Fault;
use crate::page::{PageRequest, page as first_page};

/// The most items of a page, and how many it has when nobody says.
const MOST: i32 = 400;

/// The page that begins after the marker, and the next marker. Items come with their keys, sorted by them.
pub(super) fn page<T>(
    items: impl Iterator<Item = (String, T)>,
    marker: Option<&str>,
    size: Option<i32>,
) -> Result<(Vec<T>, Option<String>), Fault> {
    let size: u16 = check::number("pageSize", size.unwrap_or(MOST), 1, MOST)?;
    let request = PageRequest { max_results: None, next_token: marker };
    let after = request.after().map_err(|_| Fault::invalid("The marker is not valid"))?;
    let rest = items.filter(|(key, _)| after.as_ref().is_none_or(|after| key > after));
    let page = first_page(rest, size.into(), |(key, _)| key.clone());
    Ok((page.items.into_iter().map(|(_, item)| item).collect(), page.next_token))
}
