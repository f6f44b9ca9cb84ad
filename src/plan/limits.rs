//! What a tier's shards may use: floor and budget, and whether the budget binds.

use super::Warning;
use super::{Budget, Config, estimate};
use crate::config::Tier;
use crate::model::{Basis, Bytes, Estimate};

/// Where nobody set a budget.
const DEFAULT_BUDGET: Bytes = Bytes(3_000_000_000);

/// The limits of one tier.
pub(super) struct Limits {
    /// Bytes of a session before any suite.
    pub(super) floor: Bytes,
    /// Bytes that a shard may use; `None` without a budget.
    pub(super) budget: Option<Bytes>,
    /// Whether the budget binds.
    pub(super) enforced: bool,
}

/// The limits of `tier` with these suites. Says what it had to assume.
pub(super) fn limits(
    config: &Config,
    tier: &Tier,
    suites: &[&Estimate],
    exact: bool,
    warnings: &mut Vec<Warning>,
) -> Limits {
    let with = |basis: Basis| suites.iter().filter(|suite| suite.memory_basis == basis).count();
    let measured = with(Basis::Measured) > 0 && !exact;
    let floor = tier.floor() + if measured { estimate::SESSION_SLACK } else { Bytes(0) };
    let all_assumed = with(Basis::Assumed) == suites.len();
    let mut warn = |code: &str, message: String| {
        if !suites.is_empty() {
            warnings.push(Warning::new(code, &tier.name, message));
        }
    };
    match tier.goal.budget.or(config.goal.budget) {
        Some(Budget::Unlimited) => Limits { floor, budget: None, enforced: false },
        Some(Budget::Bytes(budget)) => Limits { floor, budget: Some(budget), enforced: true },
        Some(Budget::Auto) => {
            let known = estimate::budget::of_label(&tier.runs_on);
            if known.is_none() {
                warn(
                    "budget-unknown",
                    format!(
                        "tier `{}`: the memory of its runner is not known, so its budget is {DEFAULT_BUDGET}",
                        tier.name
                    ),
                );
            }
            let whole = known.unwrap_or(DEFAULT_BUDGET);
            let mostly_assumed = with(Basis::Assumed) * 2 > suites.len() && known.is_some();
            Limits {
                floor,
                budget: Some(if mostly_assumed { Bytes(whole.0 / 2) } else { whole }),
                enforced: true,
            }
        }
        None if all_assumed => {
            let message = format!(
                "tier `{}`: nobody set a budget and no memory is measured, so {DEFAULT_BUDGET} is only reported, not enforced; set `budget` to enforce it",
                tier.name
            );
            warn("memory-assumed", message);
            Limits { floor, budget: Some(DEFAULT_BUDGET), enforced: false }
        }
        None => Limits { floor, budget: Some(DEFAULT_BUDGET), enforced: true },
    }
}
