//! What a tier's shards may use: floor and budget, and whether the budget binds.

use super::Warning;
use super::{Budget, Config, estimate};
use crate::catalogue::WarningCode;
use crate::config::Tier;
use crate::estimate::TierEstimate;
use crate::estimate::budget::DEFAULT as DEFAULT_BUDGET;
use crate::model::{Basis, Bytes, Estimate};

/// How much of what a machine was lost with is planned for the next, in hundredths.
const AFTER_LOSS: u128 = 75;

/// The limits of one tier.
pub(super) struct Limits {
    /// Bytes of a session before any suite.
    pub(super) floor: Bytes,
    /// Bytes that a shard may use; `None` without a budget.
    pub(super) budget: Option<Bytes>,
    /// Whether the budget binds.
    pub(super) enforced: bool,
    /// Most bytes that collection adds in one worker.
    pub(super) import_cap: Option<Bytes>,
}

/// The limits of `tier` with these suites. Says what it had to assume.
pub(super) fn limits(
    config: &Config,
    tier: &Tier,
    known: TierEstimate,
    suites: &[&Estimate],
    exact: bool,
    warnings: &mut Vec<Warning>,
) -> Limits {
    let with = |basis: Basis| suites.iter().filter(|suite| suite.memory_basis == basis).count();
    let measured = with(Basis::Measured) > 0 && !exact;
    let floor = if measured { known.floor(tier) } else { tier.floor() };
    let all_assumed = with(Basis::Assumed) == suites.len();
    let mut warn = |code: WarningCode, message: String| {
        if !suites.is_empty() {
            warnings.push(Warning::new(code, &tier.name, message));
        }
    };
    let (budget, enforced) = match tier.goal.budget.or(config.goal.budget) {
        Some(Budget::Unlimited) => (None, false),
        Some(Budget::Bytes(budget)) => (Some(budget), true),
        Some(Budget::Auto) => {
            let known = estimate::budget::of_label(&tier.runs_on);
            if known.is_none() {
                warn(
                    WarningCode::BudgetUnknown,
                    format!(
                        "tier `{}`: the memory of its runner is not known, so its budget is {DEFAULT_BUDGET}",
                        tier.name
                    ),
                );
            }
            let whole = known.unwrap_or(DEFAULT_BUDGET);
            let mostly_assumed = with(Basis::Assumed) * 2 > suites.len() && known.is_some();
            (Some(if mostly_assumed { Bytes(whole.0 / 2) } else { whole }), true)
        }
        None if all_assumed => {
            let message = format!(
                "tier `{}`: nobody set a budget and no memory is measured, so {DEFAULT_BUDGET} is only reported, not enforced; set `budget` to enforce it",
                tier.name
            );
            warn(WarningCode::MemoryAssumed, message);
            (Some(DEFAULT_BUDGET), false)
        }
        None => (Some(DEFAULT_BUDGET), true),
    };
    let (budget, enforced) = match known.lost {
        Some(lost) => {
            let less = Bytes((u128::from(lost.0) * AFTER_LOSS / 100) as u64);
            let less = if enforced { budget.map_or(less, |budget| budget.min(less)) } else { less };
            let message = format!(
                "tier `{}`: a machine was lost with a shard planned at {lost}, so none is planned above {less} until one as large passes",
                tier.name
            );
            warn(WarningCode::MachineLost, message);
            (Some(less), true)
        }
        None => (budget, enforced),
    };
    Limits { floor, budget, enforced, import_cap: known.import_cap }
}
