//! The errors.

use super::Entry;
use crate::exit;

/// Makes the ids, the list of all of them and their entries from one table, so that none of these can lack one.
macro_rules! errors {
    ($($group:literal { $(
        $name:ident $slug:literal $exit:ident: $meaning:literal cause: $cause:literal next: $next:literal
    )* })*) => {
        /// What is wrong, as an id that people can look up.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum ErrorId {
            $($(#[doc = $meaning] $name,)*)*
        }

        impl ErrorId {
            /// All of them, in the order of the manual.
            pub const ALL: &'static [ErrorId] = &[$($(ErrorId::$name,)*)*];

            /// What is known of it.
            #[must_use]
            pub const fn entry(self) -> &'static Entry {
                match self {
                    $($(ErrorId::$name => &Entry {
                        group: $group,
                        slug: $slug,
                        exit: exit::$exit,
                        meaning: $meaning,
                        cause: $cause,
                        next: $next,
                    },)*)*
                }
            }
        }
    };
}

errors! {
    "The command line" {
        Usage "usage" USAGE:
            "The command line is none that `shard` understands."
            cause: "A flag or command is misspelt, lacks its value, has a value that is not of its kind, or does not go together with another flag."
            next: "`shard --help` and `shard COMMAND --help` show what there is"
        FlagsConflict "flags-conflict" USAGE:
            "Two flags or settings each make sense, but not together."
            cause: "A flag was added to a command line, or to a `shard.toml`, that says the opposite already, or a flag counts only beside another one."
            next: "leave one of them out"
        BadValue "bad-value" USAGE:
            "The value of a flag or of an environment variable cannot be used."
            cause: "A number out of range, an empty name, or a variable of the CI that was not filled in."
            next: "correct the value; `shard COMMAND --help` tells what it may be"
    }

    "Names" {
        UnknownShard "unknown-shard" USAGE:
            "The plan has no shard of this name."
            cause: "A misspelt name, or one of an earlier plan: every new plan names its shards anew unless it is told of the earlier one with `--previous`."
            next: "`shard verify` shows whether the plan is sound, and plan.json which shards it has"
        UnknownSuite "unknown-suite" USAGE:
            "The name is neither a suite nor a shard."
            cause: "A misspelt name, a file that is new since the plan, or a test where the suites are files."
            next: "name a suite as the test runner names it, or a shard of the plan"
        UnknownTier "unknown-tier" USAGE:
            "A file names a tier that does not exist."
            cause: "The column `tier` of `--costs` names a tier that `shard.toml` does not have, or a plan is damaged."
            next: "add the tier to shard.toml, or use one of those that are there"
        UnknownFormat "unknown-format" USAGE:
            "The word in front of a colon is no format of a report or list."
            cause: "A misspelt format in `format:path`, or a path that has a colon in it."
            next: "see docs/formats.md for all formats, or leave the format out: files are recognised by their content"
    }

    "Files" {
        NotFound "not-found" USAGE:
            "A file that was named does not exist."
            cause: "A misspelt path, another working directory, or a step before this one that did not write it."
            next: "look for it with `ls`; paths on the command line are relative to the working directory"
        NoMatch "no-match" USAGE:
            "A folder or a pattern holds no file that could be meant."
            cause: "The pattern is written for another folder, the shell expanded it (quote it), `*` was meant to cross a `/` (only `**` does), or the files were not written yet."
            next: "`*` stops at `/`, `**` does not, and patterns are relative to the working directory; list the files to see what is there"
        Unreadable "unreadable" USAGE:
            "A file cannot be read."
            cause: "No permission, a folder where a file is meant, a file that is too large or is not UTF-8, or a packed file that is damaged."
            next: "look at the file with `ls -l` and `file`, make it readable or name another one"
        CannotWrite "cannot-write" USAGE:
            "A file cannot be written."
            cause: "A folder without permission to write, a full disk, or another process that holds the file."
            next: "make the folder writable, free some space, or name another place"
        NotOurs "not-ours" USAGE:
            "What lies where a file is to be written was not written by `shard`, and is left as it is."
            cause: "`--out` or `-o` names a folder or a file that is used for something else."
            next: "move it away, or name another place"
        ConfigInvalid "config-invalid" USAGE:
            "`shard.toml` has a mistake."
            cause: "An unknown key, a value of the wrong kind or with a wrong unit, or keys that contradict each other. The message has the line and the column."
            next: "correct the line; docs/configuration.md lists all keys"
    }

    "Suites" {
        NoInventory "no-inventory" USAGE:
            "Nothing says which suites exist."
            cause: "`shard plan` was called without a source, and `shard.toml` has no `[inventory]`, or there is none."
            next: "name a list or a glob, or set `files` or `command` in [inventory] of shard.toml"
        NoTests "no-tests" USAGE:
            "`shard init` finds no tests of a tool that it knows."
            cause: "It looked at another folder than the project's, or the project's tests are those of a tool that it does not know."
            next: "stand in the project's own folder, or write shard.toml by hand"
        NoSuites "no-suites" USAGE:
            "The inventory is empty."
            cause: "The test runner is not installed or listed nothing, a filter matches nothing, or a search on standard input found nothing. An empty plan would let CI pass without a test."
            next: "list the tests by hand to see why there are none; if none is right, say --allow-empty"
        NotSuites "not-suites" USAGE:
            "What was named as a source of suites holds none, or not in a way that leaves no doubt."
            cause: "A folder or a glob of reports was named where test files are meant, or the other way round."
            next: "name test files with a glob, and reports with their format in front: 'junit-xml:reports/**/*.xml'"
        ListingInvalid "listing-invalid" USAGE:
            "A list of suites cannot be used as it is."
            cause: "The runner's messages are mixed into its list, errors happened while it collected, a suite is listed twice, or the text is another format than the one that was forced."
            next: "list again and look at the line; `shard inspect FILE` shows what is understood"
        InventoryCommand "inventory-command" USAGE:
            "The command of `[inventory]` failed."
            cause: "The program is not installed or not on the PATH, or it ended with an error of its own, whose last lines are shown."
            next: "run the command by hand in the folder of shard.toml until it succeeds"
        SuiteWithoutTier "suite-without-tier" USAGE:
            "Suites match the pattern of no tier."
            cause: "`shard.toml` has tiers, and a new folder of tests is in none of them. Such suites would never run."
            next: "add a last tier that takes the rest: match = [\"**\"]"
        UnwritableName "unwritable-name" USAGE:
            "The name of a suite cannot be written in this format of selections."
            cause: "It has a line break in it, or begins with `-` or `@`, which the runner would take for a flag."
            next: "rename the suite, or write selections with --selection-format null or json"
    }

    "Reports, history and costs" {
        ReportInvalid "report-invalid" USAGE:
            "Reports cannot be read, and nothing is left to go by, or `--strict` asks for all of them."
            cause: "The report is cut off because its job was killed, it is of another tool than the format in front says, or it is no report at all."
            next: "record it again, or leave it out; `shard inspect FILE` shows what is understood"
        NoTimes "no-times" USAGE:
            "The files that were named hold no time that could be used."
            cause: "Lists in place of reports, or reports in which every case was skipped, cached or aborted."
            next: "name reports of a run that took place; `shard inspect FILE` shows what they hold"
        TooFewRuns "too-few-runs" USAGE:
            "There are not enough runs to replay."
            cause: "Each run is planned with what was known before it, so `shard backtest` needs at least two, with times."
            next: "name the reports of at least two runs, oldest first, or --history with a history of several runs"
        CostsInvalid "costs-invalid" USAGE:
            "The CSV of `--costs` has a mistake."
            cause: "A column that is unknown or missing, a figure that is no whole number, or a suite that is there twice. The message has the line."
            next: "write a header with id, ms and, if wanted, tier, import_bytes, retained_bytes, transient_bytes, cpus"
        HistoryInvalid "history-invalid" USAGE:
            "The history cannot be read."
            cause: "It was cut off while it was copied, edited by hand, merged line by line by git, or written by a newer version of `shard`."
            next: "restore it, or remove it to start anew"
        StorageAddress "storage-address" USAGE:
            "The address of a history in shared storage cannot be used."
            cause: "It is misspelt, of a kind that can only be read, or stands where only a file may be named."
            next: "name it such as s3://bucket/key, gs://bucket/key or az://container/key"
        PartlyRead "partly-read" FAILED:
            "Some files could not be read, and `--strict` asks for all of them."
            cause: "The files are no reports, are cut off, or cannot be opened; each is listed above."
            next: "record them again, name only reports, or leave --strict out"
    }

    "Plans and jobs" {
        PlanInvalid "plan-invalid" USAGE:
            "The plan cannot be used."
            cause: "`plan.json` was edited or cut off, is another file, or was written by a newer version of `shard`."
            next: "make the plan again with `shard plan`; `shard verify` lists what is wrong with it"
        PlanMismatch "plan-mismatch" USAGE:
            "Things of different plans were brought together."
            cause: "The plan was made again while jobs of the earlier one waited, or artifacts of two workflows were downloaded into one folder."
            next: "hand on the whole folder of one plan, and start the jobs of that plan"
        JobUnknown "job-unknown" USAGE:
            "Nothing says which of the parallel jobs this is."
            cause: "The command runs outside of a CI's parallel jobs, or the CI's variables do not reach the container that it runs in."
            next: "name the shard, or give its number with --index, from 0"
        JobCount "job-count" USAGE:
            "The number of this job, or of all jobs, does not fit the plan."
            cause: "The pipeline starts another number of jobs than the plan has shards, so suites would be lost, or counts from 1 where 0 is meant."
            next: "start as many jobs as the plan has shards, and count them from 0"
        NoCommand "no-command" USAGE:
            "Nothing says how the suites of a tier are run."
            cause: "`shard.toml` has no `run` for the tier, and no command was given behind `--`; or its placeholder for the suites is misspelt."
            next: "set `run` in the tier, or give a command: shard run SHARD -- pytest @{selection}"
        FormatRefused "format-refused" USAGE:
            "The plan cannot be handed on in this format."
            cause: "A limit of the CI or cluster, such as 256 jobs in a matrix of GitHub's, or a setting that it cannot express."
            next: "plan fewer shards with --shards, or choose another --format"
        NotInWorkflow "not-in-workflow" USAGE:
            "`--format github` writes to files that only a step of a GitHub workflow has."
            cause: "The command runs elsewhere, or in a container that does not get GITHUB_OUTPUT."
            next: "use --format table or json elsewhere, or --dry-run to see what it would say"
    }

    "How jobs ended" {
        NoEvidence "no-evidence" USAGE:
            "Nothing tells how jobs ended."
            cause: "The outcomes were not handed on, because their upload lacks `if: always()` for example, or lie in another folder."
            next: "name the outcomes that `shard run` wrote, usually shard-out/outcomes"
        OutcomeInvalid "outcome-invalid" USAGE:
            "A file that should be an outcome is none."
            cause: "Another file was named, or the outcome was damaged on its way. One that is only cut off is read."
            next: "name files that `shard run` wrote into the folder `outcomes`"
        AccountInvalid "account-invalid" USAGE:
            "A cluster's account of its tasks cannot be read."
            cause: "Other flags than these were used to print it, or the output is empty or cut off."
            next: "give what `sacct --parsable2`, `sacct --json`, `scontrol show job` or `kubectl get pods -o json` prints"
    }

    "GitHub and shared storage" {
        GithubFailed "github-failed" NETWORK:
            "GitHub could not be read."
            cause: "The token is missing, wrong or may not read actions, the limit of requests is used up, or GitHub is not reachable."
            next: "set GITHUB_TOKEN to a token with `actions: read`, or try again later"
        StorageFailed "storage-failed" NETWORK:
            "Shared storage could not be read or written."
            cause: "Credentials are missing or may not do it, the bucket does not exist, or it is not reachable."
            next: "check the address and the credentials in the environment, or try again later"
        NoArtifact "no-artifact" USAGE:
            "A run of GitHub Actions has no artifact of ours."
            cause: "The workflow does not upload the plan's folder or its outcomes, names them otherwise, or they have expired."
            next: "upload shard-out as `shard-plan` and shard-out/outcomes as `shard-outcomes-<shard>`, with `if: always()`; see docs/github.md"
        NoRepository "no-repository" USAGE:
            "Nothing says which repository of GitHub is meant, or whose it is."
            cause: "The command runs outside of a workflow, without `--repo`."
            next: "name it with --repo owner/name, or set GITHUB_REPOSITORY"
        FeatureMissing "feature-missing" USAGE:
            "This build of `shard` leaves out what is asked for."
            cause: "It was built without the feature `github` or `remote`."
            next: "install a released binary, or build with all features"
    }

    "No plan exists" {
        OverBudget "over-budget" NO_PLAN:
            "Something alone needs more memory than the budget, so no plan can keep to it."
            cause: "A suite, the suites of a `[[together]]` rule, or what a tier pays before its first suite is larger than one job may be."
            next: "raise `budget`, add a [[runner]] with more memory, or make the suite smaller"
        OverTarget "over-target" NO_PLAN:
            "Something alone takes longer than the target, so no plan can keep to it."
            cause: "A suite, or the suites of a `[[together]]` rule, with set-up and session start, takes longer than one job may."
            next: "raise `target`, or split what is too long: split = true in its tier"
        TooFewShards "too-few-shards" NO_PLAN:
            "The suites do not fit into so few shards."
            cause: "`shards` says how many jobs there may be at most, and budget, target or rules need more."
            next: "allow more shards, or raise the budget"
        RulesContradict "rules-contradict" NO_PLAN:
            "Rules of `shard.toml` cannot all be kept."
            cause: "Suites that must stay together are of two tiers, or must be apart or alone by another rule."
            next: "take the suite out of one of the rules"
        FiguresTooLarge "figures-too-large" NO_PLAN:
            "Times or memory add up to more than can be counted."
            cause: "A figure in the wrong unit: bytes where MB was written, nanoseconds where milliseconds are meant."
            next: "look for a figure in the wrong unit"
    }

    "The work failed" {
        TestsFailed "tests-failed" FAILED:
            "Tests failed."
            cause: "All suites were executed, and at least one of them failed."
            next: "look at the suites that are listed; --allow-failures counts only whether they were executed"
        NotExecuted "not-executed" FAILED:
            "Suites of the plan were not executed, so this run proves nothing about them."
            cause: "A job was killed, cancelled or never started, or its reports and outcomes were not handed on."
            next: "`shard rebalance` plans what is left; hand on the reports and outcomes of all jobs"
        ExecutedTwice "executed-twice" FAILED:
            "Suites were executed by several shards."
            cause: "A selection was ignored by the command of a job, or reports of several runs are in one folder."
            next: "see that every command uses its selection, and give the reports of one run only"
        NotAsPlanned "not-as-planned" FAILED:
            "Not everything is as planned, and `--strict` asks for that."
            cause: "There are reports that cannot be read, tests that no suite of the plan holds, or outcomes of another plan."
            next: "see what is listed above, or leave --strict out"
        VerifyFailed "verify-failed" FAILED:
            "The plan, or what lies beside it, breaks the rules that a plan must keep."
            cause: "`plan.json`, `matrix.json` or a selection file was edited, damaged, or is of another plan."
            next: "make the plan again with `shard plan`, and hand on its folder as a whole"
        NothingHelps "nothing-helps" FAILED:
            "Shards ended early, and no new plan would change that."
            cause: "Tests failed, or suites were given up: they need another machine, or were killed too often."
            next: "mend the tests that failed; give suites that are given up a machine that holds them ([[runner]]), or make them smaller"
        TriedTooOften "tried-too-often" FAILED:
            "What is left was planned again too often without success."
            cause: "Every round was killed again, so the cause is probably not the plan: a suite that grows without end, or a machine that is too small."
            next: "`shard triage` tells how each shard ended; --rounds allows another try"
    }

    "Running a shard" {
        MachineTooSmall "machine-too-small" MACHINE:
            "The machine lacks what the plan needs."
            cause: "Less free memory, disk or CPUs than `[preflight]` or the shard's prediction ask for: another kind of runner, or other processes on it."
            next: "run it on a larger machine, free what is used, or let it start all the same with `shard run --preflight warn`"
        CannotRun "cannot-run" RUN_PLAN:
            "The shard cannot be run."
            cause: "The command cannot be started, a selection file is missing or not the plan's, or the outcome cannot be written."
            next: "hand on the whole folder of the plan, and try the command by hand"
        Incomplete "incomplete" RUN_INCOMPLETE:
            "Not every suite ran, and nothing else went wrong."
            cause: "The command ended well without running all of its selection: it ignores it, or a filter removed suites."
            next: "see that the command uses its selection; `shard rebalance` plans what is left"
        Guard "guard" RUN_GUARD:
            "The shard was stopped before the machine's memory ran out."
            cause: "Suites took more memory than was planned. Had it gone on, the kernel would have killed a process, or the runner would have been lost without a word."
            next: "`shard rebalance` plans what is left into smaller jobs, and learns from this one"
        Hang "hang" RUN_HANG:
            "The shard was stopped because nothing happened any more."
            cause: "For the tier's `idle-timeout` no process printed anything or used a CPU: a deadlock, or a wait for something that never comes."
            next: "look at the suite that ran last; allow for longer silence with `idle-timeout`"
        Timeout "timeout" RUN_TIMEOUT:
            "The shard was stopped because its time was over."
            cause: "Suites took much longer than was planned, or one of them does not end."
            next: "`shard rebalance` plans what is left; allow for more with `timeout` in the tier"
    }

    "Bugs" {
        Bug "bug" BUG:
            "`shard` did something that it must never do."
            cause: "A mistake of ours. No plan is written that breaks its own rules."
            next: "please report it, with the command and its files if they may be shown"
    }
}
