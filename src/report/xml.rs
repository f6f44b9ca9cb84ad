//! XML to elements: namespaces dropped, entities beyond XML's own five never resolved, nothing fetched.

mod tag;

use std::io::BufRead;

use quick_xml::events::Event;
use quick_xml::reader::Reader;

use super::markup::{Before, Markup};
use super::{ReportError, Sink};
use crate::text::{printable, shorten};

use tag::Scopes;
pub(super) use tag::Tag;

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

/// Whether this is the root of a web page: what a server sends in place of a report.
fn is_page(root: &str) -> bool {
    root.eq_ignore_ascii_case("html")
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
    let (mut buffer, mut attributes, mut scopes) = (Vec::new(), Vec::new(), Scopes::default());
    let (mut depth, mut seen, mut begun, mut page) = (0usize, false, false, false);
    let ill_formed = |message: String| format!("not well-formed XML: {message}");
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
            Ok(Event::PI(_)) if depth == 0 && reader.get_ref().before() == Before::Text => {
                break Err(OUTSIDE.to_owned());
            }
            Ok(event @ (Event::Decl(_) | Event::PI(_))) => {
                begun = true;
                let checked = match event {
                    Event::PI(instruction) => tag::check_instruction(instruction.target()),
                    declaration => tag::check_declaration(&declaration),
                };
                match checked {
                    Ok(()) => continue,
                    Err(message) => break Err(ill_formed(message)),
                }
            }
            Ok(Event::Start(tag)) => (tag, false),
            Ok(Event::Empty(tag)) => (tag, true),
            Ok(Event::End(tag)) => {
                depth -= 1;
                scopes.close(depth);
                let name = tag.name().into_inner();
                elements.close(name.rsplit(':').next().unwrap_or(name), sink);
                continue;
            }
            Ok(Event::Text(text)) if E::TEXT && depth > 0 => {
                elements.text(&text.into_inner());
                continue;
            }
            Ok(Event::GeneralRef(name)) if E::TEXT && depth > 0 => {
                elements.text(&tag::unescape(&format!("&{};", &*name)));
                continue;
            }
            // In capitals it would have been passed over. Web pages begin like this.
            Ok(Event::DocType(_)) => {
                page = true;
                continue;
            }
            Ok(_) => continue,
            Err(quick_xml::Error::Io(err)) => break Err(err.to_string()),
            Err(err) => break Err(ill_formed(err.to_string())),
        };
        if depth == 0 && reader.get_ref().before() == Before::Text {
            break Err(OUTSIDE.to_owned());
        }
        if depth == 0 && seen {
            break Err("not well-formed XML: a second root".to_owned());
        }
        let length = tag.name().into_inner().len();
        let tag = match Tag::read(&tag, length, reader.get_ref().declares(), &mut attributes) {
            Ok(tag) => tag,
            Err(message) => break Err(ill_formed(message)),
        };
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
        if page {
            break Err(ill_formed("`<!doctype` in small letters".to_owned()));
        }
        if depth == DEPTH_MAX {
            break Err(format!("elements are nested more than {DEPTH_MAX} deep"));
        }
        if let Err(message) = scopes.open(&tag, depth) {
            break Err(ill_formed(message));
        }
        (seen, begun) = (true, true);
        if let Err(message) = elements.open(&tag, sink) {
            break Err(message);
        }
        if empty {
            elements.close(tag.name(), sink);
            scopes.close(depth);
        } else {
            depth += 1;
        }
    };
    drop(reader);
    outcome.map_err(|message| ReportError::new(markup.lines + 1, message))
}
