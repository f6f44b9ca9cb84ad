//! A plan as a script that submits it to Slurm: one job array for every amount of memory.
//!
//! The places of shards in the plan are the indices of the arrays. Every word that somebody configured is quoted for the shell, and none has a line break.

use std::fmt::Write as _;

use super::classes::{Group, groups};
use crate::config::Config;
use crate::emit::selection::quoted;
use crate::model::Digest;
use crate::plan::Plan;
use crate::text::count;

/// The script. `out` is the plan's folder as the submitter names it.
///
/// # Errors
/// A shard above the largest class, or an index that Slurm does not take; in words, with what would do.
pub fn script(plan: &Plan, digest: &Digest, out: &str, config: &Config) -> Result<String, String> {
    if out.contains(['\n', '\r', '\0']) {
        return Err(
            "the folder of the plan has a line break in its name\n  help: name another --out".to_owned()
        );
    }
    let slurm = &config.slurm;
    let most = slurm.max_array_size;
    if plan.shards.len() > most as usize {
        return Err(format!(
            "{} have indices up to {}, and `max-array-size` of [slurm] is {most}\n  help: set it to what \
             `scontrol show config` calls MaxArraySize, or plan with --shards {most} or fewer",
            count(plan.shards.len(), "shard"),
            plan.shards.len() - 1,
        ));
    }
    let groups = groups(plan, &config.cluster)?;
    let token = digest.token();
    let file = quoted(&format!("{out}/plan.json"));
    let logs = format!("{out}/logs");
    let mut script = format!(
        "#!/bin/sh\n\
         # {} of plan {token} for Slurm, in {}. To be run where the plan was made:\n\
         #   shard plan --format slurm | sh\n\
         # It prints the ids of the arrays, a line each.\n\
         set -eu\n",
        count(plan.shards.len(), "shard"),
        count(groups.len(), "job array"),
    );
    if groups.is_empty() {
        return Ok(script);
    }
    let _ = write!(
        script,
        "if [ ! -f {file} ]; then\n  \
           echo 'the plan is not here: run this in the folder where it was made' >&2\n  \
           exit 2\n\
         fi\n\
         mkdir -p -- {}\n\
         submit() {{\n  \
           sbatch --parsable --job-name=\"$1\" --mem=\"$2M\" --cpus-per-task=\"$3\" --time=\"$4\" --array=\"$5\" \\\n    \
             --nodes=1 --ntasks=1 --output={}",
        quoted(&logs),
        quoted(&format!("{}/%x.%a.log", pattern(&logs))),
    );
    let named = [("partition", &slurm.partition), ("account", &slurm.account)];
    let named = named.iter().filter_map(|(name, value)| Some(format!("--{name}={}", value.as_ref()?)));
    for option in named.chain(slurm.options.iter().cloned()) {
        let _ = write!(script, " {}", quoted(&option));
    }
    let _ = writeln!(script, " <<'TASK'\n{}TASK\n}}", task(&file, digest, config));
    for group in &groups {
        let _ = writeln!(script, "submit {}", arguments(group, digest, slurm.at_once));
    }
    Ok(script)
}

/// What every task runs. Ends with a line break, and no line of it can be `TASK`.
fn task(file: &str, digest: &Digest, config: &Config) -> String {
    let mut task = "#!/bin/sh\n".to_owned();
    if let Some(source) = &config.slurm.source {
        // Without a slash the shell would look for it in PATH.
        let slash = if source.contains('/') { "" } else { "./" };
        let _ = writeln!(task, ". {}", quoted(&format!("{slash}{source}")));
    }
    let command: Vec<String> = config.cluster.command.iter().map(|word| quoted(word)).collect();
    // A task that Slurm starts once more, on another node, is another attempt.
    let _ = writeln!(
        task,
        "exec {} run --index \"$SLURM_ARRAY_TASK_ID\" --plan {file} --digest {} --attempt \"$((${{SLURM_RESTART_COUNT:-0}} + 1))\"",
        command.join(" "),
        digest.token(),
    );
    task
}

/// Name, mebibytes, CPUs, minutes and indices: nothing that a shell could take for anything else.
fn arguments(group: &Group<'_>, digest: &Digest, at_once: Option<u32>) -> String {
    let at_once = at_once.map_or_else(String::new, |tasks| format!("%{tasks}"));
    format!(
        "{} {} {} {} {}{at_once}",
        group.name(digest),
        group.mebibytes,
        group.cpus,
        group.minutes,
        group.ranges()
    )
}

/// A path in the name of a log, where Slurm puts words in place of `%x` and its like.
fn pattern(path: &str) -> String {
    path.replace('%', "%%")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::parse;

    fn plan() -> (Plan, Digest) {
        let bytes = include_bytes!("../../../testdata/plans/two-shards.json");
        (Plan::from_bytes(bytes).unwrap(), Digest::of(bytes))
    }

    fn of(config: &str) -> Result<String, String> {
        let (plan, digest) = plan();
        script(&plan, &digest, "shard-out", &parse(config).unwrap())
    }

    #[test]
    fn arrays_are_the_places_of_their_shards() {
        let (_, digest) = plan();
        let token = digest.token();
        let script = of("[cluster]\nmemory-classes = [\"2GiB\", \"3GiB\"]").unwrap();
        let submitted: Vec<&str> = script.lines().filter(|line| line.starts_with("submit s")).collect();
        assert_eq!(
            submitted,
            [
                format!("submit shard-{token}-2048m-1c 2048 1 15 0"),
                format!("submit shard-{token}-2048m-2c 2048 2 10 1")
            ]
        );
        assert!(of("[slurm]\nat-once = 4").unwrap().contains(" 0%4\n"));
    }

    #[test]
    fn configured_words_are_quoted() {
        let script = of("[slurm]\npartition = \"a'b $(x)\"\noptions = [\"--comment=`y`\", \"TASK\"]\nsource = \"it's.sh\"\n\
             [cluster]\ncommand = [\"my shard\", \"-q\"]")
        .unwrap();
        assert!(script.contains(r"'--partition=a'\''b $(x)'"), "{script}");
        assert!(script.contains("'--comment=`y`'"), "{script}");
        assert!(script.contains(r". './it'\''s.sh'"), "{script}");
        assert!(script.contains("exec 'my shard' "), "{script}");
        assert_eq!(script.lines().filter(|line| *line == "TASK").count(), 1);
    }

    #[test]
    fn what_slurm_does_not_take_is_refused() {
        let err = of("[slurm]\nmax-array-size = 1").unwrap_err();
        assert!(
            err.starts_with("2 shards have indices up to 1, and `max-array-size` of [slurm] is 1"),
            "{err}"
        );
        let err = of("[cluster]\nmemory-classes = [\"1GiB\"]").unwrap_err();
        assert!(err.starts_with("shard `e2e-1` must be given 1.14 GB"), "{err}");
        let (plan, digest) = plan();
        assert!(script(&plan, &digest, "a\nb", &Config::default()).is_err());
    }
}
