//! The beginning of an element: its attributes, and what its prefixes stand for.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr3};

use crate::report::encoding;
use crate::report::markup::names::{check_reference, dangling, is_name, is_part, shortened};

/// So many attributes are compared each with each; more are sorted.
const FEW: usize = 16;

const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// The beginning of an element.
pub(in crate::report) struct Tag<'a> {
    raw: &'a str,
    prefix: Option<&'a str>,
    name: &'a str,
    attributes: &'a [Attribute],
    /// Line breaks before its end.
    lines: u64,
}

/// Where an attribute stands in the text of its tag.
pub(super) struct Attribute {
    key: Range<usize>,
    /// How long its prefix is, with the colon.
    prefix: usize,
    value: Range<usize>,
}

impl Attribute {
    fn prefix<'a>(&self, raw: &'a str) -> Option<&'a str> {
        self.prefix.checked_sub(1).map(|length| &raw[self.key.start..self.key.start + length])
    }

    fn local<'a>(&self, raw: &'a str) -> &'a str {
        &raw[self.key.start + self.prefix..self.key.end]
    }
}

impl<'a> Tag<'a> {
    /// Reads a tag without its brackets, of which the first `length` bytes are the name; so many line breaks
    /// stand before its end.
    ///
    /// # Errors
    /// What is not well-formed.
    pub(super) fn read(
        raw: &'a str,
        length: usize,
        declares: bool,
        lines: u64,
        attributes: &'a mut Vec<Attribute>,
    ) -> Result<Tag<'a>, String> {
        attributes.clear();
        let qualified = &raw[..length];
        let colon = colon(qualified).ok_or_else(|| no_name(qualified))?;
        read_attributes(raw, length, declares, attributes)?;
        check_duplicates(raw, attributes)?;
        let prefix = colon.checked_sub(1).map(|length| &qualified[..length]);
        Ok(Tag { raw, prefix, name: &qualified[colon..], attributes, lines })
    }

    /// The name without its namespace.
    pub(in crate::report) fn name(&self) -> &'a str {
        self.name
    }

    /// The line that it begins in, from 1.
    pub(in crate::report) fn line(&self) -> u64 {
        let own = memchr_iter(b'\n', self.raw.as_bytes()).count() as u64;
        (self.lines + 1).saturating_sub(own)
    }

    /// The values of some attributes by their names without namespace, unescaped, in the order of the names;
    /// `None` where they are not there. Of several with one name that without a prefix counts, else the first.
    ///
    /// # Errors
    /// None today: a tag that is not well-formed is refused before.
    #[allow(clippy::unnecessary_wraps)]
    pub(in crate::report) fn values<const N: usize>(
        &self,
        names: [&str; N],
    ) -> Result<[Option<Cow<'a, str>>; N], String> {
        let mut values = [const { None }; N];
        for attribute in self.attributes {
            let local = attribute.local(self.raw);
            let Some(at) = names.iter().position(|name| *name == local) else { continue };
            let counts = match attribute.prefix(self.raw) {
                None => true,
                // It names a prefix, and says nothing of the element.
                Some("xmlns") => false,
                Some(_) => values[at].is_none(),
            };
            if counts {
                values[at] = Some(unescape(&self.raw[attribute.value.clone()]));
            }
        }
        Ok(values)
    }
}

