//! A queue as it is in memory and in the store: its messages, which of them can be received, and when the others can.

use std::collections::{BTreeMap, BTreeSet};

use longshore_model::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::attributes;
use super::digest::Attribute;

/// What is stored of a queue.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) name: String,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
    /// Those that were set.
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) tags: BTreeMap<String, String>,
}

/// What is stored of a message, once.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Letter {
    pub(super) queue: String,
    /// Its place in the queue.
    pub(super) number: u64,
    pub(super) id: String,
    pub(super) body: String,
    pub(super) sender: String,
    pub(super) sent: Timestamp,
    /// Later than when it was sent, when it is delayed.
    pub(super) visible_at: Timestamp,
    pub(super) attributes: BTreeMap<String, Attribute>,
    pub(super) trace_header: Option<Attribute>,
    pub(super) group: Option<String>,
}

/// What is stored of a message's deliveries.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Delivery {
    pub(super) queue: String,
    pub(super) number: u64,
    /// How often it was received.
    pub(super) count: u32,
    /// When it was received first.
    pub(super) first: Timestamp,
    pub(super) visible_at: Timestamp,
}

/// A message.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) letter: Letter,
    /// Absent until it is received.
    pub(super) delivery: Option<Delivery>,
}

/// A queue with its messages.
pub(super) struct Queue {
    pub(super) settings: Settings,
    messages: BTreeMap<u64, Message>,
    /// Those that can be received, the oldest first.
    visible: BTreeSet<u64>,
    /// The others, by when they can.
    hidden: BTreeSet<(Timestamp, u64)>,
    next_number: u64,
    /// Of all bodies and attributes.
    size_bytes: usize,
    /// Told when a message can be received that could not be before; closed when the queue goes away.
    arrivals: watch::Sender<()>,
}

/// How many messages of a queue are where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) visible: usize,
    pub(super) in_flight: usize,
    pub(super) delayed: usize,
}

impl Letter {
    pub(super) fn record_id(&self) -> String {
        record_id(&self.queue, self.number)
    }

    pub(super) fn size_bytes(&self) -> usize {
        size_bytes(&self.body, &self.attributes)
    }
}

impl Delivery {
    pub(super) fn record_id(&self) -> String {
        record_id(&self.queue, self.number)
    }
}

/// What counts against a message's limit: its body, and names, types and values of its attributes.
pub(super) fn size_bytes(body: &str, attributes: &BTreeMap<String, Attribute>) -> usize {
    let attributes = attributes.iter().map(|(name, attribute)| name.len() + attribute.size_bytes());
    body.len() + attributes.sum::<usize>()
}

/// The id of a message's records.
pub(super) fn record_id(queue: &str, number: u64) -> String {
    format!("{queue} {number}")
}

impl Message {
    fn visible_at(&self) -> Timestamp {
        self.delivery.as_ref().map_or(self.letter.visible_at, |delivery| delivery.visible_at)
    }
}

