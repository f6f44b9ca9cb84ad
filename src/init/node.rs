//! Jest, Vitest and Playwright, by `package.json` and their configurations. Those are programs: they are read as text.

use std::collections::BTreeSet;

use serde_json::Value;

use super::facts::{Facts, inside, join};
use super::{Findings, Found, Runner, Step, Suites, files};

const ENDINGS: [&str; 7] = ["js", "ts", "mjs", "cjs", "mts", "cts", "json"];
const JEST: [&str; 2] = ["**/__tests__/**/*.[jt]s?(x)", "**/?(*.)+(spec|test).[jt]s?(x)"];
const VITEST: [&str; 1] = ["**/*.{test,spec}.?(c|m)[jt]s?(x)"];
const PLAYWRIGHT: [&str; 1] = ["**/*.@(spec|test).?(c|m)[jt]s?(x)"];
/// Where end-to-end tests usually are.
const BROWSER: [&str; 6] = ["e2e", "tests/e2e", "test/e2e", "playwright", "tests/playwright", "e2e-tests"];
/// Runners of other projects, for which nothing is written.
const OTHERS: [&str; 7] = ["mocha", "ava", "cypress", "karma", "jasmine", "tap", "@wdio/cli"];

/// What a folder says of one runner.
struct Home<'f> {
    facts: &'f Facts,
    folder: &'f str,
    package: Value,
    runner: Runner,
    evidence: Vec<(String, String)>,
    /// The configuration, where it is text.
    file: Option<String>,
    /// How much the folder says: 2 by a configuration, 1 by a script, 0 by a dependency alone.
    strength: u8,
}

pub(super) fn look(facts: &Facts, findings: &mut Findings) {
    let packages = facts.folders_with(|name| name == "package.json");
    let mut all: Vec<Found> = Vec::new();
    let mut vague = Vec::new();
    for runner in [Runner::Playwright, Runner::Jest, Runner::Vitest] {
        let homes: Vec<Home<'_>> =
            packages.iter().filter_map(|folder| Home::of(facts, folder, runner)).collect();
        let mut taken: Vec<&str> = Vec::new();
        for home in &homes {
            // What only mentions a runner is not where it runs, if folders below configure it.
            let below = homes.iter().any(|other| {
                inside(home.folder, other.folder)
                    && other.folder != home.folder
                    && other.strength > home.strength
            });
            if below || taken.iter().any(|above| inside(above, home.folder)) {
                continue;
            }
            if let Some(found) = home.found() {
                taken.push(home.folder);
                if runner == Runner::Playwright && home.test_folders(&mut Vec::new()).is_empty() {
                    vague.push(home.folder.to_owned());
                }
                all.push(found);
            }
        }
    }
    part(facts, &mut all, &vague);
    findings.found.extend(all);
    for folder in &packages {
        let package = facts.json(folder, "package.json").unwrap_or_default();
        let there = OTHERS.into_iter().filter(|name| depends(&package, name));
        findings.others.extend(there.map(|name| (name.to_owned(), join(folder, "package.json"))));
    }
    findings.others.sort();
    findings.others.dedup_by(|a, b| a.0 == b.0);
}

/// Gives every file to one runner: Playwright has what is in the folders that it names; else the runner of the inner folder comes before
/// that of the outer one. Of two in the same folder the likelier one is taken, which is not a Playwright that names no folder (`vague`).
fn part(facts: &Facts, all: &mut Vec<Found>, vague: &[String]) {
    let playwright = |found: &Found| found.runner == Runner::Playwright;
    let sure = |found: &Found| playwright(found) && !vague.contains(&found.folder);
    for at in 0..all.len() {
        let this = &all[at];
        let stronger = |other: &&Found| {
            let inner = inside(&this.folder, &other.folder) && other.folder != this.folder;
            other.runner != this.runner && !sure(this) && (sure(other) || inner)
        };
        let theirs: BTreeSet<String> =
            all.iter().filter(stronger).flat_map(|other| listed(&other.suites).to_vec()).collect();
        files::take_away(&mut all[at].suites, |file| theirs.contains(file));
    }
    all.retain(|found| !listed(&found.suites).is_empty());
    for at in 0..all.len() {
        let shares = |other: &&Found| {
            listed(&other.suites).iter().any(|file| listed(&all[at].suites).binary_search(file).is_ok())
        };
        let rival = |other: &&Found| other.runner != all[at].runner && !playwright(other) && shares(other);
        let Some(other) = all.iter().find(rival) else { continue };
        let called = |found: &Found| is_called(facts, &found.folder, found.runner.name());
        let gives_way = match all[at].runner {
            Runner::Playwright => true,
            // The one that a script calls; of two the newer, since projects move from Jest to Vitest.
            Runner::Jest => called(other) || !called(&all[at]),
            _ => called(other) && !called(&all[at]),
        };
        all[at].instead = gives_way.then_some(other.runner);
    }
}

