//! Every error, and every warning of a plan, that users may meet, in one place: its id, what it means, what usually
//! causes it and what to do. Where it is reported, there is a message of its own, with the place; here is what holds
//! for all of them.

mod errors;
mod warnings;

use std::fmt;

pub use errors::ErrorId;
pub use warnings::WarningCode;

use crate::exit;

/// What is known of an error wherever it happens.
#[derive(Debug)]
pub struct Entry {
    /// Its chapter in the manual.
    pub group: &'static str,
    /// The id as it is printed, `error[unknown-shard]`: words of small letters with `-` between them. It never changes.
    pub slug: &'static str,
    /// The exit code that belongs to it.
    pub exit: u8,
    /// What is wrong: one sentence.
    pub meaning: &'static str,
    /// What usually causes it.
    pub cause: &'static str,
    /// What to do next; printed as `help:` where the message knows nothing better.
    pub next: &'static str,
}

/// What is known of a warning of a plan.
#[derive(Debug)]
pub struct WarningEntry {
    /// The code as it is printed and stands in plan.json.
    pub slug: &'static str,
    /// What is meant: one sentence.
    pub meaning: &'static str,
    /// What to do about it.
    pub next: &'static str,
}

/// Something that people can look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// An error.
    Error(ErrorId),
    /// A warning of a plan.
    Warning(WarningCode),
}

impl Topic {
    /// All of them, errors first.
    pub fn all() -> impl Iterator<Item = Topic> {
        let warnings = WarningCode::ALL.iter().map(|code| Topic::Warning(*code));
        ErrorId::ALL.iter().map(|id| Topic::Error(*id)).chain(warnings)
    }

    /// The one of that name, which may be typed as it was printed: `error[unknown-shard]`.
    #[must_use]
    pub fn named(name: &str) -> Option<Topic> {
        let printed = |kind: &str| name.strip_prefix(kind)?.strip_suffix(']');
        let slug = printed("error[").or_else(|| printed("warning[")).unwrap_or(name);
        Topic::all().find(|topic| topic.slug() == slug)
    }

    /// Its id or code.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Topic::Error(id) => id.slug(),
            Topic::Warning(code) => code.slug(),
        }
    }
}

impl WarningCode {
    /// The code as it is printed and stands in plan.json.
    #[must_use]
    pub fn slug(self) -> &'static str {
        self.entry().slug
    }
}

impl ErrorId {
    /// The exit code of commands that run no tests.
    #[must_use]
    pub fn exit(self) -> u8 {
        self.entry().exit
    }

    /// The exit code of commands that pass on the codes of what they run, which ours must not look like.
    #[must_use]
    pub fn exit_of_run(self) -> u8 {
        match self.exit() {
            exit::MACHINE => exit::RUN_MACHINE,
            code @ (exit::BUG | exit::RUN_MACHINE..) => code,
            _ => exit::RUN_PLAN,
        }
    }

    /// The id as it is printed.
    #[must_use]
    pub fn slug(self) -> &'static str {
        self.entry().slug
    }
}

/// A message for people: the id, what is wrong, and what to do, which is the catalogue's advice where the message has
/// none of its own.
#[must_use]
pub fn error(id: ErrorId, message: &str) -> String {
    let advised = message.contains("\n  help: ");
    let help = if advised { String::new() } else { format!("\n  help: {}", id.entry().next) };
    format!("{id}: {message}{help}")
}

/// As it stands in front of a message: `error[unknown-shard]`.
impl fmt::Display for ErrorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]", self.slug())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_words_and_entries_sentences() {
        let mut seen = BTreeSet::new();
        for id in ErrorId::ALL {
            let Entry { slug, meaning, cause, next, .. } = id.entry();
            assert!(seen.insert(slug), "{slug} is there twice");
            assert!(
                slug.split('-').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()))
            );
            for text in [meaning, cause] {
                assert!(
                    text.starts_with(|c: char| c.is_uppercase() || c == '`') && text.ends_with('.'),
                    "{slug}: {text}"
                );
            }
            assert!(!next.ends_with('.') && !next.contains('\n') && !next.is_empty(), "{slug}: {next}");
        }
    }

    #[test]
    fn everything_can_be_looked_up_as_it_was_printed() {
        let slugs: BTreeSet<&str> = Topic::all().map(Topic::slug).collect();
        assert_eq!(slugs.len(), Topic::all().count());
        for name in ["unknown-shard", "error[unknown-shard]"] {
            assert_eq!(Topic::named(name), Some(Topic::Error(ErrorId::UnknownShard)));
        }
        assert_eq!(Topic::named("warning[oversize]"), Some(Topic::Warning(WarningCode::Oversize)));
        assert_eq!(Topic::named("error[oversize"), None);
    }

    #[test]
    fn run_keeps_the_codes_of_what_it_runs_apart() {
        assert_eq!(ErrorId::UnknownShard.exit(), exit::USAGE);
        assert_eq!(ErrorId::UnknownShard.exit_of_run(), exit::RUN_PLAN);
        assert_eq!(ErrorId::MachineTooSmall.exit_of_run(), exit::RUN_MACHINE);
        assert_eq!(ErrorId::Hang.exit_of_run(), exit::RUN_HANG);
        assert_eq!(ErrorId::Bug.exit_of_run(), exit::BUG);
    }

    #[test]
    fn advice_is_the_messages_own_where_it_has_some() {
        let own = error(ErrorId::UnknownShard, "no shard `x`\n  help: did you mean `y`?");
        assert_eq!(own, "error[unknown-shard]: no shard `x`\n  help: did you mean `y`?");
        let general = error(ErrorId::UnknownShard, "no shard `x`");
        assert_eq!(
            general,
            format!(
                "{}\n  help: {}",
                "error[unknown-shard]: no shard `x`",
                ErrorId::UnknownShard.entry().next
            )
        );
    }
}
