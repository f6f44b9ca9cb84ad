//! Errors of `object_store`, sorted by what to do about them, in words that hold no address and no key.

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

use super::service::Last;
use crate::text::{printable, without_addresses};

/// How one request failed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// There is nothing of this name.
    Missing(String),
    /// Somebody else has written.
    Conflict,
    /// It may do later.
    Passing(String),
    /// It will not.
    Lasting(String),
}

impl Trouble {
    pub(super) fn message(self) -> String {
        match self {
            Trouble::Conflict => "others wrote to it".to_owned(),
            Trouble::Missing(what) | Trouble::Passing(what) | Trouble::Lasting(what) => what,
        }
    }
}

/// What an error means for the file that was asked for; `last` is the request that failed.
pub(super) fn trouble(err: &Error, last: &Last) -> Trouble {
    let text = err.to_string();
    let answer = last.get().1.filter(|status| !(200..300).contains(status));
    let code = answer.and_then(|_| code(&text));
    let what = match answer {
        Some(status) => {
            let code = code.map_or_else(String::new, |code| format!(" ({code})"));
            Some(format!("the answer is {status}{code}"))
        }
        None => transport(err),
    };
    let passing = answer.is_none_or(|status| matches!(status, 408 | 429 | 500 | 502..=599));
    // That a bucket is missing is not cured by writing to it.
    let in_nothing = matches!(code, Some("NoSuchBucket" | "ContainerNotFound"));
    match (err, what) {
        (Error::AlreadyExists { .. } | Error::Precondition { .. }, _) => Trouble::Conflict,
        (Error::NotFound { .. }, what) if !in_nothing => {
            Trouble::Missing(said(&what.unwrap_or_else(|| "it does not exist".to_owned()), last))
        }
        (_, Some(what)) if passing => Trouble::Passing(said(&what, last)),
        (_, Some(what)) => Trouble::Lasting(said(&what, last)),
        (err, None) => Trouble::Lasting(settings(err)),
    }
}

/// With the host that was asked last, which may be one that gives out keys.
pub(super) fn said(what: &str, last: &Last) -> String {
    match last.get().0.as_str() {
        "" => what.to_owned(),
        host @ ("169.254.169.254" | "metadata.google.internal" | "metadata") => {
            format!("no credentials are set, and this machine gives out none (`{host}`: {what})")
        }
        host => format!("`{}`: {what}", printable(host)),
    }
}

/// What the connection did, where that is what failed.
fn transport(err: &Error) -> Option<String> {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(err);
    while let Some(err) = source {
        source = err.source();
        let Some(http) = err.downcast_ref::<HttpError>() else { continue };
        let what = match http.kind() {
            HttpErrorKind::Connect => "no connection",
            HttpErrorKind::Timeout => "no answer in time",
            HttpErrorKind::Request | HttpErrorKind::Interrupted => "the connection broke",
            _ => "the answer cannot be read",
        };
        let mut root: &(dyn std::error::Error + 'static) = err;
        while let Some(inner) = root.source() {
            root = inner;
        }
        return Some(format!("{what}: {}", without_addresses(&root.to_string())));
    }
    None
}

/// An error of the settings, before anything was asked.
pub(super) fn settings(err: &Error) -> String {
    without_addresses(&err.to_string())
}

/// The name that storages give to an error: `<Code>NoSuchBucket</Code>`.
fn code(text: &str) -> Option<&str> {
    let (code, _) = text.split_once("<Code>")?.1.split_once("</Code>")?;
    (code.len() <= 60 && code.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_words() {
        assert_eq!(code("500: <Error><Code>SlowDown</Code><Message>…"), Some("SlowDown"));
        for text in ["", "<Code>", "<Code>a b</Code>", "<Code>\u{1b}</Code>", "</Code><Code>"] {
            assert_eq!(code(text), None);
        }
    }
}
