//! The manual held against the program: every example is executed or at least read, every link leads somewhere.

use std::process::Command;

use crate::common::{Project, root};
use crate::markdown::{Block, anchors, blocks, links, page, pages};

/// Blocks that are not what their fence makes of them for us: the page, how the block begins, and why.
const NOT_OURS: [(&str, &str, &str); 1] =
    [("docs/runners.md", "experimental = [\"wrapper-scripts\"]", "nextest's own configuration")];

/// Pages whose every example is executed elsewhere, wrong usage among them.
const EXECUTED: [(&str, &str); 1] = [("docs/errors.md", "tests/it/errors.rs")];

/// What the fences of the manual may say. Blocks of the last kind are looked at by tests of their own (`yaml`) or
/// are what a command prints, a formula, a file that it reads.
const LANGUAGES: [&str; 3] = ["sh", "console", "toml"];
const OTHERS: [&str; 5] = ["text", "yaml", "csv", "jsonl", "json"];

/// Every block of every page that people may paste.
fn examples(language: &str) -> Vec<(String, Block)> {
    let of = |name: String| {
        let found = blocks(&page(&name)).into_iter().filter(|block| block.language == language);
        found.map(|block| (name.clone(), block)).collect::<Vec<_>>()
    };
    pages().into_iter().flat_map(of).collect()
}

fn is_not_ours(name: &str, block: &Block) -> bool {
    NOT_OURS.iter().any(|(page, begin, _)| *page == name && block.text.starts_with(begin))
}

#[test]
fn every_block_says_what_it_is() {
    for name in pages() {
        for Block { language, line, .. } in blocks(&page(&name)) {
            let known = LANGUAGES.contains(&language.as_str()) || OTHERS.contains(&language.as_str());
            assert!(known, "{name}:{line}: `{language}`: no test knows what that is");
        }
    }
}

#[test]
fn every_configuration_is_valid() {
    let mut count = 0;
    for (name, block) in examples("toml") {
        if !is_not_ours(&name, &block) {
            let read = shard::config::file::parse(&block.text);
            read.unwrap_or_else(|err| panic!("{name}:{}: {err}\n{}", block.line, block.text));
            count += 1;
        }
    }
    assert!(count > 10, "{count}");
    for (name, begin, _) in NOT_OURS {
        let there = blocks(&page(name)).iter().any(|block| block.text.starts_with(begin));
        assert!(there, "{name} has no block that begins with {begin}");
    }
}

/// The shell's part of a block: of a console what stands behind `$ `, and behind `> ` below that.
fn script(block: &Block) -> String {
    let of_console = |line: &str| -> Option<String> {
        ["$ ", "> "].iter().find_map(|mark| line.strip_prefix(mark)).map(|line| format!("{line}\n"))
    };
    match block.language.as_str() {
        "console" => block.text.lines().filter_map(of_console).collect(),
        _ => block.text.clone(),
    }
}

#[test]
fn every_command_line_is_one_for_the_shell() {
    let mut count = 0;
    for (name, block) in examples("sh").into_iter().chain(examples("console")) {
        let text = script(&block);
        assert!(!text.trim().is_empty(), "{name}:{}: no command", block.line);
        let checked = Command::new("bash").args(["-n", "-c", &text]).output().unwrap();
        assert!(
            checked.status.success() && checked.stderr.is_empty(),
            "{name}:{}: {}",
            block.line,
            String::from_utf8_lossy(&checked.stderr)
        );
        count += 1;
    }
    assert!(count > 30, "{count}");
}

