//! pytest, by its configuration and by the names of test files.

use super::facts::{Facts, depth, inside, join};
use super::{Findings, Found, Runner, Step, files, ini};

/// What pytest takes for tests where nothing says otherwise.
const PATTERNS: [&str; 2] = ["test_*.py", "*_test.py"];

/// Files that make a folder a Python project.
const PROJECTS: [&str; 6] =
    ["pyproject.toml", "setup.py", "setup.cfg", "pytest.ini", ".pytest.ini", "tox.ini"];

/// Requirements that a workflow can install, the likeliest first.
const REQUIREMENTS: [(&str, &str); 8] = [
    ("requirements/tests.txt", "pip install -r requirements/tests.txt"),
    ("requirements/test.txt", "pip install -r requirements/test.txt"),
    ("requirements-test.txt", "pip install -r requirements-test.txt"),
    ("test-requirements.txt", "pip install -r test-requirements.txt"),
    ("requirements-dev.txt", "pip install -r requirements-dev.txt"),
    ("dev-requirements.txt", "pip install -r dev-requirements.txt"),
    ("requirements/dev.txt", "pip install -r requirements/dev.txt"),
    ("requirements.txt", "pip install -r requirements.txt"),
];

/// Extras and groups that are named after tests.
const EXTRAS: [(&str, &str, &str); 5] = [
    ("test", "pip install -e '.[test]'", "pip install -e . --group test"),
    ("tests", "pip install -e '.[tests]'", "pip install -e . --group tests"),
    ("testing", "pip install -e '.[testing]'", "pip install -e . --group testing"),
    ("dev", "pip install -e '.[dev]'", "pip install -e . --group dev"),
    ("develop", "pip install -e '.[develop]'", "pip install -e . --group develop"),
];

/// What a folder says to pytest.
#[derive(Default)]
struct Options {
    /// The file that says it; empty where none does.
    file: String,
    testpaths: Vec<String>,
    patterns: Vec<String>,
    addopts: Vec<String>,
}

pub(super) fn look(facts: &Facts, findings: &mut Findings) {
    let projects = facts.folders_with(|name| PROJECTS.contains(&name));
    let mut homes: Vec<(String, Options)> = Vec::new();
    for folder in projects {
        let options = options(facts, folder);
        // A project above runs what is below it, unless that configures pytest by itself.
        let above = homes.iter().any(|(home, _)| inside(home, folder));
        if !above || !options.file.is_empty() {
            homes.push((folder.to_owned(), options));
        }
    }
    let covered = |file: &str| homes.iter().any(|(home, _)| inside(home, file));
    let tests = |file: &&str| PATTERNS.iter().any(|pattern| is_named(file, pattern));
    if facts.below("").filter(tests).any(|file| !covered(file))
        && !homes.iter().any(|(home, _)| home.is_empty())
    {
        homes.insert(0, (String::new(), Options::default()));
    }
    let folders: Vec<String> = homes.iter().map(|(home, _)| home.clone()).collect();
    for (folder, options) in homes {
        let others = folders.iter().filter(|other| **other != folder && inside(&folder, other)).cloned();
        if let Some(found) = home(facts, &folder, &options, &others.collect::<Vec<_>>()) {
            findings.found.push(found);
        }
    }
}

fn is_named(file: &str, pattern: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    glob::Pattern::new(pattern).is_ok_and(|pattern| pattern.matches(name))
}

fn home(facts: &Facts, folder: &str, options: &Options, others: &[String]) -> Option<Found> {
    let mut evidence = Vec::new();
    let mut notes = Vec::new();
    let mut hints = Vec::new();
    if !options.file.is_empty() {
        let said = match options.testpaths.is_empty() {
            true => "configures pytest".to_owned(),
            false => format!("testpaths = {}", options.testpaths.join(" ")),
        };
        evidence.push((join(folder, &options.file), said));
    }
    let names = if options.patterns.is_empty() {
        PATTERNS.map(str::to_owned).to_vec()
    } else {
        options.patterns.clone()
    };
    let ignored: Vec<String> = (options.addopts.iter())
        .filter_map(|word| word.strip_prefix("--ignore=").or_else(|| word.strip_prefix("--ignore-glob=")))
        .flat_map(|path| [path.to_owned(), format!("{}/**", path.trim_end_matches('/'))])
        .collect();
    let within = |paths: &[String]| {
        let under = |path: &str| {
            let path = path.trim_end_matches('/');
            match path {
                "" | "." => names.iter().map(|name| format!("**/{name}")).collect(),
                path if path.ends_with(".py") => vec![path.to_owned()],
                path => names.iter().map(|name| format!("{path}/**/{name}")).collect::<Vec<_>>(),
            }
        };
        let patterns: Vec<String> = paths.iter().flat_map(|path| under(path)).collect();
        files::suites(facts, folder, &patterns, &ignored, others)
    };
    let suites = match within(&options.testpaths).filter(|_| !options.testpaths.is_empty()) {
        Some(suites) => suites,
        None => {
            let suites = within(&[".".to_owned()])?;
            if !options.testpaths.is_empty() {
                notes.push("no test file lies in its testpaths: all folders were searched".to_owned());
            }
            suites
        }
    };
    let texts: Vec<(&str, &str)> = facts
        .texts_in(folder)
        .filter(|(name, _)| PROJECTS.contains(name) || name.contains("requirements"))
        .collect();
    let named = |what: &str| texts.iter().find(|(_, text)| text.contains(what)).map(|(name, _)| *name);
    if options.file.is_empty() {
        match named("pytest") {
            Some(file) => evidence.push((join(folder, file), "names pytest".to_owned())),
            None => notes.push("nothing names pytest, which runs unittest's tests too".to_owned()),
        }
    }
    let parallel =
        options.addopts.iter().any(|word| word.starts_with("-n") || word.starts_with("--numprocesses"));
    if options.addopts.iter().any(|word| word.starts_with("--doctest")) {
        notes.push("doctests of other modules are in none of these files: keep a job for them".to_owned());
    }
    if !parallel && named("pytest-xdist").is_some() {
        hints.push(
            "with pytest-xdist: workers = 2, and in `run`: \"-n\", \"{workers}\", \"--dist\", \"loadfile\""
                .to_owned(),
        );
    }
    if folder.is_empty() {
        hints.push("what pytest itself finds: pytest --collect-only -q | shard plan - --dry-run".to_owned());
    }
    let (before, setup) = tools(facts, folder);
    let mut words = before.to_vec();
    words.push("pytest");
    if parallel {
        words.extend(["-n", "{workers}", "--dist", "loadfile"]);
    }
    let mut run = files::started_in(folder, &words);
    run.push(format!("{}{{suites}}", files::upwards(folder)));
    Some(Found {
        runner: Runner::Pytest,
        folder: folder.to_owned(),
        evidence,
        suites,
        run,
        shuffles: named("pytest-randomly").is_some() || named("pytest-random-order").is_some(),
        notes,
        hints,
        setup,
        instead: None,
    })
}

