//! Improvement: shifts and swaps between two shards, accepted while the search is warm even where
//! they cost a little.
//!
//! Simulated annealing on the total overload above a limit of time and a budget of memory, with a
//! weight of memory that grows while plans stay over budget and shrinks while they do not. Effort
//! is counted in suites looked at, not in seconds, so the answer is the same on every machine.

use super::load::{Load, Over, Tier};
use super::random::Random;

/// A complete plan of one tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The shard of each item.
    pub(super) assignment: Vec<u32>,
    /// The longest shard in milliseconds, without its overhead.
    pub(super) longest: u64,
}

/// What a search is asked for.
#[derive(Clone, Copy)]
pub(super) struct Task {
    pub(super) shards: usize,
    /// No shard longer than this. `u64::MAX`: any.
    pub(super) limit: u64,
    /// Stop as soon as every shard is within the limits; else go on for the shortest longest shard.
    pub(super) first: bool,
    /// Suites to look at.
    pub(super) effort: u64,
    pub(super) seed: u64,
}

/// Moves between two looks at the whole plan: at least so many, and more where a look costs more.
const ROUND: usize = 512;

/// Suites of two shards that are put in order in the time of one look.
const MEMBERS_CHEAP: usize = 1_024;

struct Search<'a> {
    tier: &'a Tier,
    loads: Vec<Load>,
    home: Vec<u32>,
    limit: u64,
    random: Random,
    /// Energy of a millisecond and of a byte.
    per_ms: f64,
    per_byte: f64,
    weight: f64,
}

/// Searches from `start`. `None` where no plan within the budget was found.
pub(super) fn search(tier: &Tier, start: &[u32], task: Task) -> Option<Found> {
    let (mut search, average) = Search::new(tier, start, task);
    search.run(task, average)
}

/// From a plan within the budget straight downhill, and never above the budget on the way.
pub(super) fn descend(tier: &Tier, start: &[u32], task: Task) -> Option<Found> {
    let (mut search, _) = Search::new(tier, start, task);
    // A byte too much is worse than any time.
    search.weight = 1e6 / search.per_byte;
    let mut best = None;
    search.note(&mut best);
    let (mut spent, round) = (0, ROUND.max(start.len() / 8) as u64);
    while search.loads.len() > 1 && spent < task.effort && !search.done(&task) {
        let next = spent + round;
        while spent < next {
            spent += search.step(0.0);
        }
        search.note(&mut best);
    }
    best
}

impl<'a> Search<'a> {
    /// Also the mean time of a shard.
    fn new(tier: &'a Tier, start: &[u32], task: Task) -> (Search<'a>, u64) {
        let total: u64 = tier.items.iter().map(|item| item.ms).sum();
        let average = total.div_ceil(task.shards as u64 * tier.law.workers as u64).max(1);
        let room = tier.law.budget.map_or(1, |budget| budget.saturating_sub(tier.law.floor)).max(1);
        let mut search = Search {
            tier,
            loads: tier.loads(task.shards, start),
            home: start.to_vec(),
            limit: task.limit,
            random: Random::new(task.seed),
            per_ms: 1.0 / average as f64,
            per_byte: 1.0 / room as f64,
            weight: 1.0,
        };
        search.measure();
        (search, average)
    }

    fn run(&mut self, task: Task, average: u64) -> Option<Found> {
        let mut best: Option<Found> = None;
        self.note(&mut best);
        if self.loads.len() < 2 {
            return best;
        }
        let mean = average as f64 / (self.home.len() as f64 / self.loads.len() as f64).max(1.0);
        // From a third of a mean suite down to a fraction of a millisecond.
        let (hot, cold) = (mean * self.per_ms / 3.0, 0.1 * self.per_ms.min(1.0 / mean.max(1.0)));
        let round = ROUND.max(self.home.len() / 8);
        let cycles = 3u64;
        for cycle in 0..cycles {
            let share = task.effort / cycles;
            let hot = hot / f64::powi(4.0, cycle as i32);
            let steps = (share / round as u64).clamp(8, 400);
            let cooling = libm::pow((cold / hot).min(1.0), 1.0 / steps as f64);
            let mut heat = hot;
            let mut spent = 0;
            let mut level = 1;
            while spent < share {
                if self.done(&task) {
                    return best;
                }
                let before = spent;
                for _ in 0..round {
                    spent += self.step(heat);
                    // Where a move looks at many suites, a round has fewer moves.
                    if spent - before > 16 * round as u64 {
                        break;
                    }
                }
                self.adapt();
                self.note(&mut best);
                // One degree cooler for every `share / steps` of effort.
                while level < steps && spent * steps > level * share {
                    heat *= cooling;
                    level += 1;
                }
            }
        }
        best
    }

