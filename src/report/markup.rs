//! The markup of an XML stream without its text, or with the beginning of each, so that a report of any
//! size takes no more memory than its largest tag: what tests printed can be gigabytes, and none of it
//! is needed. It is looked at all the same: what is not well-formed there makes a report that was cut,
//! mixed or damaged, and no parser of XML would take it.

mod characters;
mod doctype;
pub(super) mod names;
mod scanner;
mod text;

use std::io::{self, BufRead, Read};

use memchr::memchr_iter;

use characters::Characters;
use scanner::Scanner;
pub(super) use text::Before;

/// Longest tag that is passed on, in bytes.
const TAG_MAX: usize = 16 << 20;

/// How much is asked for at once.
const CHUNK: usize = 64 << 10;

/// A reader of what `inner` holds besides text.
pub(super) struct Markup<R> {
    inner: R,
    characters: Characters,
    /// How many of the next bytes are characters, and what is wrong behind them.
    checked: usize,
    wrong: Option<String>,
    scanner: Scanner,
    start: usize,
    /// Line breaks that have been read.
    pub(super) lines: u64,
}

impl<R: BufRead> Markup<R> {
    pub(super) fn new(inner: R, text: bool) -> Markup<R> {
        Markup {
            inner,
            characters: Characters::default(),
            checked: 0,
            wrong: None,
            scanner: Scanner::new(text),
            start: 0,
            lines: 0,
        }
    }

    /// What stood before the tag that was passed on last, or before the end.
    pub(super) fn before(&self) -> Before {
        self.scanner.before
    }

    /// Whether the document may have declared entities of its own.
    pub(super) fn declares(&self) -> bool {
        self.scanner.declares
    }

    /// Takes bytes up to the end of a tag at most, so that `lines` is where the reader is.
    fn refill(&mut self) -> io::Result<()> {
        let scanner = &mut self.scanner;
        self.start = 0;
        scanner.out.clear();
        while scanner.out.is_empty() {
            let chunk = self.inner.fill_buf()?;
            if chunk.is_empty() {
                self.characters.end().map_err(ill_formed)?;
                return scanner.end();
            }
            if self.checked == 0 {
                if let Some(message) = self.wrong.take() {
                    return Err(ill_formed(message));
                }
                let chunk = &chunk[..chunk.len().min(CHUNK)];
                self.checked = chunk.len();
                // What stands before is read first: the first fault is the one to tell.
                if let Err((at, message)) = self.characters.check(chunk) {
                    (self.checked, self.wrong) = (at, Some(message));
                    continue;
                }
            }
            let chunk = &chunk[..chunk.len().min(self.checked)];
            let (used, outcome) = scanner.take(chunk);
            self.lines += memchr_iter(b'\n', &chunk[..used]).count() as u64;
            self.inner.consume(used);
            self.checked -= used;
            outcome.map_err(ill_formed)?;
            if scanner.seen.len() > TAG_MAX {
                return Err(io::Error::other(format!("a tag of more than {} MiB", TAG_MAX >> 20)));
            }
        }
        Ok(())
    }
}

fn ill_formed(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not well-formed XML: {message}"))
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
    use super::text::TEXT_MAX;
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
            "<?xml version=\"1.0\"?><a><!-- <b> - -> --><![CDATA[<c>]]]]></a>",
            "<?xml version=\"1.0\"?><a></a>",
        );
        check("<!DOCTYPE a [<!ENTITY b \"c\"><!ELEMENT d ANY>]><a/>", "<a/>");
        check("<!-x><![CDAT><a>", "<!-x><![CDAT><a>");
        check("<><a>]]&gt;]]</a>", "<><a></a>");
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