/// What pytest is told in a folder, by the first file that does, in pytest's own order.
fn options(facts: &Facts, folder: &str) -> Options {
    for file in ["pytest.ini", ".pytest.ini"] {
        if let Some(text) = facts.text_in(folder, file) {
            return of_ini(file, text, "pytest");
        }
    }
    if let Some(table) = facts.toml(folder, "pyproject.toml") {
        let tool = table.get("tool").and_then(|tool| tool.get("pytest"));
        if let Some(options) = tool.and_then(|pytest| pytest.get("ini_options").or(Some(pytest))) {
            let words = |key: &str| match options.get(key) {
                Some(toml::Value::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
                Some(toml::Value::Array(all)) => {
                    all.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect()
                }
                _ => Vec::new(),
            };
            return Options {
                file: "pyproject.toml".to_owned(),
                testpaths: words("testpaths"),
                patterns: words("python_files"),
                addopts: words("addopts"),
            };
        }
    }
    for (file, section) in [("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")] {
        if let Some(text) = facts.text_in(folder, file).filter(|text| ini::has_section(text, section)) {
            return of_ini(file, text, section);
        }
    }
    Options::default()
}

fn of_ini(file: &str, text: &str, section: &str) -> Options {
    let words = |key| ini::words(text, section, key).unwrap_or_default();
    Options {
        file: file.to_owned(),
        testpaths: words("testpaths"),
        patterns: words("python_files"),
        addopts: words("addopts"),
    }
}

/// What starts pytest in the project's environment, and what makes that on a fresh machine.
fn tools(facts: &Facts, folder: &str) -> (&'static [&'static str], Vec<Step>) {
    let python = match facts.has(folder, ".python-version") && depth(folder) == 0 {
        true => vec![("python-version-file", ".python-version")],
        false => vec![("python-version", "3.13")],
    };
    let mut setup = vec![Step::Action("python", python)];
    if depth(folder) > 0 {
        // Where a subfolder's tools are installed is the project's to say.
        return (&[], setup);
    }
    let command = |text| Step::Command(text);
    if facts.has(folder, "uv.lock") {
        setup.extend([command("pip install uv"), command("uv sync")]);
        return (&["uv", "run"], setup);
    }
    if facts.has(folder, "poetry.lock") {
        setup.extend([command("pip install poetry"), command("poetry install")]);
        return (&["poetry", "run"], setup);
    }
    if facts.has(folder, "pdm.lock") {
        setup.extend([command("pip install pdm"), command("pdm install")]);
        return (&["pdm", "run"], setup);
    }
    let project = facts.toml(folder, "pyproject.toml").unwrap_or_default();
    let extras = project.get("project").and_then(|project| project.get("optional-dependencies"));
    let groups = project.get("dependency-groups");
    let has = |table: Option<&toml::Value>, name: &str| table.is_some_and(|table| table.get(name).is_some());
    let packaged = project.get("project").is_some()
        || project.get("build-system").is_some()
        || facts.has(folder, "setup.py");
    if let Some((_, extra, _)) = EXTRAS.iter().find(|(name, ..)| has(extras, name)) {
        setup.push(command(extra));
    } else if let Some((.., group)) = EXTRAS.iter().find(|(name, ..)| has(groups, name)) {
        setup.push(command(group));
    } else {
        if packaged {
            setup.push(command("pip install -e ."));
        }
        let requirements = REQUIREMENTS.iter().find(|(path, _)| facts.has(folder, path));
        setup.extend(requirements.map(|(_, install)| command(install)));
    }
    setup.push(command("pip install pytest"));
    (&[], setup)
}
