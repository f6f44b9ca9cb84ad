//! Few moves: from where suites were to a plan within the limits that leaves most of them there.
//!
//! Shifts and swaps as in [`super::search`], but a suite away from home costs energy, and what is
//! above the limits costs more while plans are above them and less while they are not.

use super::homes::NOWHERE;
use super::load::{Load, Over, Tier};
use super::random::Random;
use super::search::Task;

/// Moves between two looks at the whole plan.
const ROUND: usize = 512;

struct Search<'a> {
    tier: &'a Tier,
    homes: &'a [u32],
    loads: Vec<Load>,
    at: Vec<u32>,
    /// The suites that are not at home, and where each stands in this list.
    away: Vec<u32>,
    place: Vec<u32>,
    /// How many shards are above a limit.
    above: usize,
    limit: u64,
    random: Random,
    per_ms: f64,
    per_byte: f64,
    /// Moves that being over by a whole shard is worth.
    weight: f64,
}

/// The assignment within the limits with the fewest suites away from their homes that is found from
/// `start`, and how many those are. `None` where none is within the limits.
pub(super) fn fewest_moves(
    tier: &Tier,
    homes: &[u32],
    start: &[u32],
    task: Task,
) -> Option<(usize, Vec<u32>)> {
    let total: u64 = tier.items.iter().map(|item| item.ms).sum();
    let average = total.div_ceil(task.shards as u64 * tier.law.workers as u64).max(1);
    let room = tier.law.budget.map_or(1, |budget| budget.saturating_sub(tier.law.floor)).max(1);
    let mut search = Search {
        tier,
        homes,
        loads: tier.loads(task.shards, start),
        at: start.to_vec(),
        away: Vec::new(),
        place: vec![NOWHERE; start.len()],
        above: 0,
        limit: task.limit,
        random: Random::new(task.seed),
        per_ms: 1.0 / average as f64,
        per_byte: 1.0 / room as f64,
        // Half a suite too much is worth one move.
        weight: 2.0 * start.len() as f64 / task.shards as f64,
    };
    search.measure();
    search.run(task.effort)
}

