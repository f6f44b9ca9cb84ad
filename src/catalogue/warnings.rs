//! The warnings that a plan has in it. A command's own words on standard error are not among them.

use super::WarningEntry;

/// Makes the codes, the list of all of them and their entries from one table.
macro_rules! warnings {
    ($($name:ident $slug:literal: $meaning:literal next: $next:literal)*) => {
        /// What the reader of a plan should know, as a code that people can look up.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum WarningCode {
            $(#[doc = $meaning] $name,)*
        }

        impl WarningCode {
            /// All of them, in the order of the manual.
            pub const ALL: &'static [WarningCode] = &[$(WarningCode::$name,)*];

            /// What is known of it.
            #[must_use]
            pub const fn entry(self) -> &'static WarningEntry {
                match self {
                    $(WarningCode::$name => &WarningEntry { slug: $slug, meaning: $meaning, next: $next },)*
                }
            }
        }
    };
}

warnings! {
    Oversize "oversize":
        "A suite alone is above the budget. It has a shard to itself, on a larger machine where there is one."
        next: "add a [[runner]] that holds it, raise `budget`, or make the suite smaller; --strict makes it an error"
    Killed "killed":
        "A suite was killed for memory and has not ended since."
        next: "let the next run measure it, alone as it is planned; after several kills make it smaller or give it a larger machine"
    MachineLost "machine-lost":
        "A machine was lost with a large shard of this tier, so shards are planned smaller until one as large passes."
        next: "nothing, unless machines are lost for other reasons; a run that passes lifts it"
    MemoryAssumed "memory-assumed":
        "Nobody set a budget and no memory is measured, so memory is reported and not enforced."
        next: "set `budget`, and run shards with `shard run`, which measures"
    MostlyAssumed "mostly-assumed":
        "A budget binds, but the memory of most suites is assumed."
        next: "run shards with `shard run` and `shard record` their outcomes; or set `assume` in the tier to what is likely"
    BudgetUnknown "budget-unknown":
        "`budget = \"auto\"` needs to know how much memory the runner has, and this runner's label is not known."
        next: "set `budget` in the tier"
    Spread "spread":
        "The command spreads each file's tests over all workers, so every worker pays for its imports."
        next: "add --dist loadfile, or say `spread = true` in the tier if that is what you want"
    SharedOutput "shared-output":
        "Several sessions of a shard write the same report, so only the last one is left."
        next: "put {session} into the name of the report"
    RuleUnused "rule-unused":
        "A rule matches no suite."
        next: "correct the patterns of the rule, or take it out"
    NoPrice "no-price":
        "Prices decide how many jobs pay, and a machine has none, so its minutes count as free."
        next: "set `price` in the tier or the [[runner]]"
    HistoryMismatch "history-mismatch":
        "Fewer than half of the suites are known to the history or the reports, and most names there are no suite's."
        next: "`shard inspect REPORT --against LIST` shows why names do not meet; [map] in shard.toml leads them there"
    HistoryUnreachable "history-unreachable":
        "Shared storage could not be read, so the last copy of the history was used, or none."
        next: "check the address and the credentials; --strict makes it an error"
    ReportUnreadable "report-unreadable":
        "A report could not be read and was not used."
        next: "record it again, or leave it out; --strict makes it an error"
    GivenUp "given-up":
        "A suite is not planned again, because nothing that a plan can do would help it."
        next: "see `shard triage` for how it ended; give it a larger machine, or mend it"
}