fn listed(suites: &Suites) -> &[String] {
    match suites {
        Suites::Files { files, .. } => files,
        Suites::Listed { .. } => &[],
    }
}

fn depends(package: &Value, name: &str) -> bool {
    let kinds = ["dependencies", "devDependencies", "peerDependencies"];
    kinds.iter().any(|kind| package.get(kind).and_then(|all| all.get(name)).is_some())
}

/// The scripts of a package that have this word.
fn script<'p>(package: &'p Value, word: &str) -> Option<(&'p str, &'p str)> {
    let scripts = package.get("scripts")?.as_object()?;
    let calls = |text: &str| {
        text.split(|c: char| c.is_whitespace() || "&|;()'\"".contains(c))
            .any(|one| one.rsplit('/').next() == Some(word))
    };
    let all = scripts.iter().filter_map(|(name, text)| Some((name.as_str(), text.as_str()?)));
    // `playwright install` runs no test.
    let tests = |text: &str| word != "playwright" || text.contains("playwright test");
    let mut all: Vec<(&str, &str)> = all.filter(|(_, text)| calls(text) && tests(text)).collect();
    all.sort_by_key(|(name, _)| (*name != "test", name.len(), *name));
    all.into_iter().next()
}

fn is_called(facts: &Facts, folder: &str, word: &str) -> bool {
    facts.json(folder, "package.json").is_some_and(|package| script(&package, word).is_some())
}

