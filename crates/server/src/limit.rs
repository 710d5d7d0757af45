//! How much an address may do in vain: a token bucket for each.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use longshore_model::Timestamp;

/// Addresses that are remembered. When there are more, those that have done nothing lately are forgotten.
const ADDRESSES: usize = 10_000;

const MINUTE_MS: i64 = 60_000;

/// A limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// So many at once.
    pub(crate) burst: u32,
    /// And so many more in each minute.
    pub(crate) per_minute: u32,
}

/// A bucket for each address.
#[derive(Debug)]
pub(crate) struct Buckets {
    limit: Limit,
    buckets: Mutex<BTreeMap<IpAddr, Bucket>>,
}

/// What is left, in thousandths, at a moment.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: i64,
    at: Timestamp,
}

impl Buckets {
    pub(crate) fn new(limit: Limit) -> Self {
        Self { limit, buckets: Mutex::default() }
    }

    /// Takes one; `Err` with the seconds until there is one again.
    pub(crate) fn take(&self, address: IpAddr, now: Timestamp) -> Result<(), u32> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let key = key(address);
        let before = buckets.get(&key).copied().unwrap_or(Bucket { left: self.full(), at: now });
        let mut bucket = self.filled(before, now);
        if bucket.left < 1000 {
            let ms = (1000 - bucket.left).saturating_mul(MINUTE_MS) / 1000 / i64::from(self.limit.per_minute);
            return Err(u32::try_from(ms / 1000 + 1).unwrap_or(u32::MAX));
        }
        bucket.left -= 1000;
        if buckets.len() >= ADDRESSES {
            buckets.retain(|_, other| self.filled(*other, now).left < self.full());
        }
        if buckets.len() < ADDRESSES || buckets.contains_key(&key) {
            buckets.insert(key, bucket);
        }
        Ok(())
    }

    fn full(&self) -> i64 {
        i64::from(self.limit.burst) * 1000
    }

    fn filled(&self, bucket: Bucket, now: Timestamp) -> Bucket {
        let passed = now.ms_since(bucket.at).max(0);
        let more = passed.saturating_mul(i64::from(self.limit.per_minute)) / (MINUTE_MS / 1000);
        Bucket { left: bucket.left.saturating_add(more).min(self.full()), at: now }
    }
}

/// Who has one IPv6 address has 2^64 of them.
fn key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit { burst: 3, per_minute: 6 };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_bucket_empties_and_fills() {
        let buckets = Buckets::new(LIMIT);
        let now = Timestamp(0);
        for _ in 0..3 {
            assert_eq!(buckets.take(ip("192.0.2.1"), now), Ok(()));
        }
        assert_eq!(buckets.take(ip("192.0.2.1"), now), Err(11));
        assert_eq!(buckets.take(ip("192.0.2.2"), now), Ok(()), "another address");
        let later = now.plus_seconds(10);
        assert_eq!(buckets.take(ip("192.0.2.1"), later), Ok(()));
        assert_eq!(buckets.take(ip("192.0.2.1"), later), Err(11));
    }

    #[test]
    fn a_clock_that_goes_back_fills_nothing() {
        let buckets = Buckets::new(LIMIT);
        for _ in 0..3 {
            assert_eq!(buckets.take(ip("192.0.2.1"), Timestamp(1_000_000)), Ok(()));
        }
        assert!(buckets.take(ip("192.0.2.1"), Timestamp(0)).is_err());
    }

    #[test]
    fn neighbours_of_an_ipv6_network_share_one() {
        let buckets = Buckets::new(LIMIT);
        for last in 1..=3 {
            assert_eq!(buckets.take(ip(&format!("2001:db8::{last}")), Timestamp(0)), Ok(()));
        }
        assert!(buckets.take(ip("2001:db8::9"), Timestamp(0)).is_err());
        assert_eq!(buckets.take(ip("2001:db8:0:1::1"), Timestamp(0)), Ok(()));
    }

    #[test]
    fn no_more_addresses_are_remembered_than_there_is_room_for() {
        let buckets = Buckets::new(LIMIT);
        for address in 0..u32::try_from(ADDRESSES).unwrap() + 50 {
            let address = IpAddr::V4(std::net::Ipv4Addr::from_bits(address));
            assert_eq!(buckets.take(address, Timestamp(0)), Ok(()));
        }
        assert_eq!(buckets.buckets.lock().unwrap().len(), ADDRESSES);
        let later = Timestamp(0).plus_seconds(60);
        assert_eq!(buckets.take(ip("203.0.113.1"), later), Ok(()));
        assert_eq!(buckets.buckets.lock().unwrap().len(), 1);
    }
}
