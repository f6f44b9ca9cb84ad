//! Bytes, milliseconds and percentages: integers that carry their unit.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An amount of memory in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Bytes(pub u64);

/// Wall-clock milliseconds. An integer, so that a sum does not depend on its order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Millis(pub u64);

/// A share of something, in hundredths of a percent: `10%` is 1,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(pub u32);

/// The largest figure that is read: a thousandth of what 64 bits hold, so that sums of
/// a million figures are caught by [`Bytes::saturating_mul`] and friends, never wrapped.
const FIGURE_MAX: u128 = 1 << 53;

impl Bytes {
    /// `self × factor`, at most `u64::MAX`.
    #[must_use]
    pub fn saturating_mul(self, factor: u64) -> Bytes {
        Bytes(self.0.saturating_mul(factor))
    }

    /// `self − other`, at least 0.
    #[must_use]
    pub fn saturating_sub(self, other: Bytes) -> Bytes {
        Bytes(self.0.saturating_sub(other.0))
    }

    /// Rounded up to the next multiple of `step`.
    #[must_use]
    pub fn round_up(self, step: u64) -> Bytes {
        Bytes(self.0.div_ceil(step).saturating_mul(step))
    }

    /// `self` plus the given share of it, rounded up.
    #[must_use]
    pub fn plus(self, share: Percent) -> Bytes {
        let scaled = u128::from(self.0) * (10_000 + u128::from(share.0));
        Bytes(u64::try_from(scaled.div_ceil(10_000)).unwrap_or(u64::MAX))
    }

    /// The exact figure, in gigabytes where three decimals hold it: `3 GB`, `5.36 GB`, `3000000001
    /// B`.
    #[must_use]
    pub fn exact(self) -> String {
        if self.0 >= 1_000_000_000 && self.0.is_multiple_of(1_000_000) {
            let text = format!("{}.{:03}", self.0 / 1_000_000_000, self.0 / 1_000_000 % 1_000);
            return format!("{} GB", text.trim_end_matches('0').trim_end_matches('.'));
        }
        match self.0 {
            bytes if bytes >= 1_000_000 && bytes.is_multiple_of(1_000_000) => {
                format!("{} MB", bytes / 1_000_000)
            }
            bytes => format!("{bytes} B"),
        }
    }
}

impl Millis {
    /// Rounded up to whole seconds.
    #[must_use]
    pub fn seconds_ceil(self) -> u64 {
        self.0.div_ceil(1_000)
    }
}

macro_rules! additive {
    ($unit:ident) => {
        impl Add for $unit {
            type Output = $unit;
            fn add(self, other: $unit) -> $unit {
                $unit(self.0.saturating_add(other.0))
            }
        }
        impl AddAssign for $unit {
            fn add_assign(&mut self, other: $unit) {
                *self = *self + other;
            }
        }
        impl Sum for $unit {
            fn sum<I: Iterator<Item = $unit>>(items: I) -> $unit {
                items.fold($unit(0), Add::add)
            }
        }
    };
}
additive!(Bytes);
additive!(Millis);

/// Three significant digits in decimal units: `2.88 GB`, `160 MB`, `12 B`.
impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 4] =
            [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
        for (unit, name) in UNITS {
            // 999.5 kB would print as 1000 kB: the next unit starts where rounding reaches it.
            if self.0 >= unit - unit / 2_000 {
                let hundredths = (u128::from(self.0) * 100 + u128::from(unit) / 2) / u128::from(unit);
                let text = match hundredths {
                    10_000.. => format!("{}", (hundredths + 50) / 100),
                    1_000.. => {
                        let tenths = (hundredths + 5) / 10;
                        format!("{}.{}", tenths / 10, tenths % 10)
                    }
                    _ => format!("{}.{:02}", hundredths / 100, hundredths % 100),
                };
                let text =
                    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
                return f.pad(&format!("{text} {name}"));
            }
        }
        f.pad(&format!("{} B", self.0))
    }
}

/// As people say it: `7m 08s`, `1h 05m`, `42s`, `350ms`.
impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1_000 {
            return f.pad(&format!("{}ms", self.0));
        }
        if self.0 < 10_000 {
            let tenths = (self.0 + 50) / 100;
            return f.pad(&match tenths % 10 {
                0 => format!("{}s", tenths / 10),
                part => format!("{}.{part}s", tenths / 10),
            });
        }
        let seconds = (self.0 + 500) / 1_000;
        let text = match seconds {
            0..60 => format!("{seconds}s"),
            60..3_600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
            _ => format!("{}h {:02}m", seconds / 3_600, seconds % 3_600 / 60),
        };
        f.pad(&text)
    }
}

impl From<Millis> for std::time::Duration {
    fn from(time: Millis) -> std::time::Duration {
        std::time::Duration::from_millis(time.0)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 % 100 {
            0 => write!(f, "{}%", self.0 / 100),
            part => write!(f, "{}.{part:02}%", self.0 / 100),
        }
    }
}

impl FromStr for Bytes {
    type Err = String;

