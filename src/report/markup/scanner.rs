//! Where the parts of a document begin and end: tags, texts, comments, the declaration of its type.

use std::io;

use memchr::{memchr, memchr2, memchr3, memmem};

use super::text::{Before, Wanted, blank, is_blank, trailing};
use super::{doctype, ill_formed, names};

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

/// Tells the parts of a document apart, piece by piece; a piece may end anywhere.
pub(super) struct Scanner {
    state: State,
    wanted: Wanted,
    /// What of the current tag or ending has been seen.
    pub(super) seen: Vec<u8>,
    /// What is passed on.
    pub(super) out: Vec<u8>,
    /// What stood before the tag that was passed on last, or before the end.
    pub(super) before: Before,
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
    pub(super) declares: bool,
    /// Finds `]]>`.
    closing: memmem::Finder<'static>,
}

impl Scanner {
    /// At the beginning of a document. `text`: its texts are wanted too.
    pub(super) fn new(text: bool) -> Scanner {
        Scanner {
            state: State::Text(0),
            wanted: Wanted::new(text),
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
        }
    }

    /// Passes on what is left at the end of the file.
    ///
    /// # Errors
    /// An end inside what is passed over.
    pub(super) fn end(&mut self) -> io::Result<()> {
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
    pub(super) fn take(&mut self, chunk: &[u8]) -> (usize, Result<(), String>) {
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
        self.out.extend_from_slice(self.wanted.of(run));
        let Some(next) = next else {
            self.state = State::Text(trailing(run, brackets));
            return Ok(rest.len());
        };
        if rest[next] == b'<' {
            self.seen.push(b'<');
            self.wanted.renew();
            self.state = State::Open;
        } else {
            self.before = Before::Text;
            self.out.extend_from_slice(self.wanted.of(b"&"));
            self.state = State::Reference;
        }
        Ok(next + 1)
    }

    fn reference(&mut self, rest: &[u8]) -> Result<usize, String> {
        let part = |byte: &u8| names::is_part(*byte) || *byte == b'#';
        let end = rest.iter().position(|byte| !part(byte));
        let name = &rest[..end.unwrap_or(rest.len())];
        self.out.extend_from_slice(self.wanted.of(name));
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
        self.out.extend_from_slice(self.wanted.of(b";"));
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

    /// Looks at the declaration of the document's type as far as it stands before its brackets.
    fn doc_type(&mut self) -> Result<(), String> {
        self.declares |= doctype::check(&self.seen)?;
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
