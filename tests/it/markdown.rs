//! The pages of the manual: their blocks of code, headings and links.

use std::fs;

use crate::common::root;

/// A block of code between fences.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Block {
    /// What stands behind the first fence.
    pub(crate) language: String,
    /// The heading above it, without marks; empty before the first.
    pub(crate) heading: String,
    /// The line of the first fence, from 1.
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// The README and every page of the manual, as paths from the package's folder, sorted.
pub(crate) fn pages() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|file| format!("docs/{}", file.unwrap().file_name().to_str().unwrap()))
        .filter(|name| name.ends_with(".md"))
        .collect();
    names.push("README.md".to_owned());
    names.sort();
    names
}

/// The text of a page, or of another file of the package.
pub(crate) fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|err| panic!("{name}: {err}"))
}

/// The blocks of a text, in order.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let (mut heading, mut inside) = (String::new(), None::<Block>);
    for (number, line) in text.lines().enumerate() {
        inside = match (inside.take(), line.strip_prefix("```")) {
            (None, Some(language)) => Some(Block {
                language: language.to_owned(),
                heading: heading.clone(),
                line: number + 1,
                text: String::new(),
            }),
            (None, None) => {
                if let Some(title) = title(line) {
                    heading = title.to_owned();
                }
                None
            }
            (Some(block), Some("")) => {
                found.push(block);
                None
            }
            (Some(mut block), _) => {
                block.text.push_str(line);
                block.text.push('\n');
                Some(block)
            }
        };
    }
    assert_eq!(inside, None, "a block without an end");
    found
}

/// What a heading says.
fn title(line: &str) -> Option<&str> {
    line.starts_with('#')
        .then(|| line.trim_start_matches('#'))
        .filter(|rest| rest.starts_with(' '))
        .map(str::trim)
}

/// The lines of a text that are in no block.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        let fence = line.starts_with("```");
        inside ^= fence;
        (!inside && !fence).then_some((number + 1, line))
    })
}

/// The names by which GitHub lets links reach the headings of a text.
pub(crate) fn anchors(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (_, line) in prose(text) {
        let Some(title) = title(line) else { continue };
        let letters = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let plain: String = letters.collect::<String>().to_lowercase().replace(' ', "-");
        let again = (1..).map(|number| format!("{plain}-{number}"));
        let name = [plain.clone()].into_iter().chain(again).find(|name| !found.contains(name)).unwrap();
        found.push(name);
    }
    found
}

/// The targets of a text's links, with their lines; what stands in blocks or between backticks is none.
pub(crate) fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        // Every second part of a line is code.
        let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join("code");
        for part in plain.split("](").skip(1) {
            found.push((number, part.split(')').next().unwrap().to_owned()));
        }
    }
    found
}

#[test]
fn a_page_is_read() {
    let text = "# One `two`\n[a](b.md#c) `[no](x)`\n```sh\n# no heading [no](y)\n```\n## One two\ntext\n";
    assert_eq!(anchors(text), ["one-two", "one-two-1"]);
    assert_eq!(links(text), [(2, "b.md#c".to_owned())]);
    let found = blocks(text);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].language.as_str(), found[0].line, found[0].heading.as_str()),
        ("sh", 3, "One `two`")
    );
    assert_eq!(found[0].text, "# no heading [no](y)\n");
}
