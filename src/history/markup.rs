//! The markup of an XML stream without its text, so that a report of any size takes no more memory than
//! its largest tag: what tests printed can be gigabytes, and none of it is needed.

use std::io::{self, BufRead, Read};

use memchr::{memchr, memchr3};

/// Longest tag that is passed on, in bytes.
const TAG_MAX: usize = 16 << 20;

/// How much is asked for at once.
const CHUNK: usize = 64 << 10;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between tags: passed over.
    Text,
    /// After `<`: what it begins is not clear yet.
    Open,
    /// In a tag, a processing instruction or a declaration; in quotes or not.
    Tag(Option<u8>),
    /// In a comment: passed over up to `-->`.
    Comment,
    /// In a CDATA section: passed over up to `]]>`.
    CData,
    /// In a declaration of the document's type, so many brackets deep.
    DocType(u32),
}

/// A reader of what `inner` holds besides text.
pub(super) struct Markup<R> {
    inner: R,
    state: State,
    /// What of the current tag or ending has been seen.
    seen: Vec<u8>,
    out: Vec<u8>,
    start: usize,
    /// Line breaks that have been read.
    pub(super) lines: u64,
}

impl<R: BufRead> Markup<R> {
    pub(super) fn new(inner: R) -> Markup<R> {
        Markup { inner, state: State::Text, seen: Vec::new(), out: Vec::new(), start: 0, lines: 0 }
    }

    /// Takes bytes up to the end of a tag at most, so that `lines` is where the reader is.
    fn refill(&mut self) -> io::Result<()> {
        (self.start, self.out) = (0, std::mem::take(&mut self.out));
        self.out.clear();
        while self.out.is_empty() {
            let chunk = self.inner.fill_buf()?;
            if chunk.is_empty() {
                // An end in the middle of a tag is the parser's to find.
                self.out.append(&mut self.seen);
                return Ok(());
            }
            let chunk = &chunk[..chunk.len().min(CHUNK)];
            let used = take(chunk, &mut self.state, &mut self.seen, &mut self.out);
            self.lines += chunk[..used].iter().filter(|byte| **byte == b'\n').count() as u64;
            self.inner.consume(used);
            if self.seen.len() > TAG_MAX {
                return Err(io::Error::other(format!("a tag of more than {} MiB", TAG_MAX >> 20)));
            }
        }
        Ok(())
    }
}

/// Passes bytes of `chunk` on; returns how many. Stops behind a tag.
fn take(chunk: &[u8], state: &mut State, seen: &mut Vec<u8>, out: &mut Vec<u8>) -> usize {
    let mut at = 0;
    while at < chunk.len() {
        let byte = chunk[at];
        at += 1;
        match *state {
            State::Text => match memchr(b'<', &chunk[at - 1..]) {
                Some(next) => {
                    at += next;
                    seen.push(b'<');
                    *state = State::Open;
                }
                None => return chunk.len(),
            },
            State::Open => {
                seen.push(byte);
                *state = match seen.as_slice() {
                    b"<!--" => State::Comment,
                    b"<![CDATA[" => State::CData,
                    b"<!DOCTYPE" => State::DocType(0),
                    start
                        if [&b"<!--"[..], b"<![CDATA[", b"<!DOCTYPE"]
                            .iter()
                            .any(|all| all.starts_with(start)) =>
                    {
                        State::Open
                    }
                    _ => State::Tag(matches!(byte, b'"' | b'\'').then_some(byte)),
                };
                if *state == State::Tag(None) && byte == b'>' {
                    *state = State::Text;
                    out.append(seen);
                    return at;
                }
                if matches!(*state, State::Comment | State::CData) {
                    seen.clear();
                }
            }
            State::Tag(quote) => {
                let rest = &chunk[at - 1..];
                let next = match quote {
                    Some(quote) => memchr(quote, rest),
                    None => memchr3(b'"', b'\'', b'>', rest),
                };
                let Some(next) = next else {
                    seen.extend_from_slice(rest);
                    return chunk.len();
                };
                seen.extend_from_slice(&rest[..=next]);
                at += next;
                *state = match (quote, rest[next]) {
                    (Some(_), _) => State::Tag(None),
                    (None, b'>') => {
                        *state = State::Text;
                        out.append(seen);
                        return at;
                    }
                    (None, quote) => State::Tag(Some(quote)),
                };
            }
            State::Comment => skip(byte, b"-->", state, seen),
            State::CData => skip(byte, b"]]>", state, seen),
            State::DocType(depth) => {
                seen.push(byte);
                match (byte, depth) {
                    (b'[' | b'<', _) => *state = State::DocType(depth + 1),
                    (b']', _) => *state = State::DocType(depth.saturating_sub(1)),
                    (b'>', 0) => {
                        // Nothing of it is used, and nothing that it declares is believed.
                        *state = State::Text;
                        seen.clear();
                    }
                    (b'>', _) => *state = State::DocType(depth - 1),
                    _ => {}
                }
            }
        }
    }
    at
}

/// Passes over everything up to `end`.
fn skip(byte: u8, end: &[u8; 3], state: &mut State, seen: &mut Vec<u8>) {
    if seen.len() == 3 {
        seen.remove(0);
    }
    seen.push(byte);
    if seen == end {
        seen.clear();
        *state = State::Text;
    }
}

impl<R: BufRead> Read for Markup<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let used = available.len().min(buffer.len());
        buffer[..used].copy_from_slice(&available[..used]);
        self.consume(used);
        Ok(used)
    }
}

impl<R: BufRead> BufRead for Markup<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start >= self.out.len() {
            self.refill()?;
        }
        Ok(&self.out[self.start..])
    }

    fn consume(&mut self, amount: usize) {
        self.start += amount;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        // In pieces of every size: a chunk may end anywhere.
        for size in [1, 2, 3, 7, 4096] {
            let mut markup = Markup::new(io::BufReader::with_capacity(size, text.as_bytes()));
            let mut out = String::new();
            markup.read_to_string(&mut out).unwrap();
            assert_eq!(out, expect, "in pieces of {size}: {text}");
            assert_eq!(markup.lines, text.matches('\n').count() as u64, "{text}");
        }
    }

    #[test]
    fn only_tags_are_left() {
        check("<a>\ntext &amp; more\n<b x='>' y=\"<\"/></a>\n", "<a><b x='>' y=\"<\"/></a>");
        check(
            "<?xml version=\"1.0\"?><a><!-- <b> -- > --><![CDATA[<c>]]]]></a>",
            "<?xml version=\"1.0\"?><a></a>",
        );
        check("<!DOCTYPE a [<!ENTITY b \"c\"><!ELEMENT d ANY>]><a/>", "<a/>");
        check("<!-x><![CDAT><a>", "<!-x><![CDAT><a>");
        check("<><a>]]></a>", "<><a></a>");
        check("<a><b x='", "<a><b x='");
        check("", "");
    }

    #[test]
    fn a_tag_without_an_end_is_refused() {
        let endless = io::repeat(b'x');
        let mut markup = Markup::new(io::BufReader::new(b"<a ".chain(endless)));
        let err = io::copy(&mut markup, &mut io::sink()).unwrap_err();
        assert_eq!(err.to_string(), "a tag of more than 16 MiB");
    }
}
