//! Peaks of memory as reports state them: under names of their own, in units of their own.

/// What properties are called that state a peak of memory. What follows the name may be a unit, as in
/// `peak_rss_kb`; any of `_`, `-`, `.` and a blank may stand between the words.
const NAMES: [&str; 11] = [
    "max_memory",
    "max_rss",
    "maximum_rss",
    "memory_max",
    "memory_peak",
    "memory_rss",
    "peak_memory",
    "peak_rss",
    "ru_maxrss",
    "rss_max",
    "rss_peak",
];

/// How many bytes one of a bare figure is under the name of a property; `None` where it is neither one that
/// is known nor one of `more`.
pub(super) fn unit(name: &str, more: &[String]) -> Option<u64> {
    let mut known = NAMES.into_iter().chain(more.iter().map(String::as_str));
    known.find_map(|known| {
        let rest = strip(name, known)?;
        let rest = rest.strip_prefix(SEPARATORS).unwrap_or(rest);
        match rest {
            // What getrusage counts on Linux.
            "" if known == "ru_maxrss" => Some(1 << 10),
            "" => Some(1),
            unit => scale(unit),
        }
    })
}

const SEPARATORS: [char; 4] = ['_', '-', '.', ' '];

/// What follows `known` in `name`, whatever separates the words of both.
fn strip<'n>(name: &'n str, known: &str) -> Option<&'n str> {
    let mut rest = name;
    for word in known.split('_') {
        rest = rest.strip_prefix(SEPARATORS).unwrap_or(rest);
        let (start, end) = rest.split_at_checked(word.len())?;
        rest = if start.eq_ignore_ascii_case(word) { end } else { return None };
    }
    Some(rest)
}

/// How many bytes a unit is. Memory is counted in powers of 1,024 by all who measure it.
fn scale(unit: &str) -> Option<u64> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "b" | "byte" | "bytes" => 1,
        "k" | "kb" | "kib" | "kbytes" => 1 << 10,
        "m" | "mb" | "mib" | "mbytes" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        "p" | "pb" | "pib" => 1 << 50,
        _ => return None,
    })
}

/// Largest amount that is believed: a pebibyte.
const BYTES_MAX: f64 = (1u64 << 50) as f64;

/// The bytes that `text` states: a figure with a unit (`512M`, `1.5 GiB`), or a bare one of which each is
/// `unit` bytes. Rounded up. Nothing, zero and less are no peak.
pub(super) fn bytes(text: &str, unit: u64) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (figure, suffix) = text.split_at(end);
    let scale = if suffix.is_empty() { unit } else { scale(suffix.trim())? };
    let bytes = super::seconds(figure)? * scale as f64;
    (bytes > 0.0 && bytes <= BYTES_MAX).then(|| bytes.ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_spelling() {
        for (name, expect) in [
            ("peak_rss", Some(1)),
            ("Peak-RSS", Some(1)),
            ("peakRss", Some(1)),
            ("max.rss.kb", Some(1 << 10)),
            ("memory_peak_bytes", Some(1)),
            ("memory_rss_kb", Some(1 << 10)),
            ("peakMemoryMB", Some(1 << 20)),
            ("ru_maxrss", Some(1 << 10)),
            ("maxrss", Some(1)),
            ("peak_rss_of_what", None),
            ("peak", None),
            ("ä", None),
            ("", None),
        ] {
            assert_eq!(unit(name, &[]), expect, "{name}");
        }
        let more = ["heap".to_owned()];
        assert_eq!(
            (unit("heap_mb", &more), unit("peak_rss", &more), unit("stack", &more)),
            (Some(1 << 20), Some(1), None)
        );
    }

    #[test]
    fn amounts_are_read_with_and_without_a_unit() {
        for (text, unit, expect) in [
            ("1048576", 1, Some(1 << 20)),
            ("12", 1 << 10, Some(12 << 10)),
            (" 1.5 GiB ", 1, Some(3 << 29)),
            ("512M", 1 << 10, Some(512 << 20)),
            ("1,234,567", 1, Some(1_234_567)),
            ("0", 1, None),
            ("-5", 1, None),
            ("much", 1, None),
            ("5 parsec", 1, None),
            ("1e300", 1, None),
            ("", 1, None),
        ] {
            assert_eq!(bytes(text, unit), expect, "{text}");
        }
    }
}
