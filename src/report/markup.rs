//! The markup of an XML stream without its text, or with the beginning of each, so that a report of any
//! size takes no more memory than its largest tag: what tests printed can be gigabytes, and none of it
//! is needed.

use std::io::{self, BufRead, Read};

use memchr::{memchr, memchr3};

/// Longest tag that is passed on, in bytes.
const TAG_MAX: usize = 16 << 20;

/// How much of a text is passed on where text is wanted, in bytes.
const TEXT_MAX: usize = 4 << 10;

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
    scanner: Scanner,
    start: usize,
    /// Line breaks that have been read.
    pub(super) lines: u64,
}

struct Scanner {
    state: State,
    /// How much of the current text may still be passed on; `None`: no text is wanted.
    text: Option<usize>,
    /// What of the current tag or ending has been seen.
    seen: Vec<u8>,
    out: Vec<u8>,
    before: Before,
    /// Whether a tag was passed on last.
    tag: bool,
}

/// What stands between two tags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Before {
    #[default]
    Nothing,
    /// Blanks, comments, the document's type.
    Blank,
    Text,
}

impl<R: BufRead> Markup<R> {
    pub(super) fn new(inner: R, text: bool) -> Markup<R> {
        let text = text.then_some(TEXT_MAX);
        let (seen, out) = (Vec::new(), Vec::new());
        let scanner = Scanner { state: State::Text, text, seen, out, before: Before::Nothing, tag: false };
        Markup { inner, scanner, start: 0, lines: 0 }
    }

    /// What stood before the tag that was passed on last, or before the end.
    pub(super) fn before(&self) -> Before {
        self.scanner.before
    }

    /// Takes bytes up to the end of a tag at most, so that `lines` is where the reader is.
    fn refill(&mut self) -> io::Result<()> {
        let scanner = &mut self.scanner;
        self.start = 0;
        scanner.out.clear();
        while scanner.out.is_empty() {
            let chunk = self.inner.fill_buf()?;
            if chunk.is_empty() {
                return scanner.end();
            }
            let chunk = &chunk[..chunk.len().min(CHUNK)];
            let used = scanner.take(chunk);
            self.lines += chunk[..used].iter().filter(|byte| **byte == b'\n').count() as u64;
            self.inner.consume(used);
            if scanner.seen.len() > TAG_MAX {
                return Err(io::Error::other(format!("a tag of more than {} MiB", TAG_MAX >> 20)));
            }
        }
        Ok(())
    }
}

impl Scanner {
    /// Passes on what is left at the end of the file.
    fn end(&mut self) -> io::Result<()> {
        let inside = match self.state {
            State::Comment => "a comment",
            State::CData => "a CDATA section",
            State::DocType(_) => "the document's type",
            // An end in the middle of a tag is the parser's to find.
            State::Text | State::Open | State::Tag(_) => {
                self.start_over();
                self.out.append(&mut self.seen);
                return Ok(());
            }
        };
        let message = format!("not well-formed XML: the file ends inside {inside}");
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, message))
    }

    /// Forgets what stood before the last tag.
    fn start_over(&mut self) {
        if std::mem::take(&mut self.tag) {
            self.before = Before::Nothing;
        }
    }

    /// Passes bytes of `chunk` on; returns how many. Stops behind a tag.
    fn take(&mut self, chunk: &[u8]) -> usize {
        self.start_over();
        let Scanner { state, text, seen, out, before, tag } = self;
        let mut at = 0;
        while at < chunk.len() {
            let byte = chunk[at];
            at += 1;
            match *state {
                State::Text => {
                    let rest = &chunk[at - 1..];
                    let next = memchr(b'<', rest);
                    if *before < Before::Text {
                        *before = (*before).max(blank(&rest[..next.unwrap_or(rest.len())]));
                    }
                    if let Some(left) = text {
                        let kept = next.unwrap_or(rest.len()).min(*left);
                        *left -= kept;
                        out.extend_from_slice(&rest[..kept]);
                    }
                    let Some(next) = next else { return chunk.len() };
                    at += next;
                    seen.push(b'<');
                    *text = text.map(|_| TEXT_MAX);
                    *state = State::Open;
                }
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
                        *tag = true;
                        return at;
                    }
                    match state {
                        State::Comment | State::CData => seen.clear(),
                        _ => continue,
                    }
                    *before = (*before).max(match state {
                        State::CData => Before::Text,
                        _ => Before::Blank,
                    });
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
                            *tag = true;
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
                            *before = (*before).max(Before::Blank);
                        }
                        (b'>', _) => *state = State::DocType(depth - 1),
                        _ => {}
                    }
                }
            }
        }
        at
    }
}

