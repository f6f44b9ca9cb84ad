//! XML to elements: namespaces dropped, entities beyond XML's own five never resolved, nothing fetched.

use std::borrow::Cow;
use std::io::BufRead;

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::markup::{Before, Markup};
use super::{ReportError, Sink};
use crate::text::{printable, shorten};

/// Deepest nesting that is followed.
const DEPTH_MAX: usize = 256;

/// What no parser of XML lets pass.
const OUTSIDE: &str = "not well-formed XML: text outside the root";

/// What a format makes of the elements of a document.
pub(super) trait Elements {
    /// The document elements that it knows; none: it takes any but a web page.
    const ROOTS: &'static [&'static str];
    /// What such a document is called: `JUnit report`.
    const WHAT: &'static str;
    /// Whether the text of elements matters. Only the first few thousand characters of each are passed on.
    const TEXT: bool = false;

    /// An element begins.
    ///
    /// # Errors
    /// What is not well-formed, as [`Tag::attributes`] says.
    fn open(&mut self, tag: &Tag<'_>, sink: &mut dyn Sink) -> Result<(), String>;
    /// An element ends.
    fn close(&mut self, name: &str, sink: &mut dyn Sink);
    /// Text inside an element, where [`Elements::TEXT`] is set; it may come in pieces.
    fn text(&mut self, _text: &str) {}
}

/// The beginning of an element.
pub(super) struct Tag<'a>(&'a BytesStart<'a>);

impl<'a> Tag<'a> {
    /// The name without its namespace.
    pub(super) fn name(&self) -> &'a str {
        let name: &'a str = self.0.name().into_inner();
        name.rsplit(':').next().unwrap_or(name)
    }

    /// The values of some attributes by their names without namespace, unescaped, in the order of the names;
    /// `None` where they are not there.
    ///
    /// # Errors
    /// What is not well-formed.
    pub(super) fn values<const N: usize>(
        &self,
        names: [&str; N],
    ) -> Result<[Option<Cow<'a, str>>; N], String> {
        let mut values = [const { None }; N];
        for attribute in self.0.attributes() {
            let attribute = attribute.map_err(|err| format!("not well-formed XML: {err}"))?;
            let key: &'a str = attribute.key.into_inner();
            let key = memchr::memrchr(b':', key.as_bytes()).map_or(key, |colon| &key[colon + 1..]);
            if let Some(at) = names.iter().position(|name| *name == key) {
                values[at] = Some(unescape(attribute.value));
            }
        }
        Ok(values)
    }
}

/// Whether this is the root of a web page: what a server sends in place of a report.
fn is_page(root: &str) -> bool {
    root.eq_ignore_ascii_case("html")
}

fn unescape(raw: Cow<'_, str>) -> Cow<'_, str> {
    match memchr::memchr(b'&', raw.as_bytes()) {
        None => raw,
        // An entity of the document's own stays as it is written.
        Some(_) => match quick_xml::escape::unescape(&raw) {
            Ok(text) => Cow::Owned(text.into_owned()),
            Err(_) => raw,
        },
    }
}

/// Walks the elements of a document.
///
/// # Errors
/// What is not well-formed, nested too deep, or another document, with its line.
pub(super) fn walk<E: Elements>(
    input: impl BufRead,
    elements: &mut E,
    sink: &mut dyn Sink,
) -> Result<(), ReportError> {
    let mut markup = Markup::new(input, E::TEXT);
    let mut reader = Reader::from_reader(&mut markup);
    let config = reader.config_mut();
    config.check_end_names = true;
    config.check_comments = false;
    config.allow_dangling_amp = true;
    let mut buffer = Vec::new();
    let (mut depth, mut seen, mut begun) = (0usize, false, false);
    let outcome = loop {
        buffer.clear();
        let (tag, empty) = match reader.read_event_into(&mut buffer) {
            Ok(Event::Eof) if depth > 0 => {
                break Err(format!("not well-formed XML: the file ends inside {depth} open elements"));
            }
            Ok(Event::Eof) if !seen => break Err("the file is empty".to_owned()),
            Ok(Event::Eof) if reader.get_ref().before() == Before::Text => break Err(OUTSIDE.to_owned()),
            Ok(Event::Eof) => break Ok(()),
            Ok(Event::Decl(_)) if begun || reader.get_ref().before() != Before::Nothing => {
                break Err("not well-formed XML: something stands before the XML declaration".to_owned());
            }
            Ok(Event::Decl(_) | Event::PI(_)) => {
                begun = true;
                continue;
            }
            Ok(Event::Start(tag)) => (tag, false),
            Ok(Event::Empty(tag)) => (tag, true),
            Ok(Event::End(tag)) => {
                depth -= 1;
                let name = tag.name().into_inner();
                elements.close(name.rsplit(':').next().unwrap_or(name), sink);
                continue;
            }
            Ok(Event::Text(text)) if E::TEXT && depth > 0 => {
                elements.text(&text.into_inner());
                continue;
            }
            Ok(Event::GeneralRef(name)) if E::TEXT && depth > 0 => {
                elements.text(&unescape(Cow::Owned(format!("&{};", &*name))));
                continue;
            }
            Ok(_) => continue,
            Err(quick_xml::Error::Io(err)) => break Err(err.to_string()),
            Err(err) => break Err(format!("not well-formed XML: {err}")),
        };
        // Not well-formed, though the parser lets it pass.
        if tag.attributes_raw().contains('<') {
            break Err("not well-formed XML: `<` inside an attribute".to_owned());
        }
        let tag = Tag(&tag);
        if depth == 0 && reader.get_ref().before() == Before::Text {
            break Err(OUTSIDE.to_owned());
        }
        if depth == 0 && seen {
            break Err("not well-formed XML: a second root".to_owned());
        }
        let known = match E::ROOTS {
            [] => !is_page(tag.name()),
            roots => roots.contains(&tag.name()),
        };
        if depth == 0 && !known {
            break Err(format!(
                "the root is <{}>, which is no {}",
                printable(&shorten(tag.name(), 200)),
                E::WHAT
            ));
        }
        if depth == DEPTH_MAX {
            break Err(format!("elements are nested more than {DEPTH_MAX} deep"));
        }
        (seen, begun) = (true, true);
        if let Err(message) = elements.open(&tag, sink) {
            break Err(message);
        }
        if empty {
            elements.close(tag.name(), sink);
        } else {
            depth += 1;
        }
    };
    drop(reader);
    outcome.map_err(|message| ReportError::new(markup.lines + 1, message))
}
