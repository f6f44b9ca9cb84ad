//! Where GitHub is, what is asked of it, and in whose name.

use std::fmt;
use std::str::FromStr;

use crate::text::printable;

/// A secret. It is shown nowhere: neither `{:?}` nor `{}` gives it away.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token without the white space around it; `None` where nothing is left.
    ///
    /// # Errors
    /// What cannot stand in a header, without saying what it is.
    pub fn new(text: &str) -> Result<Option<Token>, String> {
        let text = text.trim();
        if text.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err("the token has characters that no token has".to_owned());
        }
        Ok((!text.is_empty()).then(|| Token(text.to_owned())))
    }

    /// The secret itself, for the one place that sends it.
    #[cfg(feature = "github")]
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// `owner/name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository(String);

impl FromStr for Repository {
    type Err = String;

    fn from_str(text: &str) -> Result<Repository, String> {
        let word = |part: &str| {
            let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
            !part.is_empty() && part.len() <= 100 && part.bytes().all(known) && !matches!(part, "." | "..")
        };
        match text.split_once('/') {
            Some((owner, name)) if word(owner) && word(name) => Ok(Repository(text.to_owned())),
            _ => Err(format!("`{}` is no repository: one is `owner/name`", printable(text))),
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The API: GitHub's own, or that of a GitHub Enterprise Server below its `/api/v3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Scheme and host: `https://api.github.com`.
    pub(super) origin: String,
    /// What stands in front of every path: empty, or `/api/v3`.
    pub(super) prefix: String,
}

impl Default for Server {
    fn default() -> Server {
        Server { origin: "https://api.github.com".to_owned(), prefix: String::new() }
    }
}

impl Server {
    /// Whether the pages of this host are of the same GitHub.
    #[must_use]
    pub fn is_of(&self, host: &str) -> bool {
        let own = self.origin.split("://").nth(1).unwrap_or_default();
        let host = host.to_ascii_lowercase();
        own == host || own.strip_prefix("api.") == Some(host.as_str())
    }
}

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Server, String> {
        let text = text.trim().trim_end_matches('/');
        let wrong = |why: &str| {
            format!(
                "the API's address is wrong: {why}\n  help: it is such as https://github.example.org/api/v3"
            )
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("it has no scheme"))?;
        let (host, prefix) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':' | b'[' | b']');
        if host.is_empty() || !host.bytes().all(known) {
            return Err(wrong("its host is none"));
        }
        let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'/');
        if !prefix.bytes().all(known) {
            return Err(wrong("its path is none"));
        }
        match scheme.to_ascii_lowercase().as_str() {
            "https" => {}
            "http" if is_loopback(host) => {}
            "http" => return Err(wrong("over plain http anybody could read the token")),
            _ => return Err(wrong("its scheme is not https")),
        }
        let origin = format!("{}://{}", scheme.to_ascii_lowercase(), host.to_ascii_lowercase());
        Ok(Server { origin, prefix: prefix.to_owned() })
    }
}

/// Whether a host, with or without its port, is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// A run as people name it: its number, or the address of its page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// The newest that fits.
    Newest,
    /// This one.
    Run {
        /// Its number.
        id: u64,
        /// The attempt that the address names, from 1.
        attempt: Option<u64>,
        /// The host and the repository that the address names.
        page: Option<(String, Repository)>,
    },
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Named, String> {
        let number = |text: &str| text.parse().ok().filter(|number: &u64| *number > 0);
        if text == "newest" {
            return Ok(Named::Newest);
        }
        if let Some(id) = number(text) {
            return Ok(Named::Run { id, attempt: None, page: None });
        }
        let wrong = || {
            let help = "it is a number, the address of the run's page, or `newest`";
            format!("`{}` is no run: {help}", printable(text))
        };
        let (_, path) = text.split_once("://").ok_or_else(wrong)?;
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let mut parts = path.split('/');
        let host = parts.next().unwrap_or_default().to_owned();
        let repository: Repository =
            format!("{}/{}", parts.next().unwrap_or_default(), parts.next().unwrap_or_default()).parse()?;
        match (parts.next(), parts.next(), parts.next().and_then(number)) {
            (Some("actions"), Some("runs"), Some(id)) => {
                let attempt = parts.next().filter(|word| *word == "attempts").and_then(|_| parts.next());
                Ok(Named::Run { id, attempt: attempt.and_then(number), page: Some((host, repository)) })
            }
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_shown_nowhere() {
        let token = Token::new(" ghs_secret\n").unwrap().unwrap();
        assert_eq!(format!("{token} {token:?} {:#?}", Some(&token)), "*** *** Some(\n    ***,\n)");
        assert_eq!(Token::new(" \n"), Ok(None));
        for odd in ["a b", "a\r\nx-evil: 1", "tök"] {
            assert!(!Token::new(odd).unwrap_err().contains(odd), "{odd}");
        }
    }

    #[test]
    fn servers_are_safe_to_send_a_token_to() {
        let check = |text: &str, expect: Option<(&str, &str)>| {
            let server = text.parse::<Server>().ok();
            let expect =
                expect.map(|(origin, prefix)| Server { origin: origin.into(), prefix: prefix.into() });
            assert_eq!(server, expect, "{text}");
        };
        check("https://api.github.com", Some(("https://api.github.com", "")));
        check("https://GHE.example.org/api/v3/", Some(("https://ghe.example.org", "/api/v3")));
        check("http://127.0.0.1:8080/api/v3", Some(("http://127.0.0.1:8080", "/api/v3")));
        check("http://localhost:1", Some(("http://localhost:1", "")));
        check("http://[::1]:1", Some(("http://[::1]:1", "")));
        for bad in [
            "",
            "api.github.com",
            "http://api.github.com",
            "http://127.0.0.1.evil.org",
            "ftp://x",
            "https://",
            "https://user:secret@host/api",
            "https://host/api?x=1",
            "https://host/\r\nx: 1",
        ] {
            check(bad, None);
            assert!(!bad.parse::<Server>().unwrap_err().contains("secret"));
        }
    }

    #[test]
    fn runs_are_named_by_number_or_page() {
        let run = |id, attempt, page: Option<(&str, &str)>| {
            let page = page.map(|(host, name)| (host.to_owned(), name.parse().unwrap()));
            Some(Named::Run { id, attempt, page })
        };
        let check = |text: &str, expect| assert_eq!(text.parse::<Named>().ok(), expect, "{text}");
        check("newest", Some(Named::Newest));
        check("17", run(17, None, None));
        check("https://github.com/o/r.x/actions/runs/17", run(17, None, Some(("github.com", "o/r.x"))));
        check("https://ghe/o/r/actions/runs/17/attempts/2?pr=1", run(17, Some(2), Some(("ghe", "o/r"))));
        check("https://github.com/o/r/actions/runs/17/job/9", run(17, None, Some(("github.com", "o/r"))));
        for bad in
            ["", "0", "-1", "latest", "https://github.com/o/r", "https://github.com/o/../actions/runs/1"]
        {
            check(bad, None);
        }
    }

    #[test]
    fn pages_belong_to_their_api() {
        for (server, host, expect) in [
            ("https://api.github.com", "GitHub.com", true),
            ("https://api.github.com", "ghe.example.org", false),
            ("https://ghe.example.org/api/v3", "ghe.example.org", true),
            ("https://ghe.example.org/api/v3", "github.com", false),
            ("https://api.octo.ghe.com", "octo.ghe.com", true),
        ] {
            assert_eq!(server.parse::<Server>().unwrap().is_of(host), expect, "{server} {host}");
        }
    }
}
