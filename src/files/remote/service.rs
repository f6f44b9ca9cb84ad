//! The HTTP client below `object_store`, watched: its errors hold addresses and what a server said, so what
//! is said to people is made from the host and the status alone.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};

/// The last request: to which host, and with which status it was answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Last(Arc<Mutex<(String, Option<u16>)>>);

impl Last {
    pub(super) fn get(&self) -> (String, Option<u16>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, host: &str, status: Option<u16>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (host.to_owned(), status);
    }
}

/// Makes the clients of a store.
pub(super) struct Connector {
    pub(super) last: Last,
    /// A header `authorization` for every request.
    pub(super) authorization: Option<String>,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = ReqwestConnector::default().connect(options)?;
        let (last, authorization) = (self.last.clone(), self.authorization.clone());
        Ok(HttpClient::new(Watched { inner, last, authorization }))
    }
}

struct Watched {
    inner: HttpClient,
    last: Last,
    authorization: Option<String>,
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watched")
    }
}

#[async_trait]
impl HttpService for Watched {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        self.last.set(&host, None);
        if let Some(Ok(value)) = self.authorization.as_ref().map(|value| value.parse()) {
            request.headers_mut().insert("authorization", value);
        }
        let response = self.inner.execute(request).await?;
        self.last.set(&host, Some(response.status().as_u16()));
        Ok(response)
    }
}

/// The header that a `user:password` of an address asks for.
pub(super) fn basic(login: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::from("Basic ");
    for group in unescaped(login).chunks(3) {
        let byte = |i: usize| u32::from(group.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * i) & 63) as usize];
            text.push(if i > group.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

/// `%40` is `@`: that is how an address holds what would end it.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits =
            tail.get(..2).filter(|digits| *first == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_becomes_a_header() {
        for (login, expect) in [
            ("Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            ("a:b", "YTpi"),
            ("ab:c", "YWI6Yw=="),
            ("me:p%40ss%", "bWU6cEBzcyU="),
        ] {
            assert_eq!(basic(login), format!("Basic {expect}"));
        }
    }
}
