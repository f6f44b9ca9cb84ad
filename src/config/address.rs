//! The address of a file in shared storage, such as `s3://bucket/key`.

use std::fmt;

use crate::text::printable;

/// Longest address, in bytes.
const LENGTH_MAX: usize = 2048;

/// What the address speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `s3://bucket/key`: Amazon S3 and what speaks like it.
    S3,
    /// `gs://bucket/key`: Google Cloud Storage.
    Gs,
    /// `az://container/key`: Azure Blob Storage.
    Az,
    /// `http://host/path`.
    Http,
    /// `https://host/path`.
    Https,
}

impl Scheme {
    const ALL: [Scheme; 5] = [Scheme::S3, Scheme::Gs, Scheme::Az, Scheme::Http, Scheme::Https];

    /// As it is written in front of `://`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Scheme::S3 => "s3",
            Scheme::Gs => "gs",
            Scheme::Az => "az",
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }
}

/// A file in shared storage. What shows it leaves out a user and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// What it speaks to.
    pub scheme: Scheme,
    /// `user:password` of a web address.
    pub login: Option<String>,
    /// The bucket or container, or the host of a web address.
    pub place: String,
    /// The name in there, without a `/` in front.
    pub key: String,
}

impl Address {
    /// Whether a text is an address rather than the name of a file.
    #[must_use]
    pub fn is(text: &str) -> bool {
        text.contains("://")
    }

    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it, without the text of a password.
    pub fn parse(text: &str) -> Result<Address, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err("an address has `://` in it".to_owned());
        };
        let Some(scheme) = Scheme::ALL.into_iter().find(|known| known.name() == scheme) else {
            let scheme = printable(scheme);
            return Err(format!("`{scheme}://` is no kind of storage: s3, gs, az, http and https are"));
        };
        if text.len() > LENGTH_MAX || text.chars().any(char::is_control) {
            return Err(format!("an address has at most {LENGTH_MAX} bytes and no control characters"));
        }
        let web = matches!(scheme, Scheme::Http | Scheme::Https);
        let (place, key) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, place) = match place.rsplit_once('@') {
            Some((login, place)) => (Some(login.to_owned()), place),
            None => (None, place),
        };
        if login.is_some() && !web {
            return Err(format!(
                "a user or password does not belong into `{}://`: set the variables that hold them",
                scheme.name()
            ));
        }
        if web && key.contains(['?', '#']) {
            return Err("a web address with `?` or `#` is not supported".to_owned());
        }
        let strange = |part: &str| matches!(part, "" | "." | "..");
        if place.is_empty() || key.split('/').any(strange) {
            let form = if web { "host/path" } else { "bucket/key" };
            return Err(format!("it is not of the form `{}://{form}`", scheme.name()));
        }
        Ok(Address { scheme, login, place: place.to_owned(), key: key.to_owned() })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, key) = (printable(&self.place), printable(&self.key));
        write!(f, "{}://{place}/{key}", self.scheme.name())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_without_their_password() {
        for (text, shown) in [
            ("s3://bucket/a/b.json.zst", "s3://bucket/a/b.json.zst"),
            ("gs://bucket/k", "gs://bucket/k"),
            ("az://container/k", "az://container/k"),
            ("http://host:8080/x/y", "http://host:8080/x/y"),
            ("https://me:se@cret@host/x", "https://host/x"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(
                (address.to_string(), format!("{address:?}")),
                (shown.into(), format!("Address({shown})"))
            );
        }
        assert_eq!(Address::parse("https://me:se@cret@host/x").unwrap().login.as_deref(), Some("me:se@cret"));
    }

    #[test]
    fn what_is_no_address_is_said_without_its_password() {
        for (text, what) in [
            ("ftp://me:secret@h/x", "`ftp://` is no kind of storage"),
            ("s3://secret@b/k", "does not belong into `s3://`"),
            ("s3://b", "`s3://bucket/key`"),
            ("s3:///k", "`s3://bucket/key`"),
            ("s3://b/a//k", "`s3://bucket/key`"),
            ("s3://b/../k", "`s3://bucket/key`"),
            ("https://me:secret@h/", "`https://host/path`"),
            ("https://h/x?secret=1", "`?`"),
            ("s3://b/k\n", "control"),
        ] {
            let err = Address::parse(text).unwrap_err();
            assert!(err.contains(what) && !err.contains("secret"), "{text}: {err}");
        }
    }
}
