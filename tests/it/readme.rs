//! The README's words held against the program.

use crate::common::{Project, root};
use crate::markdown::{self, page, pages};

/// The texts of a page's blocks in this language.
fn blocks(name: &str, language: &str) -> Vec<String> {
    let found = markdown::blocks(&page(name)).into_iter().filter(|block| block.language == language);
    found.map(|block| block.text).collect()
}

#[test]
fn the_picture_is_what_the_example_prints() {
    let project = Project::new();
    for name in ["tests.txt", "shard.toml"] {
        project.file(name, &std::fs::read(root().join("testdata/scenarios/unit-e2e").join(name)).unwrap());
    }
    let done = project.run(["plan", "tests.txt"], b"", &[("LANG", "C.UTF-8")]).ok();
    assert_eq!(blocks("README.md", "text").first(), Some(&done.stdout()));
}

#[test]
fn the_manual_s_image_builds_are_planned_as_it_says() {
    let [toml, csv] = ["toml", "csv"].map(|fence| blocks("docs/images.md", fence).remove(0));
    let first = |toml: &str| {
        let project = Project::with(&[("shard.toml", toml), ("images.csv", &csv)]);
        let done = project.run(["plan", "--costs", "images.csv"], b"", &[("LANG", "C.UTF-8")]).ok();
        done.stdout().lines().next().unwrap().to_owned()
    };
    let shown = blocks("docs/images.md", "console").remove(0);
    assert_eq!(shown.lines().nth(1), Some(first(&toml).as_str()));
    let check = |from: &str, to: &str, expect: &str| {
        let changed = toml.replace(from, to);
        assert!(changed != toml && first(&changed).contains(expect), "{to}");
    };
    check("workers       = 2", "workers       = 1", "the longest 10m 00s");
    check(
        "workers       = 2                # the cap: never more builds at once; 1 is one after another\ncpus          = 6",
        "workers = 3\ncpus = 18",
        "the longest 5m 00s",
    );
    check("cpus          = 6", "cpus = 18\nexclusive = [\"images/holmes*\"]", "the longest 8m 00s");
}

#[test]
fn the_defaults_of_the_manual_are_the_program_s() {
    let manual = &blocks("docs/configuration.md", "toml")[0];
    let tier = manual.split("[tier.unit]").nth(1).unwrap().split("\n\n").next().unwrap();
    // What the manual shows but does not call a default.
    let shown = ["match", "budget", "run", "timeout", "price"];
    let keys = tier.lines().filter(|line| !shown.contains(&line.split('=').next().unwrap().trim()));
    let text = format!("[tier.default]\nmatch = [\"**\"]\n{}", keys.collect::<Vec<_>>().join("\n"));
    let mut read = shard::config::file::parse(&text).unwrap().tiers.remove(0);
    let default = shard::config::Config::default().tiers.remove(0);
    // Said to follow from the command, and from the pattern above.
    read.spread = default.spread;
    read.daemon = default.daemon;
    assert_eq!(format!("{:?}", read.matches), format!("{:?}", shard::config::Patterns::new(["**"]).unwrap()));
    read.matches = default.matches.clone();
    assert_eq!(format!("{read:?}"), format!("{default:?}"));
}

#[test]
fn workflows_are_those_that_engines_execute() {
    let folder = root().join("docs/workflows");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let texts: Vec<String> = files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let (mut parts, mut whole) = (0, Vec::new());
    for name in pages() {
        let of_github =
            |block: &String| block.contains("uses: ") || block.contains("${{") || block.contains("@{");
        for block in blocks(&name, "yaml").into_iter().filter(of_github) {
            // A step that stands alone is looked at by tests/engines/check_workflows.py.
            let step = block.trim_start().starts_with("- ") && !block.contains("matrix");
            assert!(
                step || texts.iter().any(|text| text.contains(&block)),
                "{name}: in no workflow:\n{block}"
            );
            parts += 1;
        }
        let links = page(&name);
        let linked = files.iter().filter(|path| {
            links.contains(&format!("(workflows/{})", path.file_name().unwrap().to_str().unwrap()))
        });
        whole.extend(linked.cloned());
    }
    assert!(parts >= 6, "{parts}");
    let unnamed: Vec<_> = files.iter().filter(|path| !whole.contains(path)).collect();
    assert!(unnamed.is_empty(), "no page links to {unnamed:?}");
}

#[test]
fn the_action_s_inputs_and_outputs_are_in_the_manual() {
    let action = page("action.yml");
    let manual = page("docs/action.md");
    let script = page("action/command.sh") + &page("action/binary.sh");
    let named = |section: &str| -> Vec<String> {
        let lines = action.lines().skip_while(|line| *line != section).skip(1);
        let lines = lines.take_while(|line| line.is_empty() || line.starts_with(' '));
        let names = lines.filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'));
        names.filter(|name| !name.starts_with(' ')).map(str::to_owned).collect()
    };
    let (inputs, outputs) = (named("inputs:"), named("outputs:"));
    assert!(inputs.len() > 20 && outputs.len() > 9, "{inputs:?} {outputs:?}");
    for name in inputs.iter().chain(&outputs) {
        assert!(manual.contains(&format!("`{name}`")), "{name}");
    }
    for input in inputs {
        let variable = format!("SHARD_INPUT_{}", input.to_uppercase().replace('-', "_"));
        let handed = |line: &str| {
            line.contains(&format!("{variable}: ${{{{")) && line.contains(&format!("inputs.{input} }}}}"))
        };
        assert!(action.lines().any(handed), "{input} is not handed on");
        let by_name = script.split_whitespace().any(|word| word == input);
        assert!(by_name || script.contains(&variable), "{input} is not used");
    }
}

#[test]
fn pipelines_of_the_manual_are_those_of_its_files() {
    let files: Vec<String> = std::fs::read_dir(root().join("docs/ci"))
        .unwrap()
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    let found = blocks("docs/ci.md", "yaml");
    assert!(found.len() >= 4);
    for block in found {
        assert!(files.iter().any(|file| file.contains(&block)), "no file has\n{block}");
    }
}

#[test]
fn variables_of_the_manual_find_their_shards() {
    let project = Project::with(&[("costs.csv", "id,ms\na,3\nb,2\nc,1\n")]);
    project.shard("plan --costs costs.csv --shards 3").ok();
    let text = page("docs/ci.md");
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let named = |cell: &str| cell.split('`').nth(1).filter(|name| name.contains('_')).map(str::to_owned);
        match cells.as_slice() {
            [_, place, index, first, total, _] => {
                Some((place.to_string(), named(index)?, first.parse::<u32>().ok()?, named(total)))
            }
            _ => None,
        }
    });
    let mut count = 0;
    for (place, index, first, total) in rows {
        for (number, suite) in ["a\n", "b\n", "c\n"].iter().enumerate() {
            let number = (first + u32::try_from(number).unwrap()).to_string();
            let mut env = vec![(index.as_str(), number.as_str())];
            env.extend(total.iter().map(|total| (total.as_str(), "3")));
            env.extend(place.split('`').nth(1).map(|name| (name, "true")));
            assert_eq!(project.run(["select"], b"", &env).ok().stdout(), *suite, "{place} {env:?}");
        }
        count += 1;
    }
    assert_eq!(count, 10);
}