impl<'f> Home<'f> {
    /// `None` where the folder says nothing of this runner.
    fn of(facts: &'f Facts, folder: &'f str, runner: Runner) -> Option<Home<'f>> {
        let package = facts.json(folder, "package.json").unwrap_or_default();
        let (word, name) = match runner {
            Runner::Playwright => ("playwright", "@playwright/test"),
            Runner::Jest => ("jest", "jest"),
            _ => ("vitest", "vitest"),
        };
        let mut evidence = Vec::new();
        let configs = match runner {
            Runner::Vitest => vec!["vitest.config", "vitest.workspace", "vite.config"],
            Runner::Jest => vec!["jest.config"],
            _ => vec!["playwright.config"],
        };
        let names =
            configs.iter().flat_map(|config| ENDINGS.iter().map(move |ending| format!("{config}.{ending}")));
        let configured = |name: &String| {
            facts.has(folder, name)
                && (!name.starts_with("vite.")
                    || facts.text_in(folder, name).is_some_and(|text| text.contains("test:")))
        };
        let file = names.into_iter().find(configured);
        let script = script(&package, word).or_else(|| match runner {
            Runner::Jest => ["react-scripts", "kcd-scripts"]
                .iter()
                .find_map(|word| script(&package, word))
                .filter(|(_, text)| text.contains("test")),
            _ => None,
        });
        if let Some((key, text)) = script {
            let shown = crate::text::shorten(text, 60);
            evidence.push((join(folder, "package.json"), format!("script {key}: {shown}")));
        }
        if let Some(file) = &file {
            evidence.push((join(folder, file), format!("configures {}", runner.title())));
        } else if runner == Runner::Jest && package.get("jest").is_some() {
            evidence.push((join(folder, "package.json"), "configures Jest".to_owned()));
        }
        let configured = file.is_some() || (runner == Runner::Jest && package.get("jest").is_some());
        let strength = if configured { 2 } else { u8::from(script.is_some()) };
        if evidence.is_empty() && depends(&package, name) {
            evidence.push((join(folder, "package.json"), format!("depends on {name}")));
        }
        // Vite's configuration may have a `test` of another tool.
        let only_vite = file.as_deref().is_some_and(|file| file.starts_with("vite."))
            && script.is_none()
            && !depends(&package, name);
        if evidence.is_empty() || only_vite {
            return None;
        }
        Some(Home { facts, folder, package, runner, evidence, file, strength })
    }

    fn found(&self) -> Option<Found> {
        let mut notes = Vec::new();
        let (patterns, exclude) = self.patterns(&mut notes);
        let suites = files::suites(self.facts, self.folder, &patterns, &exclude, &[]).or_else(|| {
            let default = default_of(self.runner);
            let suites = files::suites(self.facts, self.folder, &default, &exclude, &[])?;
            notes.push("what it configures matches no file: these are the usual names".to_owned());
            Some(suites)
        })?;
        let list = match self.runner {
            Runner::Playwright => None,
            Runner::Jest => Some("jest --listTests"),
            _ => Some("vitest list --filesOnly --json"),
        };
        let mut hints = Vec::new();
        let (manager, setup) = self.tools();
        if let Some(list) = list {
            let here = if self.folder.is_empty() { "" } else { " (in its folder)" };
            hints.push(format!(
                "what {} itself finds{here}: {} {list}",
                self.runner.title(),
                manager.join(" ")
            ));
        }
        let mut words = manager.to_vec();
        let up = files::upwards(self.folder);
        let scripts = depends(&self.package, "react-scripts") && self.file.is_none();
        match self.runner {
            Runner::Jest if scripts => words.extend([
                "react-scripts",
                "test",
                "--watchAll=false",
                "-w",
                "{workers}",
                "--runTestsByPath",
            ]),
            Runner::Jest => words.extend(["jest", "-w", "{workers}", "--runTestsByPath"]),
            Runner::Vitest => words.extend(["vitest", "run", "--maxWorkers", "{workers}"]),
            _ => words.extend(["playwright", "test", "--workers", "{workers}", "--reporter", "line,json"]),
        }
        let mut run = files::started_in(self.folder, &words);
        if self.runner == Runner::Playwright {
            // Nothing measures its files in a session, so that its own report says how long each took.
            let report = format!(
                "PLAYWRIGHT_JSON_OUTPUT_NAME={up}shard-out/outcomes/{{shard}}.{{session}}.playwright.json"
            );
            match self.folder.is_empty() {
                true => run.splice(0..0, ["env".to_owned(), report]).for_each(drop),
                false => run.insert(3, report),
            }
            hints.push(
                "memory is measured a session at a time; times of files come from Playwright's own report"
                    .to_owned(),
            );
        }
        run.push(format!("{up}{{suites}}"));
        Some(Found {
            runner: self.runner,
            folder: self.folder.to_owned(),
            evidence: self.evidence.clone(),
            suites,
            run,
            // Vitest orders files too, but gives every one a process of its own.
            shuffles: self.runner != Runner::Vitest,
            notes,
            hints,
            setup,
            instead: None,
        })
    }

    /// Patterns and what they leave out, relative to the folder.
    fn patterns(&self, notes: &mut Vec<String>) -> (Vec<String>, Vec<String>) {
        match self.runner {
            Runner::Jest => self.of_jest(notes),
            Runner::Vitest => self.of_vitest(notes),
            _ => self.of_playwright(notes),
        }
    }

    fn of_jest(&self, notes: &mut Vec<String>) -> (Vec<String>, Vec<String>) {
        let json = match self.file.as_deref() {
            Some(file) if file.ends_with(".json") => self.facts.json(self.folder, file),
            Some(_) => None,
            None => self.package.get("jest").cloned(),
        };
        let file = self.file.clone().unwrap_or_else(|| "package.json".to_owned());
        let values = |key: &str| -> Vec<Option<Vec<String>>> {
            if let Some(json) = &json {
                let text = |one: &Value| one.as_str().map(str::to_owned);
                return match json.get(key) {
                    None => Vec::new(),
                    Some(Value::String(one)) => vec![Some(vec![one.clone()])],
                    Some(Value::Array(all)) => vec![all.iter().map(text).collect()],
                    Some(_) => vec![None],
                };
            }
            let text = self.file.as_deref().and_then(|file| self.facts.text_in(self.folder, file));
            text.map(|text| files::literals(text, key)).unwrap_or_default()
        };
        let unread =
            |key: &str| format!("`{key}` of {file} was not read: hold the files against Jest's own list");
        let mut patterns = Vec::new();
        for one in values("testMatch") {
            let one = one.and_then(|all| all.iter().map(|one| translated(one)).collect::<Option<Vec<_>>>());
            match one {
                Some(found) => patterns.extend(found.into_iter().flatten()),
                None => notes.push(unread("testMatch")),
            }
        }
        if !values("testRegex").is_empty() {
            notes.push(unread("testRegex"));
        }
        if !values("projects").is_empty() {
            notes.push(unread("projects"));
        }
        let text = self.config_text();
        let elsewhere = text.contains("require(") || text.contains("import ") || text.contains("preset");
        if patterns.is_empty() && elsewhere {
            notes.push(format!(
                "{file} takes more from elsewhere, which was not read: hold the files against Jest's own list"
            ));
        }
        if patterns.is_empty() {
            patterns = default_of(Runner::Jest);
            // `test.js` is often no test, and there may be other patterns there.
            patterns.retain(|pattern| !elsewhere || pattern.contains("*.") || pattern.contains("__tests__"));
        }
        let roots: Vec<String> = match values("roots").as_slice() {
            [Some(roots)] => roots.iter().filter_map(|root| files::relative(root)).collect(),
            _ => Vec::new(),
        };
        if !roots.is_empty() && !roots.iter().any(String::is_empty) {
            let under = |root: &String| {
                let rooted = |pattern: &String| {
                    pattern.starts_with("**/").then(|| join(&glob::Pattern::escape(root), pattern))
                };
                patterns.iter().filter_map(rooted).collect::<Vec<_>>()
            };
            patterns = roots.iter().flat_map(under).collect();
        }
        let mut exclude = Vec::new();
        for one in values("testPathIgnorePatterns") {
            match one.and_then(|all| all.iter().map(|one| plain_expression(one)).collect::<Option<Vec<_>>>())
            {
                Some(found) => exclude.extend(found.into_iter().flatten()),
                None => notes.push(unread("testPathIgnorePatterns")),
            }
        }
        (patterns, exclude)
    }

    fn of_vitest(&self, notes: &mut Vec<String>) -> (Vec<String>, Vec<String>) {
        let Some((file, text)) =
            self.file.as_deref().and_then(|file| Some((file, self.facts.text_in(self.folder, file)?)))
        else {
            return (default_of(Runner::Vitest), Vec::new());
        };
        // Coverage and dependencies have an `include` too.
        let of_tests = |all: &[String]| all.iter().all(|one| one.contains("test") || one.contains("spec"));
        let several =
            text.contains("projects") || text.contains("workspace") || file.starts_with("vitest.workspace");
        let mut patterns = Vec::new();
        let mut read = |folder: &str, text: &str| {
            for one in files::literals(text, "include").into_iter().flatten().filter(|all| of_tests(all)) {
                match one.iter().map(|one| translated(one)).collect::<Option<Vec<_>>>() {
                    Some(found) => patterns.extend(found.iter().flatten().map(|one| join(folder, one))),
                    None => notes.push(format!(
                        "an `include` of {file} was not read: hold the files against Vitest's own list"
                    )),
                }
            }
        };
        read("", text);
        if several {
            // Its projects may be folders with configurations of their own.
            for folder in self.facts.folders_with(|name| name.starts_with("vitest.config.")) {
                let below = inside(self.folder, folder) && folder != self.folder;
                let Some(below) = folder.strip_prefix(self.folder).filter(|_| below) else { continue };
                let below = glob::Pattern::escape(below.trim_start_matches('/'));
                let texts =
                    self.facts.texts_in(folder).filter(|(name, _)| name.starts_with("vitest.config."));
                texts.for_each(|(_, text)| read(&below, text));
            }
        }
        if several {
            notes.push(format!("{file} has projects, which were not read one by one: hold the files against Vitest's own list"));
        }
        if patterns.is_empty() || several {
            patterns.extend(default_of(Runner::Vitest));
        }
        let exclude = match files::literals(text, "exclude").as_slice() {
            [Some(all)] if !several => {
                all.iter().filter(|one| !one.starts_with('!')).flat_map(|one| files::expanded(one)).collect()
            }
            _ => Vec::new(),
        };
        (patterns, exclude)
    }

    fn of_playwright(&self, notes: &mut Vec<String>) -> (Vec<String>, Vec<String>) {
        let mut folders = self.test_folders(notes);
        let text = self.config_text();
        let matches: Vec<String> = (files::literals(text, "testMatch").into_iter().flatten().flatten())
            .filter_map(|one| translated(&one))
            .flatten()
            .collect();
        let matches = if matches.is_empty() { default_of(Runner::Playwright) } else { matches };
        if folders.is_empty() {
            folders.push(String::new());
        }
        let under = |folder: &String| {
            let folder = glob::Pattern::escape(folder);
            let below = |pattern: &String| match pattern.starts_with("**/") {
                true => join(&folder, pattern),
                false => join(&folder, &format!("**/{pattern}")),
            };
            matches.iter().map(below).collect::<Vec<_>>()
        };
        (folders.iter().flat_map(under).collect(), Vec::new())
    }

    /// The folders that Playwright looks into, relative to ours; none where nothing says.
    fn test_folders(&self, notes: &mut Vec<String>) -> Vec<String> {
        let mut folders: Vec<String> = Vec::new();
        for one in files::literals(self.config_text(), "testDir") {
            match one.and_then(|all| all.first().and_then(|one| files::relative(one))) {
                Some(folder) => folders.push(folder),
                None => notes.push("a `testDir` that is no plain string was not read".to_owned()),
            }
        }
        if folders.is_empty() {
            let there = |folder: &&str| self.facts.below(&join(self.folder, folder)).next().is_some();
            folders.extend(BROWSER.into_iter().filter(there).map(str::to_owned));
            if !folders.is_empty() {
                notes.push(format!("no `testDir` was read: taken for it: {}", folders.join(", ")));
            }
        }
        folders.sort_unstable();
        folders.dedup();
        folders
    }

    /// The text of the configuration; empty where there is none.
    fn config_text(&self) -> &str {
        self.file.as_deref().and_then(|file| self.facts.text_in(self.folder, file)).unwrap_or_default()
    }

    /// What starts a program of the project's packages, and what installs them on a fresh machine.
    fn tools(&self) -> (&'static [&'static str], Vec<Step>) {
        let has = |name: &str| self.facts.has(self.folder, name) || self.facts.has("", name);
        let version = match self.facts.first("", &[".nvmrc", ".node-version"]) {
            Some(".nvmrc") => ("node-version-file", ".nvmrc"),
            Some(_) => ("node-version-file", ".node-version"),
            None => ("node-version", "lts/*"),
        };
        let mut setup = vec![Step::Action("node", vec![version])];
        let (words, install): (&[&str], &[&'static str]) = if has("pnpm-lock.yaml") {
            (&["npx"], &["corepack enable", "pnpm install --frozen-lockfile"])
        } else if has("yarn.lock") {
            // Only newer versions of it may have no node_modules, where npx finds nothing.
            match has(".yarnrc.yml") {
                true => (&["yarn"], &["corepack enable", "yarn install --immutable"]),
                false => (&["npx"], &["yarn install --frozen-lockfile"]),
            }
        } else if has("bun.lock") || has("bun.lockb") {
            (&["bunx"], &["npm install --global bun", "bun install --frozen-lockfile"])
        } else if has("package-lock.json") || has("npm-shrinkwrap.json") {
            (&["npx"], &["npm ci"])
        } else {
            (&["npx"], &["npm install"])
        };
        setup.extend(install.iter().map(|command| Step::Command(command)));
        if self.runner == Runner::Playwright {
            setup.push(Step::Command("npx playwright install --with-deps"));
        }
        (words, setup)
    }
}