/// What is wrong with an XML declaration, which looks like a tag.
pub(super) fn check_declaration(raw: &str) -> Result<(), String> {
    let wrong = || "an XML declaration that is none".to_owned();
    let mut attributes = Vec::new();
    read_attributes(raw, "xml".len(), true, &mut attributes)?;
    let mut rest =
        attributes.iter().map(|attribute| (&raw[attribute.key.clone()], &raw[attribute.value.clone()]));
    let plain = |text: &str, first: fn(&u8) -> bool| {
        text.as_bytes().first().is_some_and(first)
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    };
    let Some(("version", version)) = rest.next() else { return Err(wrong()) };
    if !plain(version, |_| true) {
        return Err(wrong());
    }
    let mut next = rest.next();
    if let Some(("encoding", label)) = next {
        if !plain(label, u8::is_ascii_alphabetic) {
            return Err(wrong());
        }
        // What truly is UTF-16 was decoded, and its declaration says UTF-8 by now.
        match encoding::named(label.as_bytes()) {
            Some(encoding) if encoding::is_utf_16(encoding) => {
                return Err(format!("the declaration says {label}, which the file is not"));
            }
            None if !is_code_page(label) => {
                return Err(format!("the declaration says {}, which is not known", shortened(label)));
            }
            _ => {}
        }
        next = rest.next();
    }
    if let Some(("standalone", "yes" | "no")) = next {
        next = rest.next();
    }
    if next.is_some() { Err(wrong()) } else { Ok(()) }
}

