//! What is installed beside the binary: completions and manual pages, held against the programs that read them.

use std::process::Command;

use crate::common::Project;
use crate::help::commands;

/// What a program prints to standard output and error; `None` where it is not installed.
fn output(project: &Project, program: &str, words: &[&str]) -> Option<String> {
    let found = Command::new(program).args(words).current_dir(project.path()).output();
    let Ok(done) = found else {
        println!("skipped: {program} is not installed");
        return None;
    };
    let text = [done.stdout, done.stderr].concat();
    Some(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(unix)]
#[test]
fn bash_completes_commands_flags_and_values() {
    let project = Project::new();
    project.file("shard.bash", project.shard("completions bash").ok().stdout().as_bytes());
    let check = |words: &str, expect: &str| {
        let split: Vec<_> = words.split(' ').collect();
        let (last, before) = (split.len() - 1, split[split.len() - 2]);
        let script = format!(
            "source ./shard.bash; COMP_WORDS=({words}); COMP_CWORD={last}; \
             _shard shard {} {before}; echo \"${{COMPREPLY[*]}}\"",
            split[last]
        );
        if let Some(found) = output(&project, "bash", &["--norc", "--noprofile", "-c", &script]) {
            assert_eq!(found.trim_end(), expect, "{words}");
        }
    };
    check("shard rebal", "rebalance");
    check("shard plan --sha", "--shards");
    check("shard plan --effort q", "quick");
    check("shard nothing --sha", "");
}

#[test]
fn every_shell_gets_a_script_with_every_command() {
    let project = Project::new();
    let commands = commands();
    assert!(commands.len() > 10, "{commands:?}");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = project.shard(&format!("completions {shell}")).ok().stdout();
        for command in &commands {
            assert!(script.contains(command.as_str()), "{shell}: {command}");
        }
    }
    project.shard("completions tcsh").fails(2, &["tcsh", "zsh"]);
}

#[test]
fn every_command_has_a_page_that_renders_without_a_warning() {
    let project = Project::new();
    project.shard("man share/man1").ok();
    let mut expected: Vec<String> = commands().iter().map(|name| format!("shard-{name}.1")).collect();
    expected.push("shard.1".to_owned());
    expected.sort();
    assert_eq!(project.list("share/man1"), expected);
    for page in &expected {
        let path = format!("share/man1/{page}");
        if let Some(warnings) = output(&project, "groff", &["-k", "-wall", "-man", "-z", &path]) {
            assert_eq!(warnings, "", "{page}");
        }
    }
    let plan = project.read("share/man1/shard-plan.1");
    assert!(plan.contains(".SH EXAMPLES\n.nf\n\\fBshard plan tests.txt \\-\\-shards 4\\fR\n"), "{plan}");
    assert!(plan.contains(".SH \"EXIT STATUS\"\n0 planned"), "{plan}");
    project.file("file", b"");
    project.shard("man file").fails(2, &["cannot write to `file`"]);
}
