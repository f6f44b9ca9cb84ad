//! One request after another, each with its redirects, its limits and its pauses.

use std::time::Duration;

use http::header::{HeaderMap, LAST_MODIFIED, LOCATION, RETRY_AFTER};
use http_body_util::BodyExt;
use octocrab::Octocrab;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::time::{Instant, sleep, timeout};

use super::answer::{Head, Next, again, lead, next};
use super::{Server, Token, Why, api};
use crate::run::clock;
use crate::text::without_addresses;

/// Longest time without a byte, and until a connection is made.
const SILENCE: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(10);

/// Most redirects of one request.
const REDIRECTS_MAX: usize = 5;

/// Most bytes of a page of JSON, and of what comes with an error.
const JSON_MAX: u64 = 32 << 20;
const ERROR_MAX: u64 = 64 << 10;

/// Most bytes of a log that go by until its end.
const LOG_MAX: u64 = 512 << 20;

pub(super) struct Client {
    octocrab: Octocrab,
    server: Server,
    end: Instant,
}

/// What of a body is kept.
#[derive(Clone, Copy)]
pub(super) enum Keep {
    /// All of it, at most so many bytes.
    All(u64),
    /// So many bytes at its end.
    End(usize),
}

pub(super) struct Answer {
    pub(super) body: Vec<u8>,
    /// When it was last written, in seconds since 1970.
    pub(super) written: Option<i64>,
}

/// Why a request has no answer at all.
enum Trouble {
    /// It may have one later.
    Passing(Why),
    Lasting(Why),
}

impl Client {
    /// For requests that take at most `wait` together. Must be called within a runtime.
    pub(super) fn new(server: &Server, token: Option<&Token>, wait: Duration) -> Result<Client, Why> {
        let why = |err: octocrab::Error| Why::Other(format!("no connection can be made: {}", told(&err)));
        // Without the path, which would be set in front of addresses elsewhere too.
        let origin = server.origin.as_str();
        let builder = Octocrab::builder()
            .base_uri(origin)
            .and_then(|builder| builder.upload_uri(origin))
            .map_err(why)?
            .set_connect_timeout(Some(CONNECT));
        let builder = match token {
            Some(token) => builder.personal_token(token.expose()),
            None => builder,
        };
        let octocrab = builder.build().map_err(why)?;
        Ok(Client { octocrab, server: server.clone(), end: Instant::now() + wait })
    }

    /// The JSON behind a path, which begins with `/`.
    pub(super) async fn json(&self, path: &str) -> Result<Value, Why> {
        let mut tries = 0;
        loop {
            let answer = self.get(path, Keep::All(JSON_MAX)).await?;
            tries += 1;
            match serde_json::from_slice(&answer.body) {
                Ok(value) => return Ok(value),
                // Half an answer, or a page of a proxy.
                Err(_) => {
                    let why = Why::Other("the answer is no JSON, though it is called a success".to_owned());
                    self.pause(again(tries, self.left(), why)).await?;
                }
            }
        }
    }

    /// What is behind a path, which begins with `/`, or behind what it leads to.
    pub(super) async fn get(&self, path: &str, keep: Keep) -> Result<Answer, Why> {
        for tries in 1.. {
            let next = match self.once(path, keep).await {
                Ok((head, answer)) => match next(&head, tries, clock(), self.left()) {
                    Next::Use => return Ok(answer),
                    next => next,
                },
                Err(Trouble::Passing(why)) => again(tries, self.left(), why),
                Err(Trouble::Lasting(why)) => Next::Give(why),
            };
            self.pause(next).await?;
        }
        Err(Why::Time)
    }

    async fn pause(&self, next: Next) -> Result<(), Why> {
        match next {
            Next::Give(why) => Err(why),
            Next::Again(pause) => {
                sleep(pause.min(self.left())).await;
                Ok(())
            }
            Next::Use => Ok(()),
        }
    }

    fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// The time that one step may take.
    fn patience(&self) -> Result<Duration, Trouble> {
        match self.left() {
            Duration::ZERO => Err(Trouble::Lasting(Why::Time)),
            left => Ok(left.min(SILENCE)),
        }
    }

    async fn once(&self, path: &str, keep: Keep) -> Result<(Head, Answer), Trouble> {
        let mut url = format!("{}{}{path}", self.server.origin, self.server.prefix);
        for _ in 0..=REDIRECTS_MAX {
            // The token goes along only to the very origin that it is for: octocrab compares the host and the port,
            // and `lead` never goes from https to http.
            let host = url.split('/').nth(2).unwrap_or_default().to_owned();
            let late = |_| Trouble::Passing(Why::Time);
            let broken = |err: octocrab::Error| {
                Trouble::Passing(Why::Other(format!("no answer from `{host}`: {}", told(&err))))
            };
            let asked = timeout(self.patience()?, self.octocrab._get(url.as_str()));
            let response = asked.await.map_err(late)?.map_err(broken)?;
            let status = response.status().as_u16();
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            if let (301 | 302 | 303 | 307 | 308, Some(location)) = (status, location) {
                url = lead(&url, location).map_err(Trouble::Lasting)?;
                continue;
            }
            let success = (200..300).contains(&status);
            let mut head = head(status, response.headers());
            head.api = url.starts_with(&format!("{}/", self.server.origin));
            let written = response.headers().get(LAST_MODIFIED).and_then(|value| value.to_str().ok());
            let written = written.and_then(http_date);
            let mut body = response.into_body();
            let (mut kept, mut total) = (Vec::new(), 0_u64);
            loop {
                let frame = timeout(self.patience()?, body.frame()).await.map_err(late)?;
                let Some(frame) = frame.transpose().map_err(broken)? else { break };
                let Ok(data) = frame.into_data() else { continue };
                total += data.len() as u64;
                kept.extend_from_slice(&data);
                match keep {
                    _ if !success => {
                        if total > ERROR_MAX {
                            break;
                        }
                    }
                    Keep::All(most) if total > most => return Err(Trouble::Lasting(too_large(most))),
                    Keep::All(_) => {}
                    Keep::End(_) if total > LOG_MAX => return Err(Trouble::Lasting(too_large(LOG_MAX))),
                    Keep::End(most) => {
                        if kept.len() > 2 * most {
                            kept.drain(..kept.len() - most);
                        }
                    }
                }
            }
            if let (true, Keep::End(most)) = (success, keep) {
                kept.drain(..kept.len().saturating_sub(most));
            }
            if !success {
                let value: Option<Value> = serde_json::from_slice(&kept).ok();
                head.message = value.and_then(|value| api::text(&value, "message"));
            }
            return Ok((head, Answer { body: kept, written }));
        }
        Err(Trouble::Lasting(Why::Other(format!("more than {REDIRECTS_MAX} redirects"))))
    }
}

fn too_large(most: u64) -> Why {
    Why::Other(format!("it is larger than {} MiB, the most that is read", most >> 20))
}

fn head(status: u16, headers: &HeaderMap) -> Head {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse().ok();
    Head {
        status,
        retry_after: number(RETRY_AFTER.as_str()),
        remaining: number("x-ratelimit-remaining"),
        reset: number("x-ratelimit-reset").and_then(|reset: u64| i64::try_from(reset).ok()),
        api: true,
        message: None,
    }
}

fn http_date(text: &str) -> Option<i64> {
    OffsetDateTime::parse(text, &Rfc2822).ok().map(OffsetDateTime::unix_timestamp)
}

/// The innermost cause, without addresses: those of storages hold keys.
fn told(err: &octocrab::Error) -> String {
    let mut root: &(dyn std::error::Error + 'static) = err;
    while let Some(inner) = root.source() {
        root = inner;
    }
    without_addresses(&root.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_headers_are_times() {
        assert_eq!(http_date("Thu, 09 Oct 2025 08:53:20 GMT"), Some(1_760_000_000));
        assert_eq!(http_date("yesterday"), None);
    }
}
