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
        let markup = reader.get_ref();
        let tag = match Tag::read(&tag, length, markup.declares(), markup.lines, &mut attributes) {
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

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;
    use crate::report::tally::Tally;

    /// The elements of a document with the values of three attributes, and their text.
    #[derive(Default)]
    struct Seen<const TEXT: bool>(String);

    impl<const TEXT: bool> Elements for Seen<TEXT> {
        const ROOTS: &'static [&'static str] = &[];
        const WHAT: &'static str = "report";
        const TEXT: bool = TEXT;

        fn open(&mut self, tag: &Tag<'_>, _: &mut dyn Sink) -> Result<(), String> {
            self.0.push_str(&format!("<{}", tag.name()));
            for value in tag.values(["x", "y", "z"])?.into_iter().flatten() {
                self.0.push_str(&format!(" {value}"));
            }
            self.0.push('>');
            Ok(())
        }
        fn close(&mut self, name: &str, _: &mut dyn Sink) {
            self.0.push_str(&format!("</{name}>"));
        }
        fn text(&mut self, text: &str) {
            self.0.push_str(text);
        }
    }

    /// What is found in pieces of every size, which may end anywhere.
    fn found<const TEXT: bool>(bytes: &[u8]) -> Result<String, String> {
        let read = |size: usize| {
            let mut seen = Seen::<TEXT>::default();
            let outcome = walk(BufReader::with_capacity(size, bytes), &mut seen, &mut Tally::default());
            outcome.map(|()| seen.0).map_err(|err| err.to_string())
        };
        let whole = read(1 << 16);
        for size in 1..12 {
            assert_eq!(read(size), whole, "in pieces of {size}: {}", String::from_utf8_lossy(bytes));
        }
        whole
    }

    #[track_caller]
    fn good(text: &str, expect: &str) {
        assert_eq!(found::<true>(text.as_bytes()).as_deref(), Ok(expect), "{text}");
        found::<false>(text.as_bytes()).unwrap();
    }

    #[track_caller]
    fn bad(text: impl AsRef<[u8]>, line: u64, expect: &str) {
        let text = text.as_ref();
        let expect = format!("{line}: not well-formed XML: {expect}");
        assert_eq!(found::<true>(text).unwrap_err(), expect, "{}", String::from_utf8_lossy(text));
        assert_eq!(found::<false>(text).unwrap_err(), expect, "{}", String::from_utf8_lossy(text));
    }

    #[test]
    fn characters_that_xml_forbids_are_refused_anywhere() {
        for (start, end) in [
            ("<a>\n", "</a>"),
            ("<a>\n<![CDATA[", "]]></a>"),
            ("<a>\n<!--", "--></a>"),
            ("<a\nx='", "'/>"),
            ("<a>\n<?b ", "?></a>"),
            ("<!DOCTYPE a [\n<!ENTITY b '", "'>]><a/>"),
            ("<a/>\n<!--", "-->"),
        ] {
            for (bytes, expect) in [
                (&b"\x01"[..], "the character U+0001"),
                (b"\x00", "the character U+0000"),
                (b"\x1b", "the character U+001B"),
                ("\u{ffff}".as_bytes(), "the character U+FFFF"),
                (b"\xe4", "bytes that are no UTF-8"),
                (b"\xc3", "bytes that are no UTF-8"),
                (b"\xed\xa0\x80", "bytes that are no UTF-8"),
            ] {
                bad([start.as_bytes(), bytes, end.as_bytes()].concat(), 2, expect);
            }
            let text = format!("{start}\t\r\u{7f}\u{85}ä日\u{fffd}\u{10ffff}{end}");
            assert!(found::<false>(text.as_bytes()).is_ok(), "{text}");
        }
        bad(b"<a>\n\xc3", 2, "bytes that are no UTF-8");
        // What comes first is told first.
        bad("<a>\n]]>\n\u{1}</a>", 2, "`]]>` in text");
        bad("<a>\n\u{1}\n]]></a>", 2, "the character U+0001");
    }

    #[test]
    fn references_are_of_characters_or_of_known_entities() {
        good("<a x='&#65;&#x42;&lt;'>&amp;&#9;&apos;</a>", "<a AB<>&\t\'</a>");
        for (reference, expect) in [
            ("& b", "an `&` that begins no reference"),
            ("&&amp;", "an `&` that begins no reference"),
            ("&amp", "an `&` that begins no reference"),
            ("&;", "an `&` that begins no reference"),
            ("&1;", "an `&` that begins no reference"),
            ("&nbsp;", "the entity `&nbsp;`, which is declared nowhere"),
            ("&#x1;", "`&#x1;`, which is no character"),
            ("&#xFFFF;", "`&#xFFFF;`, which is no character"),
            ("&#xD800;", "`&#xD800;`, which is no character"),
            ("&#;", "`&#;`, which is no character"),
            ("&#12a;", "`&#12a;`, which is no character"),
        ] {
            bad(format!("<a>\n{reference}</a>"), 2, expect);
            bad(format!("<a>\n<b y='{reference}'/></a>"), 2, expect);
            bad(format!("<!DOCTYPE a>\n<a>{reference}</a>"), 2, expect);
            // Where it means nothing.
            good(&format!("<a><!--{reference}--><![CDATA[{reference}]]><?b {reference}?></a>"), "<a></a>");
        }
        for doctype in [
            "<!DOCTYPE a [<!ENTITY nbsp ' '>]>",
            "<!DOCTYPE a SYSTEM \"b.dtd\">",
            "<!DOCTYPE a PUBLIC '' '>[' >",
        ] {
            good(&format!("{doctype}<a x='&nbsp;'>&nbsp;</a>"), "<a &nbsp;>&nbsp;</a>");
            bad(format!("{doctype}<a>&b</a>"), 1, "an `&` that begins no reference");
            bad(format!("{doctype}<a>&#0;</a>"), 1, "`&#0;`, which is no character");
        }
        bad("<a>&", 1, "an `&` that begins no reference");
    }

    #[test]
    fn text_and_comments_hold_no_ends() {
        good(
            "<a>]] ]>]&gt; > ]]<!-- ]]> - -> <b> -->></a>",
            "<a>]] ]>]&gt; > ]]></a>".replace("&gt;", ">").as_str(),
        );
        good("<a><![CDATA[]]]]><![CDATA[]>& <b>]]]></a>", "<a></a>");
        for text in ["]]>", "x]]>", "]]]>", "]]]]]>", "&amp;]]>", "<b/>]]>", "<![CDATA[]]>]]>"] {
            bad(format!("<a>\n{text}\n</a>"), 2, "`]]>` in text");
        }
        for comment in ["<!-- a -- b -->", "<!----->", "<!-- a --->", "<!-- -- -->"] {
            bad(format!("<a>\n{comment}\n</a>"), 2, "`--` inside a comment");
            bad(format!("\n{comment}\n<a/>"), 2, "`--` inside a comment");
        }
        good("<a><!----><!-- - - -a- --><!-->--><!--->--></a>", "<a></a>");
    }

    #[test]
    fn tags_are_names_and_attributes() {
        good("<a\nx = '1'\ty=\"&quot;'\" z='>'\r\n/>", "<a 1 \"' >></a>");
        good("<ä-1.b _x='' x='é'></ä-1.b >", "<ä-1.b é></ä-1.b>");
        for (tag, expect) in [
            ("<a x='1'y='2'/>", "no blank before the attribute `y`"),
            ("<a x='1' x='2'/>", "the attribute `x` twice"),
            ("<a x='<'/>", "`<` inside an attribute"),
            ("<a x/>", "the attribute `x` has no value in quotes"),
            ("<a x=/>", "the attribute `x` has no value in quotes"),
            ("<a x=1/>", "the attribute `x` has no value in quotes"),
            ("<a x 'y'/>", "the attribute `x` has no value in quotes"),
            ("<a ='y'/>", "something in a tag that is no attribute"),
            ("<a / >", "something in a tag that is no attribute"),
            ("<a 'x'/>", "something in a tag that is no attribute"),
            ("<a 1x='1'/>", "`1x`, which is no name"),
            ("<1a/>", "`1a`, which is no name"),
            ("<a=b/>", "`a=b`, which is no name"),
            ("<a'b'/>", "`a'b'`, which is no name"),
            ("<a×/>", "`a×`, which is no name"),
            ("< a/>", "``, which is no name"),
            ("<:a/>", "`:a`, which is no name"),
            ("<a:/>", "`a:`, which is no name"),
            ("<a:b:c/>", "`a:b:c`, which is no name"),
            ("<a :x=''/>", "`:x`, which is no name"),
        ] {
            bad(format!("<r>\n{tag}\n</r>"), 2, expect);
        }
        let many = |last: usize| {
            let all: Vec<String> = (0..100).chain([last]).map(|number| format!(" a{number}=''")).collect();
            format!("<a{}/>", all.concat())
        };
        good(&many(100), "<a></a>");
        bad(many(50), 1, "the attribute `a50` twice");
    }

    #[test]
    fn prefixes_are_bound() {
        good("<p:a xmlns:p='u' p:x='1'><p:b/></p:a>", "<a 1><b></b></a>");
        good("<a xmlns='u' xmlns:p='v' xml:x='2'><b p:x='1'/></a>", "<a 2><b 1></b></a>");
        // That without a prefix counts, in whatever order, and a prefix that is bound is no value.
        good("<a xmlns:p='u' p:x='1' x='2' y='3' p:y='4'/>", "<a 2 3></a>");
        good("<a xmlns:x='u'/>", "<a></a>");
        good("<a xmlns:p='u' xmlns:q='v' p:x='1' q:x='2'/>", "<a 1></a>");
        good("<a xmlns:p='u'><b xmlns:p='v' p:x=''/><p:c/></a>", "<a><b ></b><c></c></a>");
        for (tag, expect) in [
            ("<p:b/>", "the prefix `p` is not bound"),
            ("<b p:x=''/>", "the prefix `p` is not bound"),
            ("<c xmlns:p='u'/><p:b/>", "the prefix `p` is not bound"),
            ("<c xmlns:p='u'><d/></c><p:b/>", "the prefix `p` is not bound"),
            ("<xmlns:b/>", "the prefix `xmlns` is not bound"),
            ("<b xmlns:p='u' xmlns:q='u' p:x='' q:x=''/>", "the attribute `x` twice"),
            ("<b xmlns:p=''/>", "the prefix `p` may not be bound so"),
            ("<b xmlns:xml='u'/>", "the prefix `xml` may not be bound so"),
            ("<b xmlns:xmlns='u'/>", "the prefix `xmlns` may not be bound so"),
            ("<b xmlns:p='http://www.w3.org/XML/1998/namespace'/>", "the prefix `p` may not be bound so"),
            ("<b xmlns='http://www.w3.org/2000/xmlns/'/>", "a reserved namespace as that of elements"),
        ] {
            bad(format!("<r>\n{tag}\n</r>"), 2, expect);
        }
    }

    #[test]
    fn the_document_s_type_may_be_declared_once_and_first() {
        for subset in [
            "<!ENTITY b ']>'>",
            "<!ENTITY b \"'\">",
            "<!-- ]> ' -->",
            "<?b ]> ' ?>",
            "<!ELEMENT a (b | c)*>\n%d; <!ATTLIST a b CDATA '>'>",
            "",
        ] {
            good(&format!("<!DOCTYPE a [{subset}] ><a x='1'/>"), "<a 1></a>");
            good(&format!("<!DOCTYPE p:a SYSTEM ']>[' [{subset}]><a/>"), "<a></a>");
        }
        let none = "a declaration of the document's type that is none";
        for (doctype, expect) in [
            ("<!DOCTYPE>", none),
            ("<!DOCTYPE 1>", none),
            ("<!DOCTYPEa>", none),
            ("<!DOCTYPE a b>", none),
            ("<!DOCTYPE a SYSTEM>", none),
            ("<!DOCTYPE a PUBLIC 'b'>", none),
            ("<!DOCTYPE a [b]>", "text in the declaration of the document's type"),
            ("<!DOCTYPE a [<b>]>", "an element in the declaration of the document's type"),
            ("<!DOCTYPE a [<!b>]>", "what is no declaration in that of the document's type"),
            ("<!DOCTYPE a [<!-- -- -->]>", "`--` inside a comment"),
            ("<!DOCTYPE a [] b>", "the declaration of the document's type has no end"),
            ("<!DOCTYPE a><!DOCTYPE a>", "a declaration of the document's type that stands too late"),
            ("<!doctype a>", "`<!doctype` in small letters"),
        ] {
            bad(format!("\n{doctype}<a/>"), 2, expect);
        }
        bad("<a>\n<!DOCTYPE a></a>", 2, "a declaration of the document's type that stands too late");
        bad("<!DOCTYPE a [\n<!-- ", 2, "the file ends inside the document's type");
    }

    #[test]
    fn declarations_and_instructions_are_checked() {
        for declaration in [
            "version='1.0'",
            " version = \"1.0\"\tencoding='utf-8' standalone='yes' ",
            "version='1.1' standalone='no'",
            "version='1.0' encoding='latin-1'",
            // It was not decoded, and may be ASCII all the same.
            "version='1.0' encoding='cp850'",
        ] {
            good(&format!("<?xml {declaration}?><a/>"), "<a></a>");
        }
        let none = "an XML declaration that is none";
        for (declaration, expect) in [
            ("", none),
            ("encoding='utf-8'", none),
            ("version=''", none),
            ("version='1.0' standalone='maybe'", none),
            ("version='1.0' standalone='yes' encoding='utf-8'", none),
            ("version='1.0' encoding='8'", none),
            ("version='1.0' x='1'", none),
            ("version='1.0'encoding='utf-8'", "no blank before the attribute `encoding`"),
            ("version='1.0' encoding='UTF-16'", "the declaration says UTF-16, which the file is not"),
            ("version='1.0' encoding='utf-16le'", "the declaration says utf-16le, which the file is not"),
            ("version='1.0' encoding='UTF-9'", "the declaration says UTF-9, which is not known"),
        ] {
            bad(format!("<?xml {declaration}?>\n<a/>"), 1, expect);
        }
        good("<?b?><a><?b-c it's \" > ? ?></a><?b ??>", "<a></a>");
        bad("<a>\n<?XML ?></a>", 2, "`<?XML`, which begins no processing instruction");
        bad("<a>\n<? b?></a>", 2, "`<?`, which begins no processing instruction");
        bad("<a>\n<?1?></a>", 2, "`<?1`, which begins no processing instruction");
        bad("x\n<?b?><a/>", 2, "text outside the root");
        bad("\n\u{feff}<a/>", 2, "text outside the root");
        bad("<a/>\n\u{feff}", 2, "text outside the root");
        bad("<a/>\n&amp;", 2, "text outside the root");
        good("\u{feff}<?xml version='1.0'?><a/>\n", "<a></a>");
    }

    #[test]
    fn long_text_is_cut_between_two_characters() {
        for start in ["", "b", "bc"] {
            let text = format!("<a>{start}{}</a>", "日".repeat(4 << 10));
            let found = found::<true>(text.as_bytes()).unwrap();
            assert!(text.starts_with(found.strip_suffix("</a>").unwrap()), "{found}");
            assert!((4 << 10..5 << 10).contains(&found.len()), "{}", found.len());
        }
    }
}
