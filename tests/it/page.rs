//! `shard report`: what the page holds. What a browser makes of it is checked by tests/engines.

use crate::common::Project;

const CONFIG: &str = "[tier.unit]\nmatch = [\"**\"]\nbase = \"10MB\"\nrun = [\"true\"]\n";

fn planned() -> Project {
    let project = Project::with(&[("shard.toml", CONFIG), ("tests.txt", "a.py\nb.py\nc.py\n")]);
    project.shard("plan tests.txt --shards 2 --budget 2GB").ok();
    project
}

#[test]
fn a_plan_becomes_a_page_beside_it() {
    let project = planned();
    let done = project.shard("report").ok();
    assert!(done.stderr().contains("wrote shard-out/report.html"), "{}", done.stderr());
    let page = project.read("shard-out/report.html");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("2 jobs"));
    assert!(!page.contains("how it ended"));
    // The same with no clock in it, wherever it goes.
    assert_eq!(project.shard("report -o -").ok().stdout(), page);
    project.shard("report -o other/page.html").ok();
    assert_eq!(project.read("other/page.html"), page);
    project.shard("report").ok();
    assert_eq!(project.read("shard-out/report.html"), page);
    let planned = project.shard("plan tests.txt --shards 2 --budget 2GB --format html --dry-run").ok();
    assert_eq!(planned.stdout(), page);
}

#[test]
fn a_page_tells_how_jobs_ended() {
    let project = planned();
    let id = project.shard("select unit-2").ok().stdout().trim().to_owned();
    let digest =
        project.shard("plan tests.txt --shards 2 --budget 2GB --format json --dry-run").ok().stdout();
    let digest = shard::model::Digest::of(digest.as_bytes());
    let lines = [
        format!(
            r#"{{"event":"start","schema":1,"shard":"unit-2","tier":"unit","plan":"{digest}","run":"r","attempt":1,"key":"k","at":1,"host":{{}}}}"#
        ),
        r#"{"event":"session","index":1,"attempt":1,"at":1}"#.to_owned(),
        format!(r#"{{"event":"begin","worker":"main","id":"{id}","at":2,"level_bytes":50000000}}"#),
        r#"{"event":"end","at":9,"exit":137,"verdict":"out-of-memory","confidence":"certain","evidence":["<b>oom_kill</b> rose"],"peak_bytes":1900000000,"not_run":[]}"#.to_owned(),
    ];
    project.file("shard-out/outcomes/unit-2.0.1.jsonl", lines.join("\n").as_bytes());
    project.shard("report").ok();
    let page = project.read("shard-out/report.html");
    assert!(
        page.contains("Of 2 shards: 1 left nothing that tells how it ended, 1 ran out of memory"),
        "{page}"
    );
    assert!(page.contains("&lt;b&gt;oom_kill&lt;/b&gt; rose") && page.contains("1.9 GB"));
    assert!(page.contains(&format!("\"{id}\",1,")), "{page}");
}

#[test]
fn every_plan_has_a_curve_with_its_number_on_it() {
    let project = planned();
    project.shard("report").ok();
    let page = project.read("shard-out/report.html");
    assert!(page.contains("1 job costs least, each counted as 25s of waiting"), "{page}");
    assert!(page.contains("<td>planned</td>") && page.contains("<td>costs least</td>"));
    // What a job more is worth is the configuration's to say, and a plan knows what decided its own number.
    project.file("shard.toml", format!("overhead = \"0s\"\n{CONFIG}").as_bytes());
    let free = project.shard("report -o -").ok().stdout();
    assert!(free.contains("3 jobs cost least, each counted as 0ms of waiting"));
    project.shard("plan tests.txt --shards auto --budget 2GB").ok();
    project.file("shard.toml", CONFIG.as_bytes());
    let auto = project.shard("report -o -").ok().stdout();
    assert!(auto.contains("each counted as 0ms of waiting") && auto.contains("planned, and costs least"));
}

#[test]
fn what_is_no_page_is_not_replaced() {
    let project = planned();
    project.file("notes.html", b"mine");
    project.shard("report -o notes.html").fails(2, &["exists and is no page"]);
    assert_eq!(project.read("notes.html"), "mine");
    project.shard("report --plan nowhere.json").fails(2, &["nowhere.json"]);
    project.shard("report --outcomes nowhere").fails(2, &["nowhere"]);
}
