//! What an answer means for the one who asked: go on, ask again later, or give up with a word about what to do.

use std::time::Duration;

use super::Why;
use super::place::is_loopback;
use crate::text::{printable, shorten};

/// How often one request is made before an error that may pass is taken for one that does not.
const TRIES: u32 = 5;

/// What GitHub asks for where its second limit was met and no header says how long.
const SECONDARY: Duration = Duration::from_secs(60);

/// Longest message of GitHub's that is shown, in columns.
const MESSAGE_MAX: usize = 200;

/// What of an answer decides that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// The status.
    pub(super) status: u16,
    /// `retry-after`, in seconds.
    pub(super) retry_after: Option<u64>,
    /// `x-ratelimit-remaining`.
    pub(super) remaining: Option<u64>,
    /// `x-ratelimit-reset`, in seconds since 1970.
    pub(super) reset: Option<i64>,
    /// Whether it came from the API itself, not from a storage that the API led to.
    pub(super) api: bool,
    /// The `message` of its body.
    pub(super) message: Option<String>,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Use it.
    Use,
    /// Ask again after that.
    Again(Duration),
    /// Give up.
    Give(Why),
}

/// What an answer means, at the `tries`th try from 1, at the time `now` in seconds since 1970, where at most `left`
/// may be waited.
pub(super) fn next(head: &Head, tries: u32, now: i64, left: Duration) -> Next {
    let limited = match head.status {
        200..=299 => return Next::Use,
        429 => true,
        403 if head.api => {
            let says = head.message.as_deref().unwrap_or_default().to_ascii_lowercase();
            head.retry_after.is_some()
                || head.remaining == Some(0)
                || says.contains("rate limit")
                || says.contains("abuse detection")
        }
        _ => false,
    };
    if limited {
        let reset = head.reset.filter(|_| head.remaining == Some(0));
        let reset = reset.map(|at| Duration::from_secs(u64::try_from(at - now).unwrap_or(0) + 1));
        let pause = head.retry_after.map(Duration::from_secs).or(reset);
        let pause = pause.unwrap_or(SECONDARY * 2_u32.pow(tries.min(TRIES) - 1)).max(Duration::from_secs(1));
        return match pause < left && tries < TRIES {
            true => Next::Again(pause),
            false => Next::Give(Why::Limit(pause)),
        };
    }
    let says = head.message.as_deref().map(|text| printable(&shorten(text, MESSAGE_MAX)));
    let status = head.status;
    let other = || {
        let who = if head.api { "GitHub" } else { "the storage that GitHub leads to" };
        let says = says.as_ref().map_or_else(String::new, |says| format!(": {says}"));
        Why::Other(format!("{who} answers {status}{says}"))
    };
    // A storage's address is good for a minute: the API gives a new one.
    let passing = matches!(status, 408 | 500..=599) || (!head.api && status == 403);
    match status {
        _ if passing => again(tries, left, other()),
        401 if head.api => Next::Give(Why::Unknown),
        403 if head.api => Next::Give(Why::Forbidden(says.unwrap_or_default())),
        404 => Next::Give(Why::Missing),
        410 => Next::Give(Why::Gone),
        _ => Next::Give(other()),
    }
}

/// Once more where that may help, after pauses that double.
pub(super) fn again(tries: u32, left: Duration, failed: Why) -> Next {
    let pause = Duration::from_millis(250) * 2_u32.pow(tries.min(10));
    match tries < TRIES && pause < left {
        true => Next::Again(pause),
        false => Next::Give(failed),
    }
}

