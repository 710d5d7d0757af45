//! The size of a task, which can be written in two units.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#task_size>

/// Of the small unit in the large one: 1024 CPU units are a vCPU, 1024 MiB a GB.
const SMALL_PER_LARGE: u64 = 1024;

/// More digits after the point than any size has, few enough that nothing overflows.
const MOST_DIGITS: usize = 7;

/// CPU units: `256`, or `0.25 vCPU`.
#[must_use]
pub fn cpu_units(text: &str) -> Option<u64> {
    size(text, "vcpu")
}

/// MiB: `512`, or `0.5 GB`.
#[must_use]
pub fn mebibytes(text: &str) -> Option<u64> {
    size(text, "gb")
}

/// A number of the small unit, or a decimal number and the name of the large one, in any case.
fn size(text: &str, large_unit: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let Some(number) = text.strip_suffix(large_unit).map(str::trim_end) else { return digits(&text) };
    let (whole, fraction) = match number.split_once('.') {
        Some(("", fraction)) => ("0", fraction),
        Some(parts) => parts,
        None => (number, "0"),
    };
    let scale = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let parts = digits(whole)?.checked_mul(scale)? + digits(fraction)?;
    let small = parts * SMALL_PER_LARGE;
    small.is_multiple_of(scale).then_some(small / scale)
}

fn digits(text: &str) -> Option<u64> {
    let fits = (1..=MOST_DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_units_are_read() {
        let cases = [
            ("256", Some(256)),
            (" 0256 ", Some(256)),
            ("0.25 vCPU", Some(256)),
            (".25vcpu", Some(256)),
            ("0.125 vCPU", Some(128)),
            ("1 VCPU", Some(1024)),
            ("192vCPU", Some(196_608)),
            ("9999999.9999999 vCPU", None),
            ("0.1 vCPU", None),
            ("", None),
            ("vCPU", None),
            (". vCPU", None),
            ("1. vCPU", None),
            ("-1", None),
            ("1.5", None),
            ("1 GB", None),
            ("99999999", None),
        ];
        for (text, expected) in cases {
            assert_eq!(cpu_units(text), expected, "{text:?}");
        }
        for (text, expected) in
            [("512", Some(512)), ("0.5 GB", Some(512)), ("30gb", Some(30_720)), ("1 vCPU", None)]
        {
            assert_eq!(mebibytes(text), expected, "{text:?}");
        }
    }
}
