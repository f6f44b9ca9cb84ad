//! Pages of the manual that are executed from their first command to their last, as a reader would.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::{Done, Project, has_pytest, root};
use crate::limit::Limited;
use crate::markdown::{Block, blocks, page};

/// Commands that are not run, and why.
const SKIPPED: [(&str, &str); 3] = [
    ("systemd-run", "needs a session of systemd; a test below does the same in a control group of its own"),
    ("cargo install", "takes minutes; the checks of the repository build it in other ways"),
    ("pip install", "needs a network; where pytest is missing the pages are skipped"),
];

/// A command of a page and what is shown below it.
struct Step {
    /// The line of its block.
    line: usize,
    command: String,
    /// `None`: of a script, nothing is shown.
    shown: Option<String>,
}

/// Every step of a page: a script as a whole, of a console each command.
fn steps(text: &str) -> Vec<Step> {
    let mut all = Vec::new();
    for Block { language, line, text, .. } in blocks(text) {
        if SKIPPED.iter().any(|(begin, _)| text.starts_with(begin)) {
            continue;
        }
        match language.as_str() {
            "sh" => all.push(Step { line, command: format!("set -e\n{text}set +e\n"), shown: None }),
            "console" => {
                for shown in text.lines() {
                    if let Some(command) = shown.strip_prefix("$ ") {
                        all.push(Step { line, command: format!("{command}\n"), shown: Some(String::new()) });
                        continue;
                    }
                    let step = all.last_mut().unwrap();
                    match shown.strip_prefix("> ") {
                        Some(more) => step.command.push_str(&format!("{more}\n")),
                        None => step.shown.as_mut().unwrap().push_str(&format!("{shown}\n")),
                    }
                }
            }
            _ => {}
        }
    }
    all
}

/// What each step printed, both streams as they came, and how it ended. All run in one shell.
fn execute(steps: &[Step], folder: &Path) -> Vec<(String, i32)> {
    const MARK: &str = "\u{1}step";
    let mut script =
        format!("mark() {{ local code=$?; printf '{MARK} %s %s\\n' \"$1\" $code; return $code; }}\n");
    for (number, step) in steps.iter().enumerate() {
        writeln!(script, "{}mark {number}", step.command).unwrap();
    }
    let bin = folder.join(".bin");
    fs::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_shard"), bin.join("shard")).unwrap();
    fs::write(bin.join("page.sh"), &script).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let mut bash = Command::new("bash");
    bash.args(["-c", "exec 2>&1; source .bin/page.sh"]).current_dir(folder).stdin(Stdio::null());
    bash.env_clear().env("PATH", path).env("LANG", "C.UTF-8").env("PYTHONDONTWRITEBYTECODE", "1");
    bash.envs(std::env::var_os("HOME").map(|home| ("HOME", home)));
    let done = bash.output().unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    let mut found = Vec::new();
    let mut rest = text.as_str();
    for (number, step) in steps.iter().enumerate() {
        let Some((printed, after)) = rest.split_once(&format!("{MARK} {number} ")) else {
            panic!("line {}: the script ended here:\n{rest}", step.line);
        };
        let (code, after) = after.split_once('\n').unwrap();
        found.push((printed.to_owned(), code.parse().unwrap()));
        rest = after;
    }
    found
}

/// Numbers with their units become `N`, bars and the width of gaps go: what differs from machine to machine.
fn plain(text: &str) -> String {
    const UNITS: [&str; 12] = ["kB", "MB", "GB", "KiB", "MiB", "GiB", "ms", "s", "m", "h", "%", "B"];
    let mut out = String::new();
    for word in text.split_whitespace() {
        let bare = word.trim_matches(['(', ')', '[', ']', '"', ',', '.', ';', ':', '+', '-', '~']);
        let unit = UNITS.iter().find(|unit| bare.ends_with(**unit) && bare.len() > unit.len());
        let figure = bare.trim_end_matches(unit.copied().unwrap_or(""));
        let number = !figure.is_empty()
            && figure.starts_with(|c: char| c.is_ascii_digit())
            && figure.chars().all(|c| c.is_ascii_digit() || c == '.' || c == ',');
        let bar = word.chars().all(|c| "█▉▊▋▌▍▎▏░▓".contains(c));
        if bar {
            continue;
        }
        // A unit behind its number, and the second part of `1m 05s`.
        let behind = out.ends_with("N ") && (number || UNITS.contains(&bare));
        match (number, behind) {
            (_, true) => {
                out.truncate(out.len() - 2);
                out.push_str(&format!("{} ", word.replace(bare, "N")));
            }
            (true, _) => out.push_str(&format!("{} ", word.replace(bare, "N"))),
            _ => out.push_str(&format!("{word} ")),
        }
    }
    out
}