impl Queue {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            messages: BTreeMap::new(),
            visible: BTreeSet::new(),
            hidden: BTreeSet::new(),
            next_number: 0,
            size_bytes: 0,
            arrivals: watch::Sender::new(()),
        }
    }

    /// Takes a stored message back.
    pub(super) fn restore(&mut self, letter: Letter) {
        self.next_number = self.next_number.max(letter.number.saturating_add(1));
        self.hidden.insert((letter.visible_at, letter.number));
        self.size_bytes = self.size_bytes.saturating_add(letter.size_bytes());
        self.messages.insert(letter.number, Message { letter, delivery: None });
    }

    /// Puts a message at the end, and gives it its number.
    pub(super) fn add(&mut self, mut letter: Letter) -> &Letter {
        let number = self.next_number;
        letter.number = number;
        self.next_number = number.saturating_add(1);
        self.size_bytes = self.size_bytes.saturating_add(letter.size_bytes());
        if letter.visible_at > letter.sent {
            self.hidden.insert((letter.visible_at, number));
        } else {
            self.visible.insert(number);
        }
        // Whoever waits must hear of delayed ones, too: when to look again may have changed.
        self.arrivals.send_replace(());
        &self.messages.entry(number).or_insert(Message { letter, delivery: None }).letter
    }

    /// Lets the time go by: messages that were hidden until now can be received. Gives those whose retention is over.
    pub(super) fn advance(&mut self, now: Timestamp) -> Vec<u64> {
        let retention = attributes::number(&self.settings.attributes, attributes::RETENTION);
        let is_over = |message: &Message| message.letter.sent.plus_seconds(retention) <= now;
        let mut over = Vec::new();
        while let Some((number, _)) = self.messages.first_key_value().filter(|(_, message)| is_over(message))
        {
            let number = *number;
            self.remove(number);
            over.push(number);
        }
        while let Some((_, number)) = self.hidden.first().filter(|(at, _)| *at <= now).copied() {
            self.hidden.pop_first();
            self.visible.insert(number);
        }
        over
    }

    /// Removes the oldest messages, so that at most `limit` are left; gives those.
    pub(super) fn trim(&mut self, limit: usize) -> Vec<u64> {
        let excess = self.messages.len().saturating_sub(limit);
        let oldest: Vec<u64> = self.messages.keys().take(excess).copied().collect();
        oldest.iter().for_each(|number| self.remove(*number));
        oldest
    }

    /// Receives up to `limit` messages, which are then invisible for a while.
    pub(super) fn take(&mut self, limit: usize, visibility_seconds: i64, now: Timestamp) -> Vec<&Message> {
        let taken: Vec<u64> = self.visible.iter().take(limit).copied().collect();
        for number in &taken {
            let Some(message) = self.messages.get(number) else { continue };
            let before = message.delivery.as_ref();
            let delivery = Delivery {
                queue: self.settings.name.clone(),
                number: *number,
                count: before.map_or(0, |it| it.count).saturating_add(1),
                first: before.map_or(now, |it| it.first),
                visible_at: now.plus_seconds(visibility_seconds),
            };
            self.set_delivery(delivery);
        }
        taken.iter().filter_map(|number| self.messages.get(number)).collect()
    }

    /// Sets what is known of a message's deliveries, and with it when it can be received again.
    pub(super) fn set_delivery(&mut self, delivery: Delivery) {
        let number = delivery.number;
        let Some(message) = self.messages.get_mut(&number) else { return };
        self.visible.remove(&number);
        self.hidden.remove(&(message.visible_at(), number));
        self.hidden.insert((delivery.visible_at, number));
        message.delivery = Some(delivery);
        self.arrivals.send_replace(());
    }

    pub(super) fn get(&self, number: u64) -> Option<&Message> {
        self.messages.get(&number)
    }

    /// Whether a message was received and is not visible again.
    pub(super) fn is_in_flight(&self, number: u64) -> bool {
        let message = self.messages.get(&number);
        message.is_some_and(|it| it.delivery.is_some()) && !self.visible.contains(&number)
    }

    pub(super) fn remove(&mut self, number: u64) {
        if let Some(message) = self.messages.remove(&number) {
            self.size_bytes = self.size_bytes.saturating_sub(message.letter.size_bytes());
            self.visible.remove(&number);
            self.hidden.remove(&(message.visible_at(), number));
        }
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// When a message can be received that cannot be now.
    pub(super) fn next_visible(&self) -> Option<Timestamp> {
        self.hidden.first().map(|(at, _)| *at)
    }

    /// Tells when it is worth while to look again.
    pub(super) fn arrivals(&self) -> watch::Receiver<()> {
        self.arrivals.subscribe()
    }

    /// How many wait for arrivals.
    #[cfg(test)]
    pub(super) fn listeners(&self) -> usize {
        self.arrivals.receiver_count()
    }

    pub(super) fn counts(&self) -> Counts {
        let in_flight = self.hidden.iter().filter(|(_, number)| self.is_in_flight(*number)).count();
        Counts {
            visible: self.visible.len(),
            in_flight,
            delayed: self.hidden.len().saturating_sub(in_flight),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn letter(sent: Timestamp, delay_seconds: i64) -> Letter {
        Letter { sent, visible_at: sent.plus_seconds(delay_seconds), ..Letter::default() }
    }

    fn taken(queue: &mut Queue, now: Timestamp) -> Vec<u64> {
        assert_eq!(queue.advance(now), Vec::<u64>::new());
        queue.take(2, 30, now).iter().map(|message| message.letter.number).collect()
    }

    #[test]
    fn a_message_is_hidden_while_it_is_delayed_or_in_flight() {
        let mut queue = Queue::new(Settings::default());
        for delay in [5, 0, 0, 0] {
            queue.add(letter(NOW, delay));
        }
        assert_eq!(queue.counts(), Counts { visible: 3, in_flight: 0, delayed: 1 });
        assert_eq!(taken(&mut queue, NOW), [1, 2]);
        assert_eq!(queue.counts(), Counts { visible: 1, in_flight: 2, delayed: 1 });
        assert_eq!(queue.next_visible(), Some(NOW.plus_seconds(5)));
        queue.remove(2);
        assert_eq!(taken(&mut queue, NOW.plus_seconds(5)), [0, 3]);
        assert_eq!(taken(&mut queue, NOW.plus_ms(29_999)), Vec::<u64>::new());
        assert_eq!(taken(&mut queue, NOW.plus_seconds(30)), [1]);
        assert_eq!(queue.get(1).unwrap().delivery.as_ref().unwrap().count, 2);
        assert_eq!(queue.get(1).unwrap().delivery.as_ref().unwrap().first, NOW);
    }

    #[test]
    fn what_is_too_old_or_too_much_goes() {
        let mut queue = Queue::new(Settings::default());
        for second in 0..5 {
            queue.add(letter(NOW.plus_seconds(second), 0));
        }
        const FOUR_DAYS: i64 = 345_600;
        assert_eq!(queue.advance(NOW.plus_seconds(FOUR_DAYS + 1)), [0, 1]);
        assert_eq!(queue.trim(2), [2]);
        assert_eq!(queue.trim(2), Vec::<u64>::new());
        assert_eq!(queue.counts(), Counts { visible: 2, in_flight: 0, delayed: 0 });
    }

    #[test]
    fn a_restored_queue_goes_on_where_it_was() {
        let mut queue = Queue::new(Settings::default());
        queue.restore(Letter { number: 7, ..letter(NOW, 0) });
        let visible_at = NOW.plus_seconds(30);
        queue.set_delivery(Delivery { number: 7, count: 3, first: NOW, visible_at, ..Delivery::default() });
        assert_eq!(queue.add(letter(NOW, 0)).number, 8);
        assert_eq!(taken(&mut queue, NOW), [8]);
        assert_eq!(taken(&mut queue, NOW.plus_seconds(30)), [7, 8]);
        assert_eq!(queue.get(7).unwrap().delivery.as_ref().unwrap().count, 4);
    }
}