/// Whether this is a name of a code page of DOS: of those that are not known ASCII can be read.
fn is_code_page(label: &str) -> bool {
    let label = label.to_ascii_lowercase();
    let number = label.strip_prefix("cp").or_else(|| label.strip_prefix("ibm"));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What is wrong with the first word of a processing instruction.
pub(super) fn check_instruction(target: &str) -> Result<(), String> {
    if !is_name(target) || target.eq_ignore_ascii_case("xml") {
        return Err(format!("`<?{}`, which begins no processing instruction", shortened(target)));
    }
    Ok(())
}

/// Where the name begins behind its prefix; `None`: it is no name.
fn colon(name: &str) -> Option<usize> {
    match memchr(b':', name.as_bytes()) {
        None => is_name(name).then_some(0),
        Some(at) => (is_name(&name[..at]) && is_name(&name[at + 1..])).then_some(at + 1),
    }
}

fn no_name(name: &str) -> String {
    format!("`{}`, which is no name", shortened(name))
}

fn read_attributes(
    raw: &str,
    mut at: usize,
    declares: bool,
    attributes: &mut Vec<Attribute>,
) -> Result<(), String> {
    let bytes = raw.as_bytes();
    let blanks = |from: usize| {
        from + bytes[from..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
    };
    loop {
        let start = blanks(at);
        if start == bytes.len() {
            return Ok(());
        }
        let end = start + bytes[start..].iter().take_while(|byte| is_part(**byte)).count();
        let key = &raw[start..end];
        if key.is_empty() {
            return Err("something in a tag that is no attribute".to_owned());
        }
        if start == at {
            return Err(format!("no blank before the attribute `{}`", shortened(key)));
        }
        let prefix = colon(key).ok_or_else(|| no_name(key))?;
        let equals = blanks(end);
        let open = blanks((equals + 1).min(bytes.len()));
        let (Some(b'='), Some(quote @ (b'"' | b'\''))) = (bytes.get(equals), bytes.get(open)) else {
            return Err(format!("the attribute `{}` has no value in quotes", shortened(key)));
        };
        at = value_end(raw, open + 1, *quote, declares)?;
        attributes.push(Attribute { key: start..end, prefix, value: open + 1..at });
        at += 1;
    }
}

/// Where the value ends that begins at `at`.
fn value_end(raw: &str, mut at: usize, quote: u8, declares: bool) -> Result<usize, String> {
    let bytes = raw.as_bytes();
    loop {
        let found = memchr3(quote, b'<', b'&', &bytes[at..]).map(|found| at + found);
        let Some(found) = found else { return Err("an attribute without its second quote".to_owned()) };
        match bytes[found] {
            b'<' => return Err("`<` inside an attribute".to_owned()),
            b'&' => {
                let name = &bytes[found + 1..];
                let end = name.iter().position(|byte| !is_part(*byte) && *byte != b'#');
                let Some(end) = end.filter(|end| name[*end] == b';') else { return Err(dangling()) };
                check_reference(&name[..end], declares)?;
                at = found + 1 + end + 1;
            }
            _ => return Ok(found),
        }
    }
}

fn check_duplicates(raw: &str, attributes: &[Attribute]) -> Result<(), String> {
    let key = |attribute: &Attribute| &raw[attribute.key.clone()];
    let twice = if attributes.len() > FEW {
        let mut seen = BTreeSet::new();
        attributes.iter().map(key).find(|key| !seen.insert(*key))
    } else {
        let before = |at: usize| attributes[..at].iter().map(key);
        attributes
            .iter()
            .map(key)
            .enumerate()
            .find_map(|(at, key)| before(at).any(|other| other == key).then_some(key))
    };
    twice.map_or(Ok(()), |key| Err(duplicate(key)))
}

fn duplicate(key: &str) -> String {
    format!("the attribute `{}` twice", shortened(key))
}

/// The text that is meant.
pub(super) fn unescape(raw: &str) -> Cow<'_, str> {
    match memchr(b'&', raw.as_bytes()) {
        None => Cow::Borrowed(raw),
        // An entity of the document's own stays as it is written.
        Some(_) => quick_xml::escape::unescape(raw).unwrap_or(Cow::Borrowed(raw)),
    }
}

/// What is bound to the prefixes, from the outermost element to the innermost.
#[derive(Default)]
pub(super) struct Scopes(Vec<Bound>);

struct Bound {
    depth: usize,
    prefix: String,
    namespace: String,
}

impl Scopes {
    /// Forgets what elements from this depth on have bound.
    pub(super) fn close(&mut self, depth: usize) {
        while self.0.last().is_some_and(|bound| bound.depth >= depth) {
            self.0.pop();
        }
    }

    /// Binds what a tag at this depth says, and looks its prefixes up.
    ///
    /// # Errors
    /// A prefix that is not bound, or may not be bound so, and one attribute under two prefixes.
    pub(super) fn open(&mut self, tag: &Tag<'_>, depth: usize) -> Result<(), String> {
        // Most reports know no namespaces.
        let prefixes = tag.attributes.iter().any(|attribute| attribute.prefix > 0);
        Scopes::check_default(tag)?;
        if tag.prefix.is_none() && !prefixes {
            return Ok(());
        }
        for attribute in tag.attributes {
            if attribute.prefix(tag.raw) == Some("xmlns") {
                let prefix = attribute.local(tag.raw);
                let namespace = unescape(&tag.raw[attribute.value.clone()]);
                let allowed = match prefix {
                    "xml" => namespace == XML,
                    "xmlns" => false,
                    _ => !matches!(&*namespace, "" | XML | XMLNS),
                };
                if !allowed {
                    return Err(format!("the prefix `{}` may not be bound so", shortened(prefix)));
                }
                let (prefix, namespace) = (prefix.to_owned(), namespace.into_owned());
                self.0.push(Bound { depth, prefix, namespace });
            }
        }
        if let Some(prefix) = tag.prefix {
            self.namespace(prefix)?;
        }
        let mut seen = BTreeSet::new();
        for attribute in tag.attributes {
            if let Some(prefix) = attribute.prefix(tag.raw).filter(|prefix| *prefix != "xmlns") {
                let local = attribute.local(tag.raw);
                if !seen.insert((self.namespace(prefix)?, local)) {
                    return Err(duplicate(local));
                }
            }
        }
        Ok(())
    }

    /// Two namespaces are reserved.
    fn check_default(tag: &Tag<'_>) -> Result<(), String> {
        for attribute in tag.attributes {
            let reserved = || matches!(&*unescape(&tag.raw[attribute.value.clone()]), XML | XMLNS);
            if &tag.raw[attribute.key.clone()] == "xmlns" && reserved() {
                return Err("a reserved namespace as that of elements".to_owned());
            }
        }
        Ok(())
    }

    fn namespace(&self, prefix: &str) -> Result<&str, String> {
        if prefix == "xml" {
            return Ok(XML);
        }
        let bound = self.0.iter().rev().find(|bound| bound.prefix == prefix);
        bound
            .map(|bound| &*bound.namespace)
            .ok_or_else(|| format!("the prefix `{}` is not bound", shortened(prefix)))
    }
}
