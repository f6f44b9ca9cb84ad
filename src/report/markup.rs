//! The markup of an XML stream without its text, or with the beginning of each, so that a report of any
//! size takes no more memory than its largest tag: what tests printed can be gigabytes, and none of it
//! is needed. It is looked at all the same: what is not well-formed there makes a report that was cut,
//! mixed or damaged, and no parser of XML would take it.

mod characters;
pub(super) mod names;

use std::io::{self, BufRead, Read};

use memchr::{memchr, memchr_iter, memchr2, memchr3, memmem};

use characters::Characters;

/// Longest tag that is passed on, in bytes.
const TAG_MAX: usize = 16 << 20;

/// How much of a text is passed on where text is wanted, in bytes.
const TEXT_MAX: usize = 4 << 10;

/// How much is asked for at once.
const CHUNK: usize = 64 << 10;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What begins with `<!` in a document, and in the declaration of its type.
const DOCUMENT: [&[u8]; 3] = [b"<!--", b"<![CDATA[", b"<!DOCTYPE"];
const SUBSET: [&[u8]; 5] = [b"<!--", b"<!ENTITY", b"<!ELEMENT", b"<!ATTLIST", b"<!NOTATION"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between tags: passed over. So many `]` stand before.
    Text(usize),
    /// After the `&` of a reference in text.
    Reference,
    /// After `<`: what it begins is not clear yet.
    Open,
    /// In a tag; in quotes or not.
    Tag(Option<u8>),
    /// In a processing instruction, up to `?>`: quotes mean nothing there.
    Instruction,
    /// In a comment: passed over up to `-->`. So many `-` stand before.
    Comment(usize),
    /// In a CDATA section: passed over up to `]]>`. So many `]` stand before.
    CData(usize),
    /// In the declaration of the document's type, before its brackets; in quotes or not.
    DocType(Option<u8>),
    /// Inside its brackets, between two declarations.
    Subset,
    /// In the name of a reference there.
    Parameter,
    /// In a declaration there; in quotes or not.
    Declaration(Option<u8>),
    /// Behind the brackets.
    Tail,
}

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

