//! Who has to ask whether there is room.

use longshore_model::preview::{Environment, State};

/// Whether the next decision depends on the room in its repository: only while nothing was begun. What has begun keeps
/// its place, see [`super::record::has_room`].
#[must_use]
pub fn is_asked(record: &Environment) -> bool {
    record.state == State::Queued
}
