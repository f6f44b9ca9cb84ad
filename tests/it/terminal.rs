//! What a terminal shows of a plan: widths, colours, and what changed since the plan before.

use crate::common::{Done, Project};

const CONFIG: &str =
    "budget = \"3GB\"\n[tier.unit]\nmatch = [\"unit/**\"]\nworkers = 2\n[tier.e2e]\nmatch = [\"e2e/**\"]\n";

/// Suites with times that differ, so that plans do.
fn project() -> Project {
    let mut costs = "id,ms,retained_bytes,transient_bytes\n".to_owned();
    for number in 0..30 {
        let tier = if number % 2 == 0 { "unit" } else { "e2e" };
        costs += &format!(
            "{tier}/test_{number:02}.py,{},{},{}\n",
            5_000 + number * 700,
            20_000_000 + number * 1_000_000,
            90_000_000
        );
    }
    Project::with(&[("shard.toml", CONFIG), ("costs.csv", &costs)])
}

fn shown(project: &Project, flags: &str, env: &[(&str, &str)]) -> Done {
    project.run(format!("plan --costs costs.csv {flags}").split_whitespace(), b"", env).ok()
}

#[test]
fn the_table_uses_the_columns_that_are_there() {
    let project = project();
    let widths = [80, 120, 200].map(|columns: usize| {
        let done = shown(&project, "--shards 4 --dry-run", &[("COLUMNS", &columns.to_string())]);
        let text = done.stdout();
        let most = text.lines().map(shard::text::width).max().unwrap();
        assert!(most <= columns, "{columns}:\n{text}");
        (most, text)
    });
    assert!(!widths[0].1.contains("longest suite") && widths[1].1.contains("longest suite"));
    assert!(widths[2].1.contains("largest suite") && widths[2].0 > 160, "{}", widths[2].1);
    let odd = shown(&project, "--shards 4 --dry-run", &[("COLUMNS", "wide")]).stdout();
    assert_eq!(odd, widths[0].1);
}

#[test]
fn colours_come_when_they_are_asked_for() {
    let project = project();
    let coloured = |env: &[(&str, &str)]| shown(&project, "--dry-run", env).stdout().contains('\u{1b}');
    assert!(!coloured(&[]) && !coloured(&[("CLICOLOR_FORCE", "0")]));
    assert!(coloured(&[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    for env in [("LANG", "C"), ("TERM", "dumb")] {
        assert!(shown(&project, "--dry-run", &[env]).stdout().is_ascii(), "{env:?}");
    }
}

#[test]
fn a_plan_tells_what_changed_since_the_one_before() {
    let project = project();
    let first = shown(&project, "--shards 4", &[]).stdout();
    assert!(!first.contains("changed:"), "{first}");
    assert_eq!(shown(&project, "--shards 4", &[]).stdout(), first, "nothing changed, so nothing is said");
    let more = shown(&project, "--shards 6", &[]).stdout();
    let line = more.lines().nth(1).unwrap();
    assert!(line.starts_with("changed: two jobs more, because 6 jobs were asked for, not 4"), "{more}");
    assert!(more.contains("moved"), "{more}");
    // Before anything is written, it is a preview.
    let before = project.read("shard-out/plan.json");
    let dry = shown(&project, "--shards 5 --dry-run", &[]).stdout();
    assert!(dry.contains("changed: one job fewer"), "{dry}");
    assert_eq!(project.read("shard-out/plan.json"), before);
    let costs = project.read("costs.csv") + "e2e/test_new.py,9000,30000000,90000000\n";
    project.file("costs.csv", costs.as_bytes());
    let new = shown(&project, "--shards 6 --previous shard-out/plan.json", &[]).stdout();
    assert!(new.contains("changed: as many jobs as before") && new.contains("1 new"), "{new}");
    assert!(!new.contains("gone"), "{new}");
    let markdown = shown(&project, "--shards 5 --format markdown --dry-run", &[]).stdout();
    assert!(markdown.contains("one job fewer, because 5 jobs were asked for"), "{markdown}");
}

#[test]
fn a_damaged_plan_is_no_error_before_it_is_replaced() {
    let project = project();
    for bytes in [&b"{"[..], b"{\"schema\":99}", b"", b"\xff\xfe"] {
        project.file("shard-out/plan.json", bytes);
        let done = shown(&project, "--shards 4 --dry-run", &[]);
        assert!(!done.stdout().contains("changed:"), "{}", done.stdout());
    }
    // One that breaks its own rules tells nothing either.
    project.file("shard-out/plan.json", b"");
    std::fs::remove_file(project.path().join("shard-out/plan.json")).unwrap();
    shown(&project, "--shards 4", &[]);
    let wrong = project.read("shard-out/plan.json").replacen("\"predicted_ms\": ", "\"predicted_ms\": 9", 1);
    project.file("shard-out/plan.json", wrong.as_bytes());
    let done = shown(&project, "--shards 6", &[]);
    assert!(!done.stdout().contains("changed:"), "{}", done.stdout());
}
