//! Times as reports write them.

/// Longest plausible time of one case: a week. Some tools write nanoseconds where the format has
/// seconds.
const SECONDS_MAX: f64 = 7.0 * 24.0 * 3600.0;

/// A time in seconds as nanoseconds; `None` where it is negative, not a number, or implausibly
/// long.
pub(super) fn nanos(seconds: f64) -> Option<u64> {
    (0.0..=SECONDS_MAX).contains(&seconds).then(|| (seconds * 1e9).round() as u64)
}

/// The number that `text` holds. Commas that group digits by three are dropped (`1,234.5`); one
/// comma that cannot group is a decimal comma (`0,25`). Words, `NaN`, `inf` and hexadecimal are no
/// numbers.
pub(super) fn seconds(text: &str) -> Option<f64> {
    let text = text.trim();
    if !text.contains(',') {
        return plain(text);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let whole = unsigned.split('.').next().unwrap_or_default();
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let digits = |group: &str| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit());
    let grouped =
        digits(first) && first.len() <= 3 && groups.clone().all(|group| group.len() == 3 && digits(group));
    if grouped && groups.next().is_some() {
        return plain(&text.replace(',', ""));
    }
    match text.split_once(',') {
        Some((whole, part)) if digits(whole.trim_start_matches(['+', '-'])) && digits(part) => {
            plain(&text.replace(',', "."))
        }
        _ => None,
    }
}

fn plain(text: &str) -> Option<f64> {
    // Rust reads `inf`, `nan` and their relatives as numbers too.
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    text.parse().ok().filter(|value: &f64| plain && value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_tools_write_them() {
        let check = |text: &str, expect: Option<f64>| assert_eq!(seconds(text), expect, "{text}");
        check("1.5", Some(1.5));
        check(" 3 ", Some(3.0));
        check("2,503.1", Some(2503.1));
        check("1,234", Some(1234.0));
        check("1,234,567.5", Some(1_234_567.5));
        check("0,25", Some(0.25));
        check("1,23", Some(1.23));
        check("1e-3", Some(0.001));
        check("-345345", Some(-345_345.0));
        check("-1,234.5", Some(-1234.5));
        for text in [
            "",
            "NaN",
            "inf",
            "-inf",
            "infinity",
            "0x10",
            "<<computed>>",
            "1,2,3",
            "o99,999.881",
            "1e999",
            ",5",
            "5,",
        ] {
            check(text, None);
        }
        assert_eq!(nanos(1.5), Some(1_500_000_000));
        assert_eq!(nanos(-0.001), None);
        assert_eq!(nanos(999_638_317.0), None);
        assert_eq!(nanos(f64::NAN), None);
    }
}