impl Search<'_> {
    fn measure(&mut self) {
        for shard in 0..self.loads.len() {
            let (over, _) = self.tier.over(&self.loads[shard], (None, None), self.limit);
            self.above += usize::from(over != Over::default());
            self.loads[shard].over = over;
        }
        for item in 0..self.at.len() as u32 {
            self.sort_in(item);
        }
    }

    /// Keeps the list of those away from home right for `item`.
    fn sort_in(&mut self, item: u32) {
        let i = item as usize;
        let away = self.homes[i] != NOWHERE && self.homes[i] != self.at[i];
        let listed = self.place[i] != NOWHERE;
        if away && !listed {
            self.place[i] = self.away.len() as u32;
            self.away.push(item);
        } else if !away && listed {
            let hole = self.place[i] as usize;
            self.away.swap_remove(hole);
            if let Some(moved) = self.away.get(hole) {
                self.place[*moved as usize] = hole as u32;
            }
            self.place[i] = NOWHERE;
        }
    }

    fn run(&mut self, effort: u64) -> Option<(usize, Vec<u32>)> {
        const HOT: f64 = 0.5;
        const COLD: f64 = 0.02;
        const CYCLES: u64 = 3;
        let mut best = None;
        self.note(&mut best);
        let round = ROUND.max(self.at.len() / 8);
        for _ in 0..CYCLES {
            let share = effort / CYCLES;
            let (mut spent, mut heat) = (0, HOT);
            let steps = (share / round as u64).clamp(8, 400);
            let cooling = libm::pow(COLD / HOT, 1.0 / steps as f64);
            let mut level = 1;
            while spent < share && self.loads.len() > 1 {
                if self.above == 0 && self.away.is_empty() {
                    break;
                }
                let before = spent;
                for _ in 0..round {
                    spent += self.step(heat);
                    if spent - before > 16 * round as u64 {
                        break;
                    }
                }
                self.note(&mut best);
                self.weight = match self.above {
                    0 => (self.weight / 1.1).max(1.0),
                    _ => (self.weight * 1.1).min(1e9),
                };
                while level < steps && spent * steps > level * share {
                    heat *= cooling;
                    level += 1;
                }
            }
        }
        best
    }

    fn note(&mut self, best: &mut Option<(usize, Vec<u32>)>) {
        if self.above > 0 {
            return;
        }
        self.go_home();
        if best.as_ref().is_none_or(|(moves, _)| self.away.len() < *moves) {
            *best = Some((self.away.len(), self.at.clone()));
        }
    }

    /// Sends every suite home that can go without harm.
    fn go_home(&mut self) {
        for item in self.away.clone() {
            let (from, to) = (self.at[item as usize] as usize, self.homes[item as usize] as usize);
            let (change_from, change_to) = ((Some(item), None), (None, Some(item)));
            let (over, _) = self.tier.over(&self.loads[to], change_to, self.limit);
            // One less never takes more: an order may be lost, but the best of the others is left.
            let (less, _) = self.tier.over(&self.loads[from], change_from, self.limit);
            if over == Over::default() && less == Over::default() {
                self.apply(from, change_from, less);
                self.apply(to, change_to, over);
                self.put(item, to);
            }
        }
    }

    fn energy(&self, over: Over) -> f64 {
        self.weight * (over.ms as f64 * self.per_ms + over.bytes as f64 * self.per_byte)
    }

    fn apply(&mut self, shard: usize, change: (Option<u32>, Option<u32>), over: Over) {
        self.above -= usize::from(self.loads[shard].over != Over::default());
        self.above += usize::from(over != Over::default());
        self.tier.apply(&mut self.loads[shard], change, over);
    }

    fn put(&mut self, item: u32, shard: usize) {
        self.at[item as usize] = shard as u32;
        self.sort_in(item);
    }

    /// Tries one move; returns how many suites were looked at.
    fn step(&mut self, heat: f64) -> u64 {
        let Some((out, a)) = self.candidate() else { return 1 };
        let home = self.homes[out as usize];
        let homeward = home != NOWHERE && home as usize != a && self.random.below(2) == 0;
        let b = if homeward {
            home as usize
        } else {
            let other = self.random.below(self.loads.len() - 1);
            other + usize::from(other >= a)
        };
        let new = match self.random.below(3) {
            0 => None,
            1 => self.tier.partner(&self.loads[a], &self.loads[b], out, &mut self.random),
            _ => self.visitor(b),
        };
        let (change_a, change_b) = ((Some(out), new), (new, Some(out)));
        let (over_a, looked_a) = self.tier.over(&self.loads[a], change_a, self.limit);
        let (over_b, looked_b) = self.tier.over(&self.loads[b], change_b, self.limit);
        let before = self.energy(self.loads[a].over) + self.energy(self.loads[b].over);
        let mut delta = self.energy(over_a) + self.energy(over_b) - before;
        delta += self.cost(out, b) - self.cost(out, a);
        delta += new.map_or(0.0, |new| self.cost(new, a) - self.cost(new, b));
        if delta <= heat * self.random.exponential() {
            self.apply(a, change_a, over_a);
            self.apply(b, change_b, over_b);
            self.put(out, b);
            if let Some(new) = new {
                self.put(new, a);
            }
        }
        (looked_a + looked_b) as u64
    }

    fn cost(&self, item: u32, shard: usize) -> f64 {
        let home = self.homes[item as usize];
        if home == NOWHERE || home as usize == shard { 0.0 } else { 1.0 }
    }

    /// A suite that should go, and its shard: one of a shard above a limit, or one away from home.
    fn candidate(&mut self) -> Option<(u32, usize)> {
        if !self.away.is_empty() && (self.above == 0 || self.random.below(4) == 0) {
            let item = self.away[self.random.below(self.away.len())];
            return Some((item, self.at[item as usize] as usize));
        }
        let mut shard = self.random.below(self.loads.len());
        for _ in 0..3 {
            let other = self.random.below(self.loads.len());
            if self.energy(self.loads[other].over) > self.energy(self.loads[shard].over) {
                shard = other;
            }
        }
        Some((self.loads[shard].any(&mut self.random)?, shard))
    }

    /// One of `shard` that is not at home there, if a few tries find one.
    fn visitor(&mut self, shard: usize) -> Option<u32> {
        (0..4).find_map(|_| {
            self.loads[shard].any(&mut self.random).filter(|item| self.homes[*item as usize] != shard as u32)
        })
    }
}