/// Whether what was printed is what a page shows, where `…` stands for anything.
fn is_shown(shown: &str, printed: &str) -> bool {
    let printed = plain(printed);
    let mut rest = printed.as_str();
    let parts: Vec<String> = shown.split('…').map(plain).collect();
    for (number, part) in parts.iter().enumerate() {
        let part = if number + 1 < parts.len() { part.trim_end() } else { part };
        let at = match () {
            () if number == 0 => rest.starts_with(part).then_some(0),
            () if number + 1 == parts.len() => rest.ends_with(part).then(|| rest.len() - part.len()),
            () => rest.find(part),
        };
        let Some(at) = at else { return false };
        rest = &rest[at + part.len()..];
    }
    parts.len() > 1 || rest.is_empty()
}

#[test]
fn what_is_shown_is_held_loosely() {
    let check = |shown: &str, printed: &str, expect: bool| {
        assert_eq!(is_shown(shown, printed), expect, "{:?} {:?}", plain(shown), plain(printed));
    };
    check(
        "1 job · the longest 57s · 308 MB of 500 MB (62 %)",
        "1 job · the longest 1m 02s · 9 MB of 500 MB (2 %)",
        true,
    );
    check("unit-1  9  57s  ███░░  308 MB", "unit-1  9  1m 07s  █░░░░  3.1 GB", true);
    check("unit-1 passed", "unit-2 passed", false);
    check("base = \"12.2 MB\"", "base = \"9 MB\"", true);
    check("passed, 2.7s (predicted 12s)\n  outcome: a", "passed, 800ms (predicted 12s)\n  outcome: a", true);
    check("a …\n… d", "a b\nc d", true);
    check("a …", "b a", false);
    check("… b", "b a", false);
    check("a", "a b", false);
    check("", "", true);
    check("", "a", false);
}

/// Executes a page in an empty folder and holds it against what it shows. A command may fail only where the next one
/// is `echo $?`. `SHARD_ACCEPT=1` puts what was printed, in full, where something else is shown.
fn hold(name: &str) {
    let text = page(name);
    let steps = steps(&text);
    let project = Project::new();
    let printed = execute(&steps, project.path());
    let mut wrong = Vec::new();
    let (mut accepted, mut from) = (text.clone(), 0);
    for (number, (step, (printed, code))) in steps.iter().zip(&printed).enumerate() {
        let asked = steps.get(number + 1).is_some_and(|next| next.command == "echo $?\n");
        if *code != 0 && !asked {
            wrong.push(format!("{name}:{}: {} ended with {code}:\n{printed}", step.line, step.command));
        }
        let Some(shown) = &step.shown else { continue };
        let was = format!("$ {}{shown}", step.command);
        let at = from + accepted[from..].find(&was).unwrap();
        from = at + was.len();
        if is_shown(shown, printed) {
            continue;
        }
        wrong.push(format!("{name}:{}: {}shown:\n{shown}printed:\n{printed}", step.line, step.command));
        let trimmed: Vec<&str> = printed.lines().map(str::trim_end).collect();
        let is = format!("$ {}{}\n", step.command, trimmed.join("\n").trim_end());
        accepted.replace_range(at..from, &is);
        from = at + is.len();
    }
    if std::env::var_os("SHARD_ACCEPT").is_some() && accepted != text {
        return fs::write(root().join(name), accepted).unwrap();
    }
    assert!(wrong.is_empty(), "SHARD_ACCEPT=1 cargo test rewrites what is shown\n{}", wrong.join("\n"));
}

#[test]
fn the_tutorial_works() {
    if !has_pytest() {
        return println!("skipped: python3 has no pytest 8.2");
    }
    hold("docs/tutorial.md");
}

#[test]
fn the_tutorial_s_job_dies_under_a_real_limit_too() {
    let (Some(limited), true) = (Limited::new(450_000_000), has_pytest()) else {
        return println!("skipped: no control group can be made here, or python3 has no pytest 8.2");
    };
    let project = Project::new();
    // The project, and its configuration.
    let scripts = steps(&page("docs/tutorial.md")).into_iter().filter(|step| step.shown.is_none()).take(2);
    let scripts: Vec<Step> = scripts.collect();
    execute(&scripts, project.path());
    let shop = project.path().join("shop");
    let toml = fs::read_to_string(shop.join("shard.toml")).unwrap();
    let unguarded = toml.replace("guard  = \"budget\"", "guard  = \"off\"");
    assert_ne!(toml, unguarded);
    fs::write(shop.join("shard.toml"), unguarded).unwrap();
    let shard = |words: &str| {
        let words: Vec<&str> = [env!("CARGO_BIN_EXE_shard")].into_iter().chain(words.split(' ')).collect();
        Done(limited.command(&words).current_dir(&shop).stdin(Stdio::null()).output().unwrap())
    };
    shard("plan").ok();
    shard("run unit-1 --preflight off").ok();
    // The kernel takes the largest process of the group: pytest.
    assert_eq!(shard("run unit-2 --preflight off").code(), 137);
    let said = shard("triage shard-out/outcomes").ok().stdout();
    assert!(said.contains("unit-2 (attempt 1): out-of-memory, certain"), "{said}");
    shard("rebalance").ok();
    shard("run unit-3 --preflight off").ok();
    shard("verify shard-out/outcomes").ok();
}