/// What `text` is: a byte-order mark is nothing.
fn blank(text: &[u8]) -> Before {
    let mut found = Before::Nothing;
    for byte in text.iter().filter(|byte| !matches!(byte, 0xef | 0xbb | 0xbf)) {
        if !byte.is_ascii_whitespace() {
            return Before::Text;
        }
        found = Before::Blank;
    }
    found
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
        if self.start >= self.scanner.out.len() {
            self.refill()?;
        }
        Ok(&self.scanner.out[self.start..])
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
            let mut markup = Markup::new(io::BufReader::with_capacity(size, text.as_bytes()), false);
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
    fn text_is_passed_on_where_it_is_wanted_as_far_as_that_is_bounded() {
        let long = "x".repeat(3 * TEXT_MAX);
        let text = format!("<a>b &amp; c<d>{long}</d><![CDATA[no]]>e</a>");
        for size in [1, 7, 1 << 16] {
            let mut markup = Markup::new(io::BufReader::with_capacity(size, text.as_bytes()), true);
            let mut out = String::new();
            markup.read_to_string(&mut out).unwrap();
            assert_eq!(out, format!("<a>b &amp; c<d>{}</d>e</a>", &long[..TEXT_MAX]));
        }
    }

    #[test]
    fn an_end_in_what_is_passed_over_is_told() {
        for (text, inside) in [
            ("<a><!-- x --", "a comment"),
            ("<a><![CDATA[ x ]]", "a CDATA section"),
            ("<!DOCTYPE a [<!ENTITY b \"c\">", "the document's type"),
        ] {
            let err = Markup::new(text.as_bytes(), false).read_to_string(&mut String::new()).unwrap_err();
            assert_eq!(err.to_string(), format!("not well-formed XML: the file ends inside {inside}"));
        }
    }

    #[test]
    fn what_stands_between_tags_is_known() {
        let check = |text: &str, expect: &[Before]| {
            for size in [1, 2, 4096] {
                let mut markup = Markup::new(io::BufReader::with_capacity(size, text.as_bytes()), true);
                let mut found = Vec::new();
                loop {
                    let out = markup.fill_buf().unwrap();
                    let (length, tag) = (out.len(), out.ends_with(b">"));
                    if tag || length == 0 {
                        found.push(markup.before());
                    }
                    if length == 0 {
                        break;
                    }
                    markup.consume(length);
                }
                assert_eq!(found, expect, "in pieces of {size}: {text}");
            }
        };
        use Before::{Blank, Nothing, Text};
        check("\u{feff}<?xml?><a> x </a>\n", &[Nothing, Nothing, Text, Blank]);
        check("\n<?xml?><!-- c --><a><![CDATA[]]></a>x", &[Blank, Blank, Text, Text]);
    }

    #[test]
    fn a_tag_without_an_end_is_refused() {
        let endless = io::repeat(b'x');
        let mut markup = Markup::new(io::BufReader::new(b"<a ".chain(endless)), false);
        let err = io::copy(&mut markup, &mut io::sink()).unwrap_err();
        assert_eq!(err.to_string(), "a tag of more than 16 MiB");
    }
}
