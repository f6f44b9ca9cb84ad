//! What a tier's `run` command gives away about how it runs.

/// Whether a pytest command starts xdist workers without a `--dist` that keeps files together.
pub(super) fn spreads(run: &[String]) -> bool {
    let pytest = run
        .iter()
        .any(|word| word.rsplit('/').next().is_some_and(|name| matches!(name, "pytest" | "py.test")));
    let value = |names: &[&str]| {
        run.iter().enumerate().find_map(|(at, word)| {
            let long = names.iter().find_map(|name| word.strip_prefix(name));
            match long? {
                "" => run.get(at + 1).map(String::as_str),
                rest => Some(rest.strip_prefix('=').unwrap_or(rest)),
            }
        })
    };
    let workers = value(&["--numprocesses", "-n"]).filter(|workers| *workers != "0");
    let keeps =
        value(&["--dist"]).is_some_and(|dist| matches!(dist, "loadfile" | "loadscope" | "loadgroup" | "no"));
    pytest && workers.is_some() && !keeps
}

/// Whether a command says how many workers there are, so that a plan can change that.
#[must_use]
pub fn names_workers(run: &[String]) -> bool {
    run.iter().any(|word| word.contains("{workers}"))
}

/// Programs that hand everything on to a daemon.
const CLIENTS: [&str; 12] = [
    "docker",
    "docker-compose",
    "podman-remote",
    "nerdctl",
    "buildctl",
    "kind",
    "minikube",
    "k3d",
    "bazel",
    "bazelisk",
    "buck",
    "buck2",
];

/// Whether a command is the client of a container engine or a build tool, whose daemon does the work. `podman` is one where it
/// is told of a service, on its command line or by `CONTAINER_HOST` (`named`).
pub(super) fn is_client(run: &[String], named: bool) -> bool {
    let wraps =
        |word: &str| matches!(word, "sudo" | "env" | "exec") || word.starts_with('-') || word.contains('=');
    let mut words = run.iter().map(String::as_str).skip_while(|word| wraps(word));
    let program = words.next().and_then(|word| word.rsplit('/').next()).unwrap_or_default();
    let remote = |word: &str| {
        let option = word.split('=').next().unwrap_or_default();
        matches!(option, "--remote" | "-r" | "--url" | "--connection" | "-c") && word != "--remote=false"
    };
    // What stands behind the subcommand is the subcommand's.
    let mut options = words.take_while(|word| word.starts_with('-'));
    CLIENTS.contains(&program) || program == "podman" && (named || options.any(remote))
}

/// Flags after which a test runner writes its report to the file that follows: pytest, jest, vitest,
/// rspec, phpunit, gotestsum, go test, ctest, dotnet test, playwright.
const OUTPUTS: [&str; 21] = [
    "--junitxml",
    "--junit-xml",
    "--report-log",
    "--html",
    "--json-report-file",
    "--resultlog",
    "--log-file",
    "--outputFile",
    "--out",
    "--output",
    "-o",
    "--log-junit",
    "--junitfile",
    "--jsonfile",
    "-coverprofile",
    "--coverprofile",
    "--output-junit",
    "--results-directory",
    "--report-path",
    "--reporter-output",
    "--durations-path",
];

/// The flag and file of a report that every session of a shard would write anew, so that only the last
/// one is left.
pub(super) fn shared_output(run: &[String]) -> Option<String> {
    run.iter().enumerate().find_map(|(at, word)| {
        let (flag, file) = match word.split_once('=') {
            Some((flag, file)) => (flag, Some(file)),
            None => (word.as_str(), run.get(at + 1).map(String::as_str)),
        };
        // `-o key=value` sets an option of pytest and writes nothing.
        let option = |file: &str| flag == "-o" && file.contains('=');
        let is_file = |file: &&str| !(file.is_empty() || file.starts_with('-') || option(file));
        let file = file.filter(is_file)?;
        let shared = OUTPUTS.contains(&flag) && !file.contains("{session}");
        shared.then(|| format!("{flag} {file}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_of_a_daemon_are_known() {
        let check = |run: &str, named: bool, expect: bool| {
            let words: Vec<String> = run.split(' ').map(str::to_owned).collect();
            assert_eq!(is_client(&words, named), expect, "{run}");
        };
        check("docker build {suite}", false, true);
        check("sudo -E /usr/bin/docker run x go test {suite}", false, true);
        check("env DOCKER_BUILDKIT=1 docker build .", false, true);
        check("podman --remote build {suite}", false, true);
        check("podman --url=unix:///run/p.sock build {suite}", false, true);
        check("podman build -c 4 {suite}", false, false);
        check("podman --remote=false build {suite}", false, false);
        check("podman build {suite}", true, true);
        check("bazelisk test {suites}", false, true);
        check("npx @bazel/bazelisk test {suites}", false, false);
        check("buildah build {suite}", true, false);
        check("pytest tests/docker", true, false);
        check("", false, false);
    }

    #[test]
    fn xdist_spreads_unless_it_keeps_files() {
        let check = |run: &str, expect: bool| {
            let words: Vec<String> = run.split(' ').map(str::to_owned).collect();
            assert_eq!(spreads(&words), expect, "{run}");
        };
        check("pytest -n {workers} @{selection}", true);
        check("python -m pytest --numprocesses=4 x", true);
        check("pytest -n4 --dist load x", true);
        check("pytest -n {workers} --dist loadfile @{selection}", false);
        check("pytest -n auto --dist=loadscope x", false);
        check("pytest -n 0 x", false);
        check("pytest @{selection}", false);
        check("go test -n 4", false);
    }

    #[test]
    fn reports_that_sessions_overwrite_are_found() {
        let check = |run: &str, expect: Option<&str>| {
            let words: Vec<String> = run.split(' ').map(str::to_owned).collect();
            assert_eq!(shared_output(&words).as_deref(), expect, "{run}");
        };
        check("pytest --junitxml=report.xml @{selection}", Some("--junitxml report.xml"));
        check("pytest --junitxml reports/{shard}.xml x", Some("--junitxml reports/{shard}.xml"));
        check("pytest --junitxml reports/{shard}.{session}.xml x", None);
        check("pytest -o junit_family=xunit1 @{selection}", None);
        check("rspec -o out.json x", Some("-o out.json"));
        check("pytest --junitxml", None);
        check("pytest @{selection}", None);
    }
}
