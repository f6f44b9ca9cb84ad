//! Costs to shards: which suites share a job, so that every job fits its memory and the plan is
//! short.
//!
//! Everything here is integers: items in the order of their ids, tiers by number. The packer knows
//! no name, no file and no test framework, has no clock and no dependence on threads: the same
//! problem gives the same packing everywhere, in any order of calls.

mod bound;
mod curve;
mod exact;
mod homes;
pub mod law;
mod level;
mod load;
mod moves;
mod part;
mod place;
mod polish;
mod previous;
mod random;
mod search;
mod sessions;
mod share;
mod tier;
mod units;

pub use curve::wall;
use law::{Item, Law, Need};
use part::Count;
use previous::Settled;
use tier::Packed;
pub use units::Rules;

/// How long to search, counted in suites that are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effort {
    /// For a preview.
    Quick,
    /// The default.
    #[default]
    Normal,
    /// To prove a point.
    Best,
}

impl Effort {
    fn looks(self) -> u64 {
        match self {
            Effort::Quick => 200_000,
            Effort::Normal => 8_000_000,
            Effort::Best => 80_000_000,
        }
    }
}

/// What to pack.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The tiers; none needs suites.
    pub tiers: Vec<TierProblem>,
    /// Most shards over all tiers.
    pub shards: Option<usize>,
    /// What decides how many shards there are, where neither a number nor the fewest is wanted.
    pub worth: Option<Worth>,
    /// How much worse than a fresh plan one may be that moves fewer suites, in hundredths of a
    /// percent.
    pub stability: u32,
    /// How long to search.
    pub effort: Effort,
}

/// What a plan costs.
#[derive(Clone, Debug)]
pub struct Worth {
    /// Shards that run at once; `None`: all.
    pub at_once: Option<usize>,
    /// In time or in money.
    pub by: By,
    /// Numbers of shards that are tried besides, as far as they are possible.
    pub also: Vec<usize>,
    /// Nobody looks at the curve: what cannot cost less than what was found is not tried for it.
    pub cheapest_only: bool,
}

/// What shards and waiting are weighed by.
#[derive(Clone, Debug)]
pub enum By {
    /// Milliseconds until all is done, and these for every shard.
    Time {
        /// Milliseconds of waiting that are worth one shard less.
        overhead: u64,
    },
    /// Started minutes of every shard, and minutes until all is done; prices in millionths of any
    /// unit.
    Price {
        /// What a shard of each tier may run on: bytes and a minute's price, its own machine first.
        kinds: Vec<Vec<(u64, u64)>>,
        /// A minute of waiting.
        minute_value: u64,
    },
}

/// One tier of a problem.
#[derive(Clone, Debug)]
pub struct TierProblem {
    /// What holds for its shards.
    pub law: Law,
    /// Its suites, in the order of their ids.
    pub items: Vec<Item>,
    /// Most shards of this tier.
    pub shards: Option<usize>,
    /// Longest shard, set-up included, in milliseconds.
    pub target: Option<u64>,
    /// The shard of a previous plan that each suite was in, by a number; `None` for new suites.
    /// Empty where there is no previous plan.
    pub homes: Vec<Option<usize>>,
    /// Which suites share a shard, and which do not.
    pub rules: Rules,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packing {
    /// In no particular order.
    pub shards: Vec<Shard>,
    /// No plan with so many shards has a shorter longest one.
    pub makespan_bound: u64,
    /// No plan within the limits has fewer shards.
    pub shards_bound: usize,
    /// Suites that are elsewhere than in the previous plan.
    pub moves: Moves,
    /// What other numbers of shards would cost, ascending; empty where the number was given.
    pub curve: Vec<Point>,
    /// Whether the plan is proven to cost least, where that decided.
    pub cheapest: bool,
}

/// How many suites changed their shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// Suites that were in the previous plan.
    pub known: usize,
    /// Those that are now in a shard that does not continue theirs.
    pub moved: usize,
    /// Those that a plan without regard to the previous one would have moved.
    pub fresh: usize,
}

/// What a number of shards costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// Shards over all tiers.
    pub shards: usize,
    /// Milliseconds of the longest, overhead included.
    pub longest: u64,
    /// Milliseconds until all are done.
    pub wall: u64,
    /// Milliseconds of all shards.
    pub machine: u64,
    /// Bytes of the largest.
    pub peak: u64,
    /// Millionths of the price's unit, where prices decide.
    pub price: Option<u128>,
    /// What is made as small as possible.
    pub cost: u128,
}

/// One shard: its sessions, one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Index into the problem's tiers.
    pub tier: usize,
    /// At least one.
    pub sessions: Vec<Session>,
    /// What it takes, without overhead.
    pub need: Need,
    /// One suite that alone is above the budget.
    pub oversize: bool,
    /// The previous plan's shard that it continues.
    pub home: Option<usize>,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Indexes into the tier's items, in the session's order.
    pub members: Vec<usize>,
    /// What it takes, without its start.
    pub need: Need,
}

