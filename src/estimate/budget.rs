//! What a job may use: on a machine of known size (`budget = "auto"`), and where nobody said.

use crate::config::{Budget, Config, RunsOn, Tier, budget_of_machine};
use crate::model::Bytes;

/// Where nobody set a budget.
pub const DEFAULT: Bytes = Bytes(3_000_000_000);

/// Memory of GitHub's hosted runners by label, in GiB, as of November 2026 for public repositories.
/// Private repositories get half as much on the standard Linux and Windows labels: name a budget
/// there.
const HOSTED_GIB: [(&str, u64); 13] = [
    ("ubuntu-latest", 16),
    ("ubuntu-24.04", 16),
    ("ubuntu-22.04", 16),
    ("ubuntu-24.04-arm", 16),
    ("ubuntu-22.04-arm", 16),
    ("ubuntu-slim", 5),
    ("windows-latest", 16),
    ("windows-2025", 16),
    ("windows-2022", 16),
    ("macos-latest", 7),
    ("macos-15", 7),
    ("macos-14", 7),
    ("macos-15-intel", 14),
];

/// The budget on a hosted runner; `None` where its label is not known.
#[must_use]
pub fn of_label(runs_on: &RunsOn) -> Option<Bytes> {
    let label = runs_on.label()?;
    let (_, gib) = HOSTED_GIB.iter().find(|(name, _)| *name == label)?;
    Some(budget_of_machine(Bytes(gib << 30)))
}

/// What a suite of the tier may use at most, on the largest machine there is; `None` without a budget.
pub(super) fn largest(config: &Config, tier: &Tier) -> Option<Bytes> {
    let own = match tier.goal.budget.or(config.goal.budget) {
        Some(Budget::Unlimited) => return None,
        Some(Budget::Bytes(own)) => own,
        Some(Budget::Auto) => of_label(&tier.runs_on).unwrap_or(DEFAULT),
        None => DEFAULT,
    };
    config.runners.iter().map(|runner| runner.budget).chain([own]).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosted_labels_are_known() {
        let runs_on = |label: &str| RunsOn(serde_json::Value::String(label.to_owned()));
        assert_eq!(of_label(&runs_on("ubuntu-latest")).unwrap().to_string(), "13.4 GB");
        assert_eq!(of_label(&runs_on("macos-latest")).unwrap().to_string(), "5.88 GB");
        assert_eq!(of_label(&runs_on("my-own")), None);
    }
}