/// The simple commands of a script as words: quotes are taken off, redirections and what is between a heredoc's
/// marks left out. Enough of a shell for a manual.
fn commands(script: &str) -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    let mut heredoc: Option<String> = None;
    for line in script.replace("\\\n", " ").lines() {
        if let Some(end) = &heredoc {
            if line == end {
                heredoc = None;
            }
            continue;
        }
        all.push(Vec::new());
        let (mut word, mut quote, mut begun) = (String::new(), None, false);
        let finish = |word: &mut String, begun: &mut bool, all: &mut Vec<Vec<String>>| {
            if std::mem::take(begun) {
                all.last_mut().unwrap().push(std::mem::take(word));
            }
        };
        for c in line.chars() {
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (Some(_), c) => word.push(c),
                (None, '\'' | '"') => (quote, begun) = (Some(c), true),
                (None, '#') if !begun => break,
                (None, '|' | ';' | '&' | '(' | ')') => {
                    finish(&mut word, &mut begun, &mut all);
                    all.push(Vec::new());
                }
                (None, '<' | '>') => {
                    // `2>&1` and `> FILE`: the rest of the line is read as another command.
                    begun &= !word.chars().all(|c| c.is_ascii_digit());
                    word.truncate(if begun { word.len() } else { 0 });
                    finish(&mut word, &mut begun, &mut all);
                    all.push(Vec::new());
                }
                (None, c) if c.is_whitespace() => finish(&mut word, &mut begun, &mut all),
                (None, c) => {
                    word.push(c);
                    begun = true;
                }
            }
        }
        finish(&mut word, &mut begun, &mut all);
        heredoc = line.split("<<").nth(1).map(|end| end.trim_matches('\'').to_owned());
    }
    all
}

#[test]
fn a_script_is_taken_apart() {
    let check = |script: &str, expect: &[&[&str]]| {
        let found: Vec<Vec<String>> =
            commands(script).into_iter().filter(|words| !words.is_empty()).collect();
        assert_eq!(found, expect, "{script}");
    };
    check("a 'b c' \"d\" # e", &[&["a", "b c", "d"]]);
    check("a | b; c && (d)", &[&["a"], &["b"], &["c"], &["d"]]);
    check("a > b 2>&1", &[&["a"], &["b"], &["1"]]);
    check("a \\\n  b", &[&["a", "b"]]);
    check("cat > f <<'EOF'\nshard none\nEOF\nb", &[&["cat"], &["f"], &["EOF"], &["b"]]);
}

#[test]
fn every_command_of_ours_has_these_flags() {
    let project = Project::new();
    let mut count = 0;
    let all = examples("sh").into_iter().chain(examples("console"));
    for (name, block) in all.filter(|(name, _)| !EXECUTED.iter().any(|(page, _)| page == name)) {
        for words in commands(&script(&block)) {
            // `A=B shard`, `exec shard`, `jobs=$(shard`, `xargs -r shard`
            let Some(at) = words.iter().position(|word| word == "shard" || word.ends_with("$shard")) else {
                continue;
            };
            let ours = words[at + 1..].split(|word| word == "--").next().unwrap();
            let known = |word: &&String| word.chars().all(|c| c.is_ascii_lowercase());
            let Some(command) = ours.first().filter(known) else { continue };
            // What a variable holds is not known: any number suits every flag of ours.
            let plain = |word: &String| if word.contains('$') { "1".to_owned() } else { word.clone() };
            let mut given: Vec<String> = ours.iter().map(plain).collect();
            // Flags and their values are read in order, and nothing is done.
            given.push("--help".to_owned());
            let done = project.run(&given, b"", &[]);
            assert_eq!(done.code(), 0, "{name}:{}: shard {command}: {}", block.line, done.stderr());
            count += 1;
        }
    }
    assert!(count > 60, "{count}");
}

#[test]
fn every_link_leads_somewhere() {
    let mut count = 0;
    for name in pages() {
        let text = page(&name);
        for (line, link) in links(&text).into_iter().filter(|(_, link)| !link.contains("://")) {
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let folder = root().join(&name).parent().unwrap().to_owned();
            let target = if path.is_empty() { root().join(&name) } else { folder.join(path) };
            assert!(target.exists(), "{name}:{line}: there is no {path}");
            if !anchor.is_empty() {
                let there = anchors(&std::fs::read_to_string(&target).unwrap());
                assert!(
                    there.iter().any(|name| name == anchor),
                    "{name}:{line}: {link}: there are {there:?}"
                );
            }
            count += 1;
        }
    }
    assert!(count > 100, "{count}");
}

