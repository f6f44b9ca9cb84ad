//! `shard split`: names in, one job's share out.

use crate::common::{Done, Project, Random};

fn split(project: &Project, words: &str, names: &str) -> Done {
    project.run(["split"].into_iter().chain(words.split_whitespace()), names.as_bytes(), &[])
}

/// The shares of all jobs, sorted.
fn shares(project: &Project, total: usize, words: &str, names: &str) -> Vec<Vec<String>> {
    let share = |index| {
        let words = format!("--index {index} --total {total} {words}");
        let mut names: Vec<String> =
            split(project, &words, names).ok().stdout().lines().map(str::to_owned).collect();
        names.sort();
        names
    };
    (0..total).map(share).collect()
}

#[test]
fn every_name_is_in_one_share() {
    let project = Project::new();
    let mut random = Random(7);
    for (names, total) in [(1, 1), (10, 4), (3, 8), (100, 7)] {
        let mut all: Vec<String> = (0..names).map(|n| format!("spec/some folder/t{n}_spec.rb")).collect();
        random.shuffle(&mut all);
        let shares = shares(&project, total, "", &all.join("\n"));
        let sizes: Vec<usize> = shares.iter().map(Vec::len).collect();
        let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
        assert!(most - least <= 1, "nothing is known of them, so their number counts: {sizes:?}");
        let mut found = shares.concat();
        found.sort();
        all.sort();
        assert_eq!(found, all);
    }
}

#[test]
fn shares_are_alike_in_time_where_times_are_known() {
    let times = r#"{"a::t": 60.0, "b::t": 20.0, "c::t": 20.0, "d::t": 20.0}"#;
    let project = Project::with(&[(".test_durations", times)]);
    let words = "--timings .test_durations";
    let all = shares(&project, 2, words, "d\nc\nb\na\n");
    assert_eq!(all, [vec!["b", "c", "d"], vec!["a"]]);
    let said = split(&project, "--index 0 --total 2 --timings .test_durations", "a\nb\nc\nd\n").ok().stderr();
    assert!(said.ends_with("job 1 of 2 by --index: 3 names of 4\n") && said.contains("4 of 4"), "{said}");
    // The history does the same, wherever it is known.
    project.shard("record .test_durations --at 1760000000").ok();
    assert_eq!(shares(&project, 2, "", "a\nb\nc\nd\n"), all);
    assert_eq!(shares(&project, 2, "", "d\na\nb\nc\n"), all);
}

#[test]
fn the_environment_says_which_share() {
    let project = Project::new();
    let share = |index: &str, env: &[(&str, &str)]| {
        let env = [&[("CI_NODE_INDEX", index)], env].concat();
        project.run(["split"], b"a\nb\n", &env)
    };
    let total = ("CI_NODE_TOTAL", "2");
    let (first, second) = (share("0", &[total]).ok().stdout(), share("1", &[total]).ok().stdout());
    assert_ne!(first, second);
    assert_eq!(share("1", &[total, ("GITLAB_CI", "true")]).ok().stdout(), first);
    share("2", &[total]).fails(2, &["CI_NODE_INDEX names job 3 of 2 by CI_NODE_TOTAL"]);
    split(&project, "", "a\n")
        .fails(2, &["which job of how many is this?", "CIRCLE_NODE_INDEX", "--index, from 0, and --total"]);
    split(&project, "--index 0", "a\n").fails(2, &["not of how many", "--total"]);
    split(&project, "--index 0 --total 0", "a\n").fails(2, &["--index names job 1 of 0"]);
}

#[test]
fn nothing_and_the_same_again_are_said() {
    let project = Project::new();
    let one = "--index 0 --total 1";
    split(&project, one, "\n \n").fails(2, &["there is no name on standard input", "--allow-empty"]);
    let done = split(&project, "--index 0 --total 2 --allow-empty", "").ok();
    assert_eq!(
        (done.stdout().as_str(), done.stderr().as_str()),
        ("", "job 1 of 2 by --index: 0 names of 0\n")
    );
    let done = split(&project, one, "b\na\nb\r\n").ok();
    assert_eq!(done.stdout(), "a\nb\n");
    assert!(done.stderr().starts_with("note: 1 name twice, split as one\n"), "{}", done.stderr());
    // A job for which nothing is left; a shell that would make an empty word of an empty line.
    let idle = split(&project, "--index 4 --total 5 --format args", "a\nb\n").ok();
    assert_eq!(idle.stdout(), "");
    assert_eq!(split(&project, "--index 4 --total 5 --format json", "a\n").ok().stdout(), "[]\n");
    assert_eq!(
        split(&project, "--index 0 --total 1 --format null", "a b\0c\nd\0").ok().stdout(),
        "a b\0c\nd\0"
    );
    split(&project, one, "--collect-only\n").fails(2, &["would be taken for an option", "--format json"]);
}

#[test]
fn jobs_that_cannot_hold_the_names_are_an_error() {
    let toml = "[tier.only]\nmatch = [\"x/**\"]\nbase = \"100MB\"\nworker-base = \"0B\"\nmargin = \"0%\"\n";
    let toml = toml.replace("margin = \"0%\"\n", "") + "assume = { retained = \"100MB\" }\n";
    let project = Project::with(&[("shard.toml", &("margin = \"0%\"\n".to_owned() + &toml))]);
    let names = "a\nb\nc\nd\n";
    // Two of them take 300 MB, and all four 500 MB. The tier's own patterns say nothing of these names.
    let words = "--index 0 --total 2 --budget";
    assert_eq!(split(&project, &format!("{words} 310MB"), names).ok().stdout().lines().count(), 2);
    split(&project, &format!("{words} 290MB"), names).fails(3, &[]);
    split(&project, &format!("{words} 150MB"), names).fails(3, &["a"]);
    assert_eq!(split(&project, "--index 0 --total 1", names).ok().stdout().lines().count(), 4);
}