    /// Whether nothing is left to gain.
    fn done(&self, task: &Task) -> bool {
        let within = self.loads.iter().all(|load| load.over == Over::default());
        within && (task.first || task.limit != u64::MAX)
    }

    /// Looks at every shard anew.
    fn measure(&mut self) {
        for shard in 0..self.loads.len() {
            let (over, _) = self.tier.over(&self.loads[shard], (None, None), self.limit);
            self.loads[shard].over = over;
        }
    }

    fn energy(&self, over: Over) -> f64 {
        over.ms as f64 * self.per_ms + over.bytes as f64 * self.per_byte * self.weight
    }

    /// Keeps the plan if it is within the budget and shorter than the best.
    fn note(&self, best: &mut Option<Found>) {
        if self.loads.iter().any(|load| load.over.bytes > 0) {
            return;
        }
        let over = self.loads.iter().map(|load| load.over.ms).max().unwrap_or(0);
        // Below the limit nobody keeps count, so there the shards are looked at anew.
        let longest = if over > 0 { self.limit + over } else { self.tier.longest(&self.loads) };
        if best.as_ref().is_none_or(|best| longest < best.longest) {
            *best = Some(Found { assignment: self.home.clone(), longest });
        }
    }

    /// Makes memory dearer while plans are over budget, and cheaper while they are not.
    fn adapt(&mut self) {
        let over = self.loads.iter().any(|load| load.over.bytes > 0);
        self.weight = if over { (self.weight * 1.1).min(1e4) } else { (self.weight / 1.1).max(0.5) };
    }

    /// Tries one move; returns how many suites were looked at.
    fn step(&mut self, heat: f64) -> u64 {
        let a = self.overloaded();
        let mut b = self.random.below(self.loads.len() - 1);
        b += usize::from(b >= a);
        if self.loads[a].members.is_empty() {
            return 1;
        }
        let out = self.loads[a].members[self.random.below(self.loads[a].members.len())];
        let new = match self.random.below(4) {
            0 => None,
            1 => self.loads[b].any(&mut self.random),
            _ => self.tier.partner(&self.loads[a], &self.loads[b], out, &mut self.random),
        };
        let (change_a, change_b) = ((Some(out), new), (new, Some(out)));
        let (over_a, looked_a) = self.tier.over(&self.loads[a], change_a, self.limit);
        let (over_b, looked_b) = self.tier.over(&self.loads[b], change_b, self.limit);
        let before = self.energy(self.loads[a].over) + self.energy(self.loads[b].over);
        let after = self.energy(over_a) + self.energy(over_b);
        if after - before <= heat * self.random.exponential() {
            self.tier.apply(&mut self.loads[a], change_a, over_a);
            self.tier.apply(&mut self.loads[b], change_b, over_b);
            self.home[out as usize] = b as u32;
            if let Some(new) = new {
                self.home[new as usize] = a as u32;
            }
            // Lists of thousands take a while to change.
            let listed = self.loads[a].members.len() + self.loads[b].members.len();
            return (looked_a + looked_b + listed / MEMBERS_CHEAP) as u64;
        }
        (looked_a + looked_b) as u64
    }

    /// The worst of a few shards drawn by lot.
    fn overloaded(&mut self) -> usize {
        let mut worst = self.random.below(self.loads.len());
        for _ in 0..2 {
            let other = self.random.below(self.loads.len());
            if self.energy(self.loads[other].over) > self.energy(self.loads[worst].over) {
                worst = other;
            }
        }
        worst
    }
}
