//! What a terminal can show, and text that fits it.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Effects};

use crate::text::width;

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Columns, at least 80.
    pub width: usize,
    /// Whether block characters may be used.
    pub unicode: bool,
    /// Whether colours may be used.
    pub colour: bool,
}

impl Default for Style {
    fn default() -> Style {
        Style { width: 80, unicode: true, colour: false }
    }
}

/// What a piece of text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    Strong,
    Quiet,
    Good,
    Note,
    Warning,
    Bad,
}

impl Style {
    /// `text` in the colour of its meaning.
    pub(super) fn paint(self, paint: Paint, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let style = match paint {
            Paint::Strong => anstyle::Style::new().effects(Effects::BOLD),
            Paint::Quiet => anstyle::Style::new().effects(Effects::DIMMED),
            Paint::Good => AnsiColor::Green.on_default(),
            Paint::Note => AnsiColor::Cyan.on_default(),
            Paint::Warning => AnsiColor::Yellow.on_default(),
            Paint::Bad => AnsiColor::Red.on_default().effects(Effects::BOLD),
        };
        format!("{style}{text}{style:#}")
    }

    /// Text in lines that fit, those after the first indented, its label painted.
    pub(super) fn paragraph(self, label: (Paint, &str), text: &str, out: &mut String) {
        self.wrapped(label, "  ", text, out);
    }

    /// The same with the label in a column of its own, which all facts of a page share.
    pub(super) fn fact(self, (paint, label): (Paint, &str), text: &str, out: &mut String) {
        const COLUMN: usize = 8;
        let label = format!("{:<COLUMN$} ", format!("{label}:"));
        self.wrapped((paint, &label), &" ".repeat(COLUMN + 1), text, out);
    }

    fn wrapped(self, (paint, label): (Paint, &str), indent: &str, text: &str, out: &mut String) {
        let mut line = label.to_owned();
        let (mut empty, mut first) = (true, true);
        let mut end = |line: &str, out: &mut String| {
            let rest = line.strip_prefix(label).filter(|_| std::mem::take(&mut first));
            let _ = match rest {
                Some(rest) => writeln!(out, "{}{rest}", self.paint(paint, label)),
                None => writeln!(out, "{line}"),
            };
        };
        for word in text.split(' ') {
            if !empty && width(&line) + 1 + width(word) > self.width {
                end(&line, out);
                line = indent.to_owned();
                empty = true;
            }
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
        end(&line, out);
    }

    /// The whole text in what the terminal's character set has.
    pub(super) fn finish(self, text: String) -> String {
        if self.unicode {
            return text;
        }
        let pairs = [
            ("█", "#"),
            ("░", "."),
            ("·", "-"),
            ("…", "~"),
            ("→", "->"),
            ("–", "-"),
            ("−", "-"),
            ("×", "x"),
            ("÷", "/"),
        ];
        let text = pairs.into_iter().fold(text, |text, (from, to)| text.replace(from, to));
        // What is left is in names.
        let shown = |c: char| if c.is_ascii() { c.to_string() } else { c.escape_unicode().to_string() };
        text.chars().map(shown).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_fit_and_only_labels_are_painted() {
        let style = Style { width: 20, unicode: true, colour: true };
        let mut out = String::new();
        style.paragraph((Paint::Warning, "warning: "), "one two three four five", &mut out);
        assert_eq!(out, "\u{1b}[33mwarning: \u{1b}[0mone two\n  three four five\n");
        let plain = Style { colour: false, ..style };
        assert_eq!(plain.paint(Paint::Bad, "x"), "x");
        let mut out = String::new();
        plain.fact((Paint::Quiet, "suites"), "one two three four", &mut out);
        assert_eq!(out, "suites:  one two\n         three four\n");
    }
}
