//! Texts with wildcards, and ranges of addresses.

use std::net::IpAddr;
use std::str::FromStr;

/// Whether a text is what a pattern says: `*` stands for any text, `?` for one character.
///
/// It goes back only to the last `*`, so the worst case is the product of both lengths.
pub(crate) fn matches(pattern: &[u8], text: &[u8], any_case: bool) -> bool {
    let same = |left: u8, right: u8| left == right || (any_case && left.eq_ignore_ascii_case(&right));
    let (mut at_pattern, mut at_text) = (0, 0);
    // Where the last star is, and how much of the text it takes.
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(at_text) {
        match pattern.get(at_pattern) {
            Some(b'*') => {
                star = Some((at_pattern, at_text));
                at_pattern += 1;
            }
            Some(wanted) if *wanted == b'?' || same(*wanted, *byte) => {
                at_pattern += 1;
                at_text += 1;
            }
            _ => match &mut star {
                Some((place, taken)) => {
                    *taken += 1;
                    at_pattern = *place + 1;
                    at_text = *taken;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at_pattern).all(|byte| *byte == b'*')
}

/// Whether a pattern stands only for itself.
pub(crate) fn is_exact(pattern: &str) -> bool {
    !pattern.contains(['*', '?'])
}

/// A range of addresses, such as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    network: u128,
    /// How many bits count, of 128: those of IPv4 come after 96 others.
    bits: u32,
    is_v4: bool,
}

impl Cidr {
    /// Whether an address lies in the range. An IPv4 address is never in a range of IPv6.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (number, is_v4) = number(address.to_canonical());
        is_v4 == self.is_v4 && mask(number, self.bits) == self.network
    }
}

/// What is no range of addresses.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no range of addresses; write it as 10.0.0.0/8 or 2001:db8::/32")]
pub struct NoCidr(String);

impl FromStr for Cidr {
    type Err = NoCidr;

    fn from_str(text: &str) -> Result<Self, NoCidr> {
        let wrong = || NoCidr(text.to_owned());
        let (address, length) = text.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let length: u32 = length.parse().map_err(|_| wrong())?;
        let (number, is_v4) = number(address);
        let bits = if is_v4 { length.checked_add(96).ok_or_else(wrong)? } else { length };
        if bits > 128 {
            return Err(wrong());
        }
        Ok(Self { network: mask(number, bits), bits, is_v4 })
    }
}

fn number(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(it) => (u128::from(it.to_bits()), true),
        IpAddr::V6(it) => (it.to_bits(), false),
    }
}

fn mask(number: u128, bits: u32) -> u128 {
    number & u128::MAX.checked_shl(128 - bits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_the_load_balancer_says() {
        let cases = [
            ("", "", true),
            ("*", "", true),
            ("?", "", false),
            ("/img/*", "/img/", true),
            ("/img/*", "/img/a/b.png", true),
            ("/img/*", "/image/a", false),
            ("/img/*/pics", "/img/a/b/pics", true),
            ("/img/*/pics", "/img/a/b/pics/c", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("**a", "bca", true),
            ("*a*b*c", "xxaxxbxxbxxc", true),
            ("*a*b*c", "xxaxxcxxb", false),
            ("A", "a", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes(), false), expected, "{pattern} {text}");
        }
        assert!(matches(b"A*z", b"abcZ", true));
    }

    #[test]
    fn ranges_hold_their_addresses() {
        let cases = [
            ("10.0.0.0/8", "10.255.1.2", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3/32", "10.1.2.3", true),
            ("10.1.2.3/32", "10.1.2.4", false),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "192.0.2.1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
        ];
        for (range, address, expected) in cases {
            let range: Cidr = range.parse().unwrap();
            assert_eq!(range.contains(address.parse().unwrap()), expected, "{range:?} {address}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in
            ["", "10.0.0.0", "10.0.0.0/33", "::/129", "10.0.0/8", "a/8", "10.0.0.0/-1", "10.0.0.0/4294967295"]
        {
            assert_eq!(text.parse::<Cidr>(), Err(NoCidr(text.to_owned())));
        }
    }
}