fn default_of(runner: Runner) -> Vec<String> {
    let patterns: &[&str] = match runner {
        Runner::Jest => &JEST,
        Runner::Vitest => &VITEST,
        _ => &PLAYWRIGHT,
    };
    patterns.iter().flat_map(|pattern| files::expanded(pattern)).collect()
}

/// A pattern of a configuration as ours, relative to its folder; `None` where that is not possible.
fn translated(pattern: &str) -> Option<Vec<String>> {
    let pattern = files::relative(pattern)?;
    Some(files::expanded(&pattern)).filter(|all| !all.is_empty())
}

/// A regular expression that is a part of a path, as patterns; `None` where it is more.
fn plain_expression(text: &str) -> Option<Vec<String>> {
    let rooted = text.starts_with("<rootDir>");
    let text = text.strip_prefix("<rootDir>").unwrap_or(text).replace("\\\\", "\\").replace("\\.", "\u{1}");
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '-' | '_' | '@' | '\u{1}' | ' ');
    if text.is_empty() || !text.chars().all(plain) {
        return None;
    }
    let text = text.replace('\u{1}', ".");
    let inner = text.trim_matches('/');
    let ends = [inner.to_owned(), format!("{inner}/**")];
    Some(match rooted {
        true => ends.to_vec(),
        false => ends.iter().map(|end| format!("**/{end}")).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_expressions_are_parts_of_paths() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(plain_expression(text).map(|all| all.join(" ")).as_deref(), expect, "{text}");
        };
        check("/node_modules/", Some("**/node_modules **/node_modules/**"));
        check("<rootDir>/e2e/", Some("e2e e2e/**"));
        check("\\.d\\.ts", Some("**/.d.ts **/.d.ts/**"));
        check("/e2e/.*/__tests__", None);
        check("", None);
    }

    #[test]
    fn scripts_are_read_by_words() {
        let package = serde_json::json!({"scripts": {"lint": "eslint jest", "test": "cross-env X=1 ./node_modules/.bin/jest", "x": "jestify"}});
        assert_eq!(script(&package, "jest"), Some(("test", "cross-env X=1 ./node_modules/.bin/jest")));
        assert_eq!(script(&package, "vitest"), None);
    }
}
