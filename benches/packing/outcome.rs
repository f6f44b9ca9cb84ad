//! What came of one problem.

use std::time::Instant;

use shard::pack::Effort;
use shard::plan::{Plan, verify};

use crate::cpsat::Solved;
use crate::others::{self, Today};
use crate::problems::{Goal, Problem, made};

/// A plan and what it is measured against.
pub(crate) struct Outcome {
    pub(crate) problem: Problem,
    /// What was made as small as possible; `None`: no plan.
    pub(crate) value: Option<u64>,
    /// Nothing can be better.
    pub(crate) bound: u64,
    pub(crate) proven: bool,
    pub(crate) seconds: f64,
    pub(crate) today: Today,
    pub(crate) chunks: Option<u64>,
    pub(crate) cpsat: Option<Solved>,
    /// Broken rules.
    pub(crate) wrong: Vec<String>,
}

impl Outcome {
    pub(crate) fn of(problem: Problem, effort: Effort) -> Outcome {
        let start = Instant::now();
        let plan = made(&problem, effort);
        let seconds = start.elapsed().as_secs_f64();
        let mut outcome = Outcome {
            value: None,
            bound: problem.lower,
            proven: false,
            seconds,
            today: others::today(&problem),
            chunks: others::chunks(&problem),
            cpsat: None,
            wrong: Vec::new(),
            problem,
        };
        if let Ok(plan) = plan {
            outcome.take(&plan);
        }
        outcome
    }

    fn take(&mut self, plan: &Plan) {
        let (problem, quality) = (&self.problem, &plan.quality);
        let (value, bound) = match problem.goal {
            Goal::Shards(_) => (quality.makespan_ms.0, quality.makespan_bound_ms.0),
            Goal::Target(_) => (quality.shards as u64, quality.shards_bound as u64),
        };
        self.wrong = verify::verify(plan);
        if value < problem.lower {
            self.wrong.push(format!("{value} is better than the proven {}", problem.lower));
        }
        if problem.optimum.is_some_and(|optimum| bound > optimum) {
            self.wrong.push(format!("the bound {bound} is above the optimum"));
        }
        if quality.proven && problem.optimum.is_some_and(|optimum| value != optimum) {
            self.wrong.push(format!("{value} is called proven and is not the optimum"));
        }
        (self.value, self.bound, self.proven) = (Some(value), bound.max(problem.lower), quality.proven);
    }

    /// Another solver's answer; one that contradicts ours is a finding.
    pub(crate) fn compare(&mut self, solved: Solved) {
        if let Some(value) = solved.value.filter(|value| *value < self.bound) {
            self.wrong.push(format!("CP-SAT has {value}, below the bound {}", self.bound));
        }
        if let Some(value) = self.value.filter(|value| *value < solved.bound) {
            self.wrong.push(format!("{value} is better than CP-SAT's bound {}", solved.bound));
        }
        self.cpsat = Some(solved);
    }

    /// The optimum, or where that is not known what nothing can beat.
    pub(crate) fn best(&self) -> u64 {
        self.problem.optimum.unwrap_or(self.bound).max(1)
    }

    /// Percent above the best.
    pub(crate) fn above(&self, value: u64) -> f64 {
        100.0 * (value as f64 / self.best() as f64 - 1.0)
    }

    /// Percent above the best that our plan is; `None`: no plan.
    pub(crate) fn gap(&self) -> Option<f64> {
        self.value.map(|value| self.above(value))
    }

    pub(crate) fn is_optimal(&self) -> bool {
        self.value.is_some_and(|value| value <= self.best())
    }

    /// Suites for each shard that was asked for, to the nearest; `None` where the fewest are wanted.
    pub(crate) fn suites_per_shard(&self) -> Option<usize> {
        match self.problem.goal {
            Goal::Shards(shards) => Some((2 * self.problem.items.len() + shards) / (2 * shards)),
            Goal::Target(_) => None,
        }
    }
}
