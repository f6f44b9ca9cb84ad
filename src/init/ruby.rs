//! RSpec, by `.rspec`, the helper that every project has, and the names of its files.

use super::facts::{Facts, inside, join};
use super::{Findings, Found, Runner, Step, files};

const HELPERS: [&str; 2] = ["spec/spec_helper.rb", "spec/rails_helper.rb"];

pub(super) fn look(facts: &Facts, findings: &mut Findings) {
    let mut homes = facts.folders_with(|name| name == ".rspec");
    let helped = facts.folders_with(|name| name == "spec_helper.rb" || name == "rails_helper.rb");
    for spec in helped {
        if let Some(folder) = spec.strip_suffix("/spec").or((spec == "spec").then_some("")) {
            homes.push(folder);
        }
    }
    homes.sort_by_key(|folder| (super::facts::depth(folder), *folder));
    homes.dedup();
    let mut taken: Vec<&str> = Vec::new();
    for folder in homes {
        // A gem inside another project has its own Gemfile, and is run there.
        let part = taken.iter().any(|home| inside(home, folder))
            && !facts.has(folder, "Gemfile")
            && !facts.has(folder, ".rspec");
        if !part {
            taken.push(folder);
        }
    }
    for folder in &taken {
        let others = taken.iter().filter(|other| *other != folder && inside(folder, other));
        let others: Vec<String> = others.map(|other| (*other).to_owned()).collect();
        findings.found.extend(home(facts, folder, &others));
    }
}

fn home(facts: &Facts, folder: &str, others: &[String]) -> Option<Found> {
    let suites = files::suites(facts, folder, &["spec/**/*_spec.rb".to_owned()], &[], others)?;
    let mut evidence = Vec::new();
    if facts.has(folder, ".rspec") {
        evidence.push((join(folder, ".rspec"), "options of RSpec".to_owned()));
    }
    let helpers = HELPERS.into_iter().filter_map(|helper| Some((helper, facts.text_in(folder, helper)?)));
    let helpers: Vec<(&str, &str)> = helpers.collect();
    evidence.extend(helpers.iter().map(|(helper, _)| (join(folder, helper), "a helper of RSpec".to_owned())));
    let random = |text: &str| {
        text.contains("order = :random")
            || text.contains("order = 'random'")
            || text.contains("order = \"random\"")
    };
    let options = facts.text_in(folder, ".rspec").unwrap_or_default();
    let shuffles = options.contains("--order rand") || helpers.iter().any(|(_, text)| random(text));
    let bundled = facts.has(folder, "Gemfile") || facts.has("", "Gemfile");
    let mut words = if bundled { vec!["bundle", "exec"] } else { Vec::new() };
    // Nothing measures a file of RSpec in a session, so that its own report says how long each took.
    words.extend(["rspec", "--format", "progress", "--format", "json", "--out"]);
    let mut run = files::started_in(folder, &words);
    let up = files::upwards(folder);
    run.push(format!("{up}shard-out/outcomes/{{shard}}.{{session}}.rspec.json"));
    run.push(format!("{up}{{suites}}"));
    Some(Found {
        runner: Runner::Rspec,
        folder: folder.to_owned(),
        evidence,
        suites,
        run,
        shuffles,
        notes: Vec::new(),
        hints: vec![
            "memory is measured a session at a time; times of files come from RSpec's own report".to_owned(),
        ],
        setup: vec![Step::Action("ruby", vec![("ruby-version", "3.4"), ("bundler-cache", "true")])],
        instead: None,
    })
}
