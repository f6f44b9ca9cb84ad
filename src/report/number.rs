//! Times as reports write them.

/// Longest plausible time of one case: a week. Some tools write nanoseconds where the format has
/// seconds.
const SECONDS_MAX: f64 = 7.0 * 24.0 * 3600.0;

/// A time in seconds as nanoseconds; `None` where it is negative, not a number, or implausibly
/// long.
#[must_use]
pub fn nanos(seconds: f64) -> Option<u64> {
    (0.0..=SECONDS_MAX).contains(&seconds).then(|| (seconds * 1e9).round() as u64)
}

/// The number that `text` holds. Commas that group digits by three are dropped (`1,234.5`); one
/// comma that cannot group is a decimal comma (`0,25`, `0,016`). Words, `NaN`, `inf` and hexadecimal are no
/// numbers.
#[must_use]
pub fn seconds(text: &str) -> Option<f64> {
    let text = text.trim();
    if !text.contains(',') {
        return plain(text);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let whole = unsigned.split('.').next().unwrap_or_default();
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let digits = |group: &str| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit());
    let grouped = digits(first)
        && first.len() <= 3
        && !first.starts_with('0')
        && groups.clone().all(|group| group.len() == 3 && digits(group));
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

/// The seconds of a time of day or a time span as .NET writes it: `[-][days.]hours:minutes:seconds`.
pub(super) fn timespan(text: &str) -> Option<f64> {
    let text = text.trim();
    let (sign, unsigned) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    let mut parts = unsigned.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let (days, hours) = hours.split_once('.').unwrap_or(("0", hours));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let whole = |text: &str| text.parse::<f64>().ok().filter(|_| digits(text));
    let (second, part) = seconds.split_once('.').unwrap_or((seconds, "0"));
    if parts.next().is_some() || !digits(second) || !digits(part) {
        return None;
    }
    let minutes = (whole(days)? * 24.0 + whole(hours)?) * 60.0 + whole(minutes)?;
    Some(sign * (minutes * 60.0 + seconds.parse::<f64>().ok()?))
}

fn plain(text: &str) -> Option<f64> {
    // Rust reads `inf`, `nan` and their relatives as numbers too.
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    text.parse().ok().filter(|value: &f64| plain && value.is_finite())
}

/// The seconds of a clock's reading: `m:ss`, `h:mm:ss` or `d-hh:mm:ss`, with any part of a second.
pub(super) fn clock(text: &str) -> Option<f64> {
    let (days, rest) = text.trim().split_once('-').unwrap_or(("0", text.trim()));
    let (minutes, seconds) = rest.rsplit_once(':')?;
    let whole = |text: &str| text.parse::<u32>().ok().map(f64::from);
    let minutes = match minutes.split_once(':') {
        Some((hours, minutes)) => whole(hours)? * 60.0 + whole(minutes)?,
        None => whole(minutes)?,
    };
    let seconds = plain(seconds).filter(|seconds| *seconds >= 0.0)?;
    Some(whole(days)? * 86_400.0 + minutes * 60.0 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_spans_are_read() {
        let check = |text: &str, expect: Option<f64>| assert_eq!(timespan(text), expect, "{text}");
        check("00:00:01.2500000", Some(1.25));
        check(" 01:02:03 ", Some(3723.0));
        check("2.00:00:01", Some(172_801.0));
        check("-00:00:01", Some(-1.0));
        for text in ["", "1", "00:01", "a:00:00", "00:00:1e3", "00:00:00:00", "00:-1:00", "00:00:.5", "::"] {
            check(text, None);
        }
    }

    #[test]
    fn times_are_read_as_tools_write_them() {
        let check = |text: &str, expect: Option<f64>| assert_eq!(seconds(text), expect, "{text}");
        check("1.5", Some(1.5));
        check(" 3 ", Some(3.0));
        check("2,503.1", Some(2503.1));
        check("1,234", Some(1234.0));
        check("1,234,567.5", Some(1_234_567.5));
        check("0,25", Some(0.25));
        // Nothing is grouped behind a zero.
        check("0,016", Some(0.016));
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

    #[test]
    fn clocks_are_read() {
        for (text, expect) in [
            ("0:00.10", Some(0.1)),
            ("12:05", Some(725.0)),
            (" 01:02:03 ", Some(3_723.0)),
            ("1-02:03:04.5", Some(93_784.5)),
            ("90", None),
            ("a:b", None),
            ("1:-5", None),
            ("Partition_Limit", None),
            ("", None),
        ] {
            assert_eq!(clock(text), expect, "{text}");
        }
    }
}