struct Scanner {
    state: State,
    /// How much of the current text may still be passed on; `None`: no text is wanted.
    text: Option<usize>,
    /// How many bytes the last character that was passed on still lacks.
    owed: usize,
    /// What of the current tag or ending has been seen.
    seen: Vec<u8>,
    out: Vec<u8>,
    before: Before,
    /// Whether a tag was passed on last.
    tag: bool,
    /// Where the next byte is.
    offset: u64,
    /// Whether an element has begun, and whether the document's type is declared.
    root: bool,
    typed: bool,
    /// Whether this is inside the brackets of that declaration.
    subset: bool,
    /// Whether the document may have declared entities, here or elsewhere.
    declares: bool,
    /// Finds `]]>`.
    closing: memmem::Finder<'static>,
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
        let scanner = Scanner {
            state: State::Text(0),
            text: text.then_some(TEXT_MAX),
            owed: 0,
            seen: Vec::new(),
            out: Vec::new(),
            before: Before::Nothing,
            tag: false,
            offset: 0,
            root: false,
            typed: false,
            subset: false,
            declares: false,
            closing: memmem::Finder::new(b"]]>"),
        };
        Markup {
            inner,
            characters: Characters::default(),
            checked: 0,
            wrong: None,
            scanner,
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

impl Scanner {
    /// Passes on what is left at the end of the file.
    fn end(&mut self) -> io::Result<()> {
        let inside = match self.state {
            _ if self.subset => "the document's type",
            State::Comment(_) => "a comment",
            State::CData(_) => "a CDATA section",
            State::Reference => return Err(ill_formed(names::dangling())),
            State::DocType(_) | State::Subset | State::Parameter | State::Declaration(_) | State::Tail => {
                "the document's type"
            }
            // An end in the middle of a tag is the parser's to find.
            State::Text(_) | State::Open | State::Tag(_) | State::Instruction => {
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

    /// Passes bytes of `chunk` on; returns how many, and what is wrong behind them. Stops behind a tag.
    fn take(&mut self, chunk: &[u8]) -> (usize, Result<(), String>) {
        self.start_over();
        let mut at = 0;
        while at < chunk.len() && !self.tag {
            match self.step(&chunk[at..]) {
                Ok(used) => {
                    at += used;
                    self.offset += used as u64;
                }
                Err(message) => return (at, Err(message)),
            }
        }
        (at, Ok(()))
    }

    /// Passes over the first bytes of `rest`, at least one unless the state changes; returns how many.
    fn step(&mut self, rest: &[u8]) -> Result<usize, String> {
        match self.state {
            State::Text(brackets) => return self.text(rest, brackets),
            State::Reference => return self.reference(rest),
            State::Open => return self.open(rest[0]),
            State::Tag(None) => {
                let Some(at) = memchr3(b'"', b'\'', b'>', rest) else { return Ok(self.keep(rest)) };
                self.keep(&rest[..=at]);
                if rest[at] == b'>' {
                    self.root = true;
                    self.pass_on();
                } else {
                    self.state = State::Tag(Some(rest[at]));
                }
                return Ok(at + 1);
            }
            State::Tag(Some(quote)) => {
                let Some(at) = memchr(quote, rest) else { return Ok(self.keep(rest)) };
                self.state = State::Tag(None);
                return Ok(self.keep(&rest[..=at]));
            }
            State::Instruction => {
                let Some(at) = memchr(b'>', rest) else { return Ok(self.keep(rest)) };
                self.keep(&rest[..=at]);
                // `<?>` is no end of itself.
                if self.seen.ends_with(b"?>") && self.seen.len() > b"<?>".len() {
                    if self.subset {
                        self.back();
                    } else {
                        self.pass_on();
                    }
                }
                return Ok(at + 1);
            }
            State::Comment(0) => {
                let at = memchr(b'-', rest);
                if at.is_some() {
                    self.state = State::Comment(1);
                }
                return Ok(at.map_or(rest.len(), |at| at + 1));
            }
            State::Comment(1) => self.state = State::Comment(if rest[0] == b'-' { 2 } else { 0 }),
            State::Comment(_) if rest[0] == b'>' => self.back(),
            State::Comment(_) => return Err("`--` inside a comment".to_owned()),
            State::CData(brackets) => {
                let end = self.closing(rest, brackets);
                self.state = match end {
                    Some(_) => State::Text(0),
                    None => State::CData(trailing(rest, brackets)),
                };
                return Ok(end.unwrap_or(rest.len()));
            }
            State::DocType(Some(quote)) => {
                let at = memchr(quote, rest);
                if at.is_some() {
                    self.state = State::DocType(None);
                }
                return Ok(self.keep(at.map_or(rest, |at| &rest[..=at])));
            }
            State::DocType(None) => match rest[0] {
                b'[' => {
                    self.doc_type()?;
                    (self.subset, self.declares, self.state) = (true, true, State::Subset);
                }
                b'>' => {
                    self.doc_type()?;
                    self.state = State::Text(0);
                }
                byte => {
                    self.seen.push(byte);
                    if matches!(byte, b'"' | b'\'') {
                        self.state = State::DocType(Some(byte));
                    }
                }
            },
            State::Subset => match rest[0] {
                b'<' => {
                    self.seen.push(b'<');
                    self.state = State::Open;
                }
                b'%' => self.state = State::Parameter,
                b']' => (self.subset, self.state) = (false, State::Tail),
                byte if is_blank(byte) => {}
                _ => return Err("text in the declaration of the document's type".to_owned()),
            },
            State::Parameter => match rest[0] {
                b';' => self.state = State::Subset,
                byte if names::is_part(byte) => {}
                _ => return Err("a `%` that begins no reference".to_owned()),
            },
            State::Declaration(None) => {
                let at = memchr3(b'"', b'\'', b'>', rest);
                match at.map(|at| rest[at]) {
                    Some(b'>') => self.back(),
                    Some(quote) => self.state = State::Declaration(Some(quote)),
                    None => {}
                }
                return Ok(at.map_or(rest.len(), |at| at + 1));
            }
            State::Declaration(Some(quote)) => {
                let at = memchr(quote, rest);
                if at.is_some() {
                    self.state = State::Declaration(None);
                }
                return Ok(at.map_or(rest.len(), |at| at + 1));
            }
            State::Tail => match rest[0] {
                b'>' => self.state = State::Text(0),
                byte if is_blank(byte) => {}
                _ => return Err("the declaration of the document's type has no end".to_owned()),
            },
        }
        Ok(1)
    }

    fn text(&mut self, rest: &[u8], brackets: usize) -> Result<usize, String> {
        let next = memchr2(b'<', b'&', rest);
        let run = &rest[..next.unwrap_or(rest.len())];
        match self.closing(run, brackets) {
            Some(1) => return Err("`]]>` in text".to_owned()),
            Some(end) => {
                // Once more from there, so that the fault is told with its line.
                self.state = State::Text(2);
                return Ok(end - 1);
            }
            None => {}
        }
        if self.before < Before::Text {
            self.before = self.before.max(blank(run, self.offset));
        }
        self.want(run);
        let Some(next) = next else {
            self.state = State::Text(trailing(run, brackets));
            return Ok(rest.len());
        };
        if rest[next] == b'<' {
            self.seen.push(b'<');
            self.text = self.text.map(|_| TEXT_MAX);
            self.owed = 0;
            self.state = State::Open;
        } else {
            self.before = Before::Text;
            self.want(b"&");
            self.state = State::Reference;
        }
        Ok(next + 1)
    }

    /// Passes text on where it is wanted.
    fn want(&mut self, run: &[u8]) {
        let Some(left) = &mut self.text else { return };
        let mut kept = run.len().min(*left);
        *left -= kept;
        if kept == 0 {
            // The end of the last character, where a chunk ended inside it.
            kept = run.len().min(self.owed);
            self.owed -= kept;
        } else {
            self.owed = lacking(&run[..kept], self.owed);
            let more = (run.len() - kept).min(self.owed);
            (kept, self.owed) = (kept + more, self.owed - more);
        }
        self.out.extend_from_slice(&run[..kept]);
    }

    fn reference(&mut self, rest: &[u8]) -> Result<usize, String> {
        let part = |byte: &u8| names::is_part(*byte) || *byte == b'#';
        let end = rest.iter().position(|byte| !part(byte));
        let name = &rest[..end.unwrap_or(rest.len())];
        self.want(name);
        let Some(end) = end else { return Ok(self.keep(rest)) };
        if rest[end] != b';' {
            return Err(names::dangling());
        }
        if self.seen.is_empty() {
            names::check_reference(name, self.declares)?;
        } else {
            self.seen.extend_from_slice(name);
            names::check_reference(&self.seen, self.declares)?;
            self.seen.clear();
        }
        self.want(b";");
        self.state = State::Text(0);
        Ok(end + 1)
    }

    fn open(&mut self, byte: u8) -> Result<usize, String> {
        if self.seen.len() == 1 && byte != b'!' {
            if byte == b'?' {
                self.seen.push(byte);
                self.state = State::Instruction;
                return Ok(1);
            }
            if self.subset {
                return Err("an element in the declaration of the document's type".to_owned());
            }
            self.state = State::Tag(None);
            return Ok(0);
        }
        self.seen.push(byte);
        let known: &[&[u8]] = if self.subset { &SUBSET } else { &DOCUMENT };
        if !known.iter().any(|start| start.starts_with(&self.seen)) {
            if self.subset {
                return Err("what is no declaration in that of the document's type".to_owned());
            }
            // The parser knows what to say of it.
            self.seen.pop();
            self.state = State::Tag(None);
            return Ok(0);
        }
        if !known.contains(&self.seen.as_slice()) {
            return Ok(1);
        }
        self.state = match self.seen.as_slice() {
            b"<!--" => State::Comment(0),
            b"<![CDATA[" => State::CData(0),
            b"<!DOCTYPE" if self.root || self.typed => {
                return Err("a declaration of the document's type that stands too late".to_owned());
            }
            b"<!DOCTYPE" => State::DocType(None),
            _ => State::Declaration(None),
        };
        self.typed |= self.state == State::DocType(None);
        self.before = self.before.max(match self.state {
            State::CData(_) => Before::Text,
            _ => Before::Blank,
        });
        self.seen.clear();
        Ok(1)
    }

    /// Looks at the declaration of the document's type as far as it stands before its brackets. Nothing
    /// of it is used, and nothing that it declares is believed.
    fn doc_type(&mut self) -> Result<(), String> {
        let wrong = || "a declaration of the document's type that is none".to_owned();
        let header = std::str::from_utf8(&self.seen).map_err(|_| wrong())?;
        let blank = |c: char| u8::try_from(c).is_ok_and(is_blank);
        let header = header.strip_prefix(blank).ok_or_else(wrong)?.trim_matches(blank);
        let (name, external) = header.split_once(blank).unwrap_or((header, ""));
        let external = external.trim_start_matches(blank);
        let mut parts = name.split(':');
        if !parts.by_ref().take(2).all(names::is_name) || parts.next().is_some() {
            return Err(wrong());
        }
        if !external.is_empty() {
            let (word, mut literals) = external.split_once(blank).ok_or_else(wrong)?;
            let count = match word {
                "SYSTEM" => 1,
                "PUBLIC" => 2,
                _ => return Err(wrong()),
            };
            for _ in 0..count {
                literals = literals.trim_start_matches(blank);
                let quote = literals.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or_else(wrong)?;
                literals = literals[1..].split_once(quote).ok_or_else(wrong)?.1;
            }
            if !literals.is_empty() {
                return Err(wrong());
            }
            self.declares = true;
        }
        self.seen.clear();
        Ok(())
    }

    /// Remembers what belongs to a tag.
    fn keep(&mut self, bytes: &[u8]) -> usize {
        self.seen.extend_from_slice(bytes);
        bytes.len()
    }

    /// Passes the tag on that has been seen.
    fn pass_on(&mut self) {
        if self.out.is_empty() {
            std::mem::swap(&mut self.out, &mut self.seen);
        } else {
            self.out.append(&mut self.seen);
        }
        self.state = State::Text(0);
        self.tag = true;
    }

    /// Ends what was passed over.
    fn back(&mut self) {
        self.seen.clear();
        self.state = if self.subset { State::Subset } else { State::Text(0) };
    }

    /// Where `]]>` ends in `rest`, before which so many brackets stand.
    fn closing(&self, rest: &[u8], brackets: usize) -> Option<usize> {
        if brackets == 2 && rest.starts_with(b">") {
            return Some(1);
        }
        if brackets > 0 && rest.starts_with(b"]>") {
            return Some(2);
        }
        if rest.len() < 3 {
            return None;
        }
        Some(self.closing.find(rest)? + 3)
    }
}

/// How many brackets, up to two, stand at the end of `rest`, before which so many stand.
fn trailing(rest: &[u8], brackets: usize) -> usize {
    match rest {
        [.., b']', b']'] => 2,
        [b']'] => (brackets + 1).min(2),
        [.., b']'] => 1,
        [] => brackets,
        _ => 0,
    }
}

/// How many bytes the last character of `text` lacks; the one before it lacked `owed`.
fn lacking(text: &[u8], owed: usize) -> usize {
    let inside = text.iter().rev().take_while(|byte| **byte & 0xc0 == 0x80).take(3).count();
    let length = match text.iter().rev().nth(inside) {
        None => return owed.saturating_sub(inside),
        Some(0xf0..) => 4,
        Some(0xe0..) => 3,
        Some(0xc0..) => 2,
        Some(_) => 1,
    };
    (length - 1_usize).saturating_sub(inside)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// What `text` at this place of the file is: a byte-order mark at its beginning is nothing.
fn blank(text: &[u8], offset: u64) -> Before {
    let mut found = Before::Nothing;
    for (byte, at) in text.iter().zip(offset..) {
        if !is_blank(*byte) {
            let mark = usize::try_from(at).ok().and_then(|at| BYTE_ORDER_MARK.get(at));
            if mark == Some(byte) {
                continue;
            }
            return Before::Text;
        }
        found = Before::Blank;
    }
    found
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