impl Shard {
    /// Indexes into the tier's items, in no particular order.
    pub fn members(&self) -> impl Iterator<Item = usize> {
        self.sessions.iter().flat_map(|session| session.members.iter().copied())
    }
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackError {
    /// A tier's floor alone is above its budget.
    Floor {
        /// Index of the tier.
        tier: usize,
    },
    /// Suites that alone take longer than their tier's target.
    TooLong {
        /// Index of the tier, index of the suite, milliseconds of its shard; the longest first.
        items: Vec<(usize, usize, u64)>,
    },
    /// Suites that must stay together and that no shard holds.
    Together {
        /// Index of the tier.
        tier: usize,
        /// Index of the list.
        list: usize,
        /// What they take together, without overhead.
        need: Need,
    },
    /// More shards are needed than are allowed.
    TooFewShards(Shortage),
    /// Times or memory add up to more than 2⁶².
    TooLarge,
}

/// What is known where more shards are needed than are allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// How many are allowed: over all tiers, or in the one tier.
    pub allowed: usize,
    /// The tier whose own limit it is.
    pub tier: Option<usize>,
    /// Shards that are proven to be needed.
    pub bound: usize,
    /// Shards with which a plan was found.
    pub found: usize,
    /// The tiers with suites: index, proven and found shards.
    pub tiers: Vec<(usize, usize, usize)>,
    /// With how many bytes a shard the allowed number would do, where one tier is alone.
    pub budget: Option<u64>,
}

/// Packs every suite into exactly one shard.
///
/// # Errors
/// [`PackError`] where no plan keeps the limits, or none was found;
/// [`Shortage::bound`] tells which.
pub fn pack(problem: &Problem) -> Result<Packing, PackError> {
    let parts = part::prepare(problem)?;
    let few = share::few_shards(&parts, problem.shards, problem.effort);
    let counts: Vec<Count> = parts.iter().zip(&few).map(|(part, packed)| part.count(packed)).collect();
    part::enough_shards(problem.shards, &parts, &counts)?;

    let longest = |packed: &[Packed]| {
        parts.iter().zip(packed).map(|(part, packed)| part.longest(packed)).max().unwrap_or(0)
    };
    let shards_bound = counts.iter().map(|count| count.bound).sum();
    let packing = |makespan_bound: u64, settled: Settled| {
        let shards = parts.iter().zip(settled.packed).zip(&settled.homes).enumerate();
        let shards = shards.flat_map(|(tier, ((part, packed), homes))| part.shards(tier, packed, homes));
        let (shards, moves) = (shards.collect(), settled.moves);
        Packing { shards, makespan_bound, shards_bound, moves, curve: Vec::new(), cheapest: false }
    };
    let limit = |packed: &[Packed]| problem.above(u128::from(longest(packed)));
    let Some(worth) = &problem.worth else {
        let mut packed = share::shorten(&parts, &few, problem.shards, problem.effort);
        share::level(&parts, &mut packed, problem.shards, problem.effort);
        let bound = share::makespan_bound(&parts, &packed, problem.shards);
        let limits = [limit(&packed)];
        let settled = previous::settle(&parts, packed, &limits, |_| true, problem.shards, problem.effort);
        return Ok(packing(bound, settled));
    };
    let mut chosen = curve::cheapest(problem, worth, &parts, &few, previous::shards(&parts));
    let total = Some(chosen.shards);
    let bound = share::makespan_bound(&parts, &chosen.packed, total);
    let cost = |packed: &[Packed]| worth.point(&parts, packed).cost;
    // Started minutes may make a plan dearer that is hardly longer.
    let fits = |packed: &[Packed]| cost(packed) <= problem.above(chosen.least);
    let limits = [limit(&chosen.packed), u128::from(longest(&chosen.packed))];
    let before = cost(&chosen.packed);
    let settled = previous::settle(&parts, chosen.packed, &limits, fits, total, problem.effort);
    let point = worth.point(&parts, &settled.packed);
    let cheapest = chosen.proven && point.cost <= before;
    chosen.curve.retain(|other| other.shards != point.shards);
    chosen.curve.push(point);
    chosen.curve.sort_by_key(|point| point.shards);
    Ok(Packing { curve: chosen.curve, cheapest, ..packing(bound, settled) })
}

impl TierProblem {
    /// As few shards as memory allows.
    #[must_use]
    pub fn new(law: Law, items: Vec<Item>) -> TierProblem {
        TierProblem { law, items, shards: None, target: None, homes: Vec::new(), rules: Rules::default() }
    }
}

impl Problem {
    /// As few shards as the tiers ask for, afresh.
    #[must_use]
    pub fn new(tiers: Vec<TierProblem>) -> Problem {
        Problem { tiers, shards: None, worth: None, stability: 0, effort: Effort::default() }
    }

    /// How large a value may be that is `best` at its best, where fewer suites move for it.
    fn above(&self, best: u128) -> u128 {
        best + best * u128::from(self.stability) / 10_000
    }
}