#[test]
fn every_page_is_in_one_class() {
    let contents = page("docs/README.md");
    let rows: Vec<&str> =
        contents.lines().filter_map(|line| line.strip_prefix("| [")?.split(']').next()).collect();
    let mut named: Vec<String> =
        pages().iter().filter_map(|name| name.strip_prefix("docs/").map(str::to_owned)).collect();
    named.retain(|name| name != "README.md");
    let mut listed = rows.clone();
    listed.sort_unstable();
    assert_eq!(listed, named);
}

/// Every command's help, as a page. Builds with other features have other words in it.
#[cfg(not(any(feature = "github", feature = "remote", feature = "pymon")))]
fn command_line() -> String {
    let project = Project::new();
    let help = |words: &str| project.shard(&format!("{words} --help")).ok().stdout();
    let main = help("");
    let names = crate::help::commands();
    let mut page = "# The command line\n\nWhat `--help` says of every command. This page is made by `SHARD_ACCEPT=1 cargo test`.\n".to_owned();
    page.push_str("\n| command | |\n|---|---|\n");
    for name in &names {
        let about = help(name).lines().next().unwrap().to_owned();
        page.push_str(&format!("| [`shard {name}`](#shard-{name}) | {} |\n", about.replace('|', "\\|")));
    }
    page.push_str(&format!("\n## shard\n\n```text\n{main}```\n"));
    for name in &names {
        page.push_str(&format!("\n## shard {name}\n\n```text\n{}```\n", help(name)));
    }
    page
}

#[cfg(not(any(feature = "github", feature = "remote", feature = "pymon")))]
#[test]
fn the_command_line_s_page_is_the_program_s_help() {
    let text = command_line();
    if std::env::var_os("SHARD_ACCEPT").is_some() {
        return std::fs::write(root().join("docs/cli.md"), text).unwrap();
    }
    assert!(page("docs/cli.md") == text, "docs/cli.md is old: SHARD_ACCEPT=1 cargo test rewrites it");
}

/// The codes in the first column of a page's tables.
fn codes(text: &str) -> Vec<u8> {
    let cell = |line: &str| line.strip_prefix("| ")?.split(' ').next()?.parse().ok();
    text.lines().filter_map(cell).collect()
}

#[test]
fn every_exit_code_has_its_line() {
    use shard::exit::*;
    let ours = [DONE, FAILED, USAGE, NO_PLAN, MACHINE, NETWORK, BUG];
    let of_run = [RUN_MACHINE, RUN_INCOMPLETE, RUN_GUARD, RUN_HANG, RUN_PLAN, RUN_TIMEOUT];
    assert_eq!(codes(&page("docs/exitcodes.md")), [ours.as_slice(), &of_run].concat());
    let constants = std::fs::read_to_string(root().join("src/exit.rs")).unwrap().matches("pub const").count();
    assert_eq!(constants, ours.len() + of_run.len());
}

#[test]
fn lines_of_a_log_mean_what_the_manual_says() {
    let project = Project::new();
    let mut count = 0;
    for line in page("docs/killed.md").lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let [_, log, exit, verdict, confidence, _] = cells[..] else { panic!("{line}") };
        let mut words = vec!["triage", "--log", "-"];
        if !exit.is_empty() {
            words.extend(["--exit", exit]);
        }
        let said = project.run(words, format!("{log}\n").as_bytes(), &[]).ok().stdout();
        assert_eq!(said.lines().next(), Some(format!("{verdict}, {confidence}").as_str()), "{line}");
        count += 1;
    }
    assert!(count > 15, "{count}");
}

#[test]
fn the_manual_s_budgets_are_those_of_the_program() {
    // Three quarters of the machine, rounded down to what people write.
    let rows = page("docs/budget.md");
    let numbers = |cell: &str| -> Vec<f64> {
        cell.replace(" GB", "").split(", ").map(|number| number.parse().unwrap()).collect()
    };
    let mut count = 0;
    for line in rows.lines().filter(|line| line.ends_with(" GB |")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        for (all, part) in numbers(cells[2]).iter().zip(numbers(cells[3])) {
            assert!(part <= all * 0.75 && part > all * 0.72, "{line}");
            count += 1;
        }
    }
    assert!(count > 15, "{count}");
}