    /// Reads `3GB`, `1.5 GiB`, `512MB`, `60B`. `kB`, `MB`, `GB`, `TB` are powers of ten; `KiB`,
    /// `MiB`, `GiB`, `TiB` of two.
    fn from_str(text: &str) -> Result<Bytes, String> {
        let wrong =
            || format!("`{text}` is not an amount of memory: write for example `3GB`, `512MB` or `1.5GiB`");
        let (number, unit) = split_number(text.trim()).ok_or_else(wrong)?;
        let scale: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
            "b" => 1,
            "kb" => 1_000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            "tb" => 1_000_000_000_000,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            "tib" => 1 << 40,
            _ => return Err(wrong()),
        };
        scaled(number, scale).map(Bytes).ok_or_else(wrong)
    }
}

impl FromStr for Millis {
    type Err = String;

    /// Reads `6m`, `25s`, `1h30m`, `1.5s`, `500ms`.
    fn from_str(text: &str) -> Result<Millis, String> {
        let wrong =
            || format!("`{text}` is not a duration: write for example `6m`, `25s`, `1h30m` or `500ms`");
        let mut rest = text.trim();
        let mut total = Millis(0);
        if rest.is_empty() {
            return Err(wrong());
        }
        while !rest.is_empty() {
            let (number, tail) = split_number(rest).ok_or_else(wrong)?;
            let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
            let scale = match &tail[..letters] {
                "ms" => 1,
                "s" => 1_000,
                "m" | "min" => 60_000,
                "h" => 3_600_000,
                _ => return Err(wrong()),
            };
            total += Millis(scaled(number, scale).ok_or_else(wrong)?);
            rest = tail[letters..].trim_start();
        }
        Ok(total)
    }
}

impl FromStr for Percent {
    type Err = String;

    /// Reads `2%` or `0.5%`, from 0 to 1000.
    fn from_str(text: &str) -> Result<Percent, String> {
        let wrong = || format!("`{text}` is not a percentage: write for example `10%`");
        let (number, unit) = split_number(text.trim()).ok_or_else(wrong)?;
        if unit.trim_start() != "%" {
            return Err(wrong());
        }
        match scaled(number, 100) {
            Some(hundredths @ 0..=100_000) => Ok(Percent(hundredths as u32)),
            _ => Err(wrong()),
        }
    }
}

/// Splits `1.5GiB` into its digits and the rest; `None` where there are no digits.
fn split_number(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// A plain decimal number times `scale`, rounded up; `None` where it is no number or too large.
fn scaled(number: &str, scale: u64) -> Option<u64> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || whole.len() > 18 || part.len() > 18 || part.contains('.') || number.ends_with('.')
    {
        return None;
    }
    let digits: u128 = format!("{whole}{part}").parse().ok()?;
    let value = (digits * u128::from(scale)).div_ceil(10u128.pow(part.len() as u32));
    (value <= FIGURE_MAX).then_some(value as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_and_shown() {
        let check = |text: &str, bytes: u64, shown: &str| {
            let read: Bytes = text.parse().unwrap();
            assert_eq!((read.0, read.to_string().as_str()), (bytes, shown), "{text}");
        };
        check("3GB", 3_000_000_000, "3 GB");
        check("1.5 GiB", 1_610_612_736, "1.61 GB");
        check("60B", 60, "60 B");
        check("0MB", 0, "0 B");
        check("512mb", 512_000_000, "512 MB");
        check("999999B", 999_999, "1 MB");
        check("0.1B", 1, "1 B");
        check("12.34GB", 12_340_000_000, "12.3 GB");
        assert_eq!(
            [3_000_000_000, 5_360_000_000, 160_000_000, 3_000_000_001].map(|b| Bytes(b).exact()),
            ["3 GB", "5.36 GB", "160 MB", "3000000001 B"]
        );
        for wrong in
            ["3 gigs", "3", "GB", "-3GB", "1e9B", "3GBs", "1..5GB", "", "99999999999TB", "1.GB", "∞GB"]
        {
            assert!(wrong.parse::<Bytes>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_are_read_and_shown() {
        let check = |text: &str, ms: u64, shown: &str| {
            let read: Millis = text.parse().unwrap();
            assert_eq!((read.0, read.to_string().as_str()), (ms, shown), "{text}");
        };
        check("6m", 360_000, "6m 00s");
        check("1h30m", 5_400_000, "1h 30m");
        check("1.5s", 1_500, "1.5s");
        check("500ms", 500, "500ms");
        check("7m 8s", 428_000, "7m 08s");
        for wrong in ["6", "m", "6 minutes", "-6m", "", "6mm", "1h-3m"] {
            assert!(wrong.parse::<Millis>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn percentages_are_read() {
        assert_eq!("2%".parse(), Ok(Percent(200)));
        assert_eq!("0.5 %".parse(), Ok(Percent(50)));
        assert!("2".parse::<Percent>().is_err());
        assert!("1001%".parse::<Percent>().is_err());
        assert_eq!(Bytes(100).plus(Percent(1_000)), Bytes(110));
        assert_eq!(Bytes(1).plus(Percent(1)), Bytes(2));
    }
}
