//! A range of addresses, as `10.0.0.0/8`.

use std::net::IpAddr;
use std::str::FromStr;

use longshore_model::{Error, Kind};

/// A range of addresses, as `10.0.0.0/8` or `::1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether an address is in it. IPv4 addresses that are written as IPv6 ones (`::ffff:10.0.0.1`) are IPv4 ones.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let shift = u32::from(32_u8.saturating_sub(self.prefix));
                (ours.to_bits() ^ theirs.to_bits()).checked_shr(shift).unwrap_or_default() == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let shift = u32::from(128_u8.saturating_sub(self.prefix));
                (ours.to_bits() ^ theirs.to_bits()).checked_shr(shift).unwrap_or_default() == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || {
            Error::new(Kind::Invalid, format!("`{text}` is not a range of addresses"))
                .with_hint("write an address and the length of its prefix, such as 10.0.0.0/8")
        };
        let (address, prefix) =
            text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(longest), |prefix| prefix.parse().map_err(|_| wrong()))?;
        if prefix > longest {
            return Err(wrong());
        }
        Ok(Self { address, prefix })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_contain_what_their_prefix_says() {
        let cases = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
        ];
        for (network, address, is_in) in cases {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), is_in, "{network:?} {address}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused_in_words() {
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/-1", "host/8"] {
            let error = text.parse::<Network>().unwrap_err();
            assert!(error.to_string().contains("is not a range of addresses"), "{text}: {error}");
        }
    }
}