/// Where `location` leads from `url`.
///
/// # Errors
/// An address that is none, and one that would show to others what was asked in secret.
pub(super) fn lead(url: &str, location: &str) -> Result<String, Why> {
    let odd = |why: &str| Err(Why::Other(format!("it leads to another address, which {why}")));
    let origin = |url: &str| url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    if location.starts_with('/') && !location.starts_with("//") {
        return Ok(origin(url) + location);
    }
    let host = location.split('/').nth(2).unwrap_or_default();
    if host.is_empty() || host.contains('@') {
        return odd("is none");
    }
    if location.starts_with("https://") {
        return Ok(location.to_owned());
    }
    // What begins on this machine may go on there.
    if location.starts_with("http://") && url.starts_with("http://") && is_loopback(host) {
        return Ok(location.to_owned());
    }
    odd("is not protected by https")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_say_what_to_do() {
        const NOW: i64 = 1_000_000;
        let head = |status| Head { status, api: true, ..Head::default() };
        let says = |status, text: &str| Head { message: Some(text.to_owned()), ..head(status) };
        let check = |head: Head, tries, left, expect: Next| {
            assert_eq!(next(&head, tries, NOW, Duration::from_secs(left)), expect, "{head:?}");
        };
        let secs = Duration::from_secs;
        let limit = |seconds| Next::Give(Why::Limit(secs(seconds)));
        check(head(200), 1, 0, Next::Use);
        check(head(206), 1, 0, Next::Use);
        // The first limit: until it is reset, unless that is too long.
        let used_up = |reset| Head { remaining: Some(0), reset: Some(NOW + reset), ..head(403) };
        check(used_up(9), 1, 60, Next::Again(secs(10)));
        check(used_up(3540), 1, 600, limit(3541));
        check(used_up(-5), 1, 60, Next::Again(secs(1)));
        check(Head { status: 429, ..used_up(9) }, 1, 60, Next::Again(secs(10)));
        check(Head { reset: Some(i64::MAX), ..used_up(0) }, 1, 60, limit(i64::MAX as u64 - NOW as u64 + 1));
        // The second: as it says, or a minute and ever more.
        check(Head { retry_after: Some(7), ..head(403) }, 1, 60, Next::Again(secs(7)));
        check(Head { retry_after: Some(0), ..head(429) }, 1, 60, Next::Again(secs(1)));
        check(Head { retry_after: Some(u64::MAX), ..head(429) }, 1, 60, limit(u64::MAX));
        let second = "You have exceeded a secondary rate limit. Please wait a few minutes";
        check(says(403, second), 1, 600, Next::Again(secs(60)));
        check(says(403, second), 3, 600, Next::Again(secs(240)));
        check(says(403, second), 1, 30, limit(60));
        check(head(429), 5, 100_000, limit(960));
        // What is no limit is no reason to wait.
        let refused = "Resource not accessible by integration";
        check(says(403, refused), 1, 600, Next::Give(Why::Forbidden(refused.to_owned())));
        check(
            Head { remaining: Some(12), reset: Some(NOW + 9), ..says(403, refused) },
            1,
            600,
            Next::Give(Why::Forbidden(refused.to_owned())),
        );
        check(head(401), 1, 600, Next::Give(Why::Unknown));
        check(head(404), 1, 600, Next::Give(Why::Missing));
        check(head(410), 1, 600, Next::Give(Why::Gone));
        check(
            says(422, "odd\u{1b}[1m"),
            1,
            600,
            Next::Give(Why::Other("GitHub answers 422: odd\\u{1b}[1m".into())),
        );
        check(head(304), 1, 600, Next::Give(Why::Other("GitHub answers 304".into())));
        // What may pass is tried again, not for ever.
        for status in [408, 500, 502, 503, 504] {
            check(head(status), 1, 600, Next::Again(Duration::from_millis(500)));
            check(head(status), 4, 600, Next::Again(secs(4)));
            check(head(status), 5, 600, Next::Give(Why::Other(format!("GitHub answers {status}"))));
            check(head(status), 4, 3, Next::Give(Why::Other(format!("GitHub answers {status}"))));
        }
        let storage = Head { api: false, ..head(403) };
        check(storage, 1, 600, Next::Again(Duration::from_millis(500)));
    }

    #[test]
    fn redirects_stay_protected() {
        let api = "https://api.github.com/repos/o/r/actions/jobs/1/logs?x=1";
        let local = "http://127.0.0.1:80/x";
        for (url, location, expect) in [
            (api, "https://storage.example/a?sig=b", Some("https://storage.example/a?sig=b")),
            (api, "/repositories/1/actions", Some("https://api.github.com/repositories/1/actions")),
            (api, "//storage.example/a", None),
            (api, "http://api.github.com/repos", None),
            (api, "http://127.0.0.1/x", None),
            (api, "https://api.github.com@evil.example/", None),
            (api, "https:///x", None),
            (api, "file:///etc/passwd", None),
            (api, "", None),
            (local, "http://127.0.0.2:81/y", Some("http://127.0.0.2:81/y")),
            (local, "http://storage.example/y", None),
            (local, "/y", Some("http://127.0.0.1:80/y")),
        ] {
            assert_eq!(lead(url, location).ok().as_deref(), expect, "{location}");
        }
    }
}
