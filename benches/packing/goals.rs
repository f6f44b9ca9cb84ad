//! The goals of the project, each with the figure measured and whether that is enough. A missed goal fails nothing:
//! what must not happen at all is tested.

use shard::pack::Effort;

use crate::outcome::Outcome;
use crate::problems::Goal;
use crate::promises::Promises;
use crate::table::{largest, mean};

/// A figure, and whether it is enough.
pub(crate) type Measured = (String, bool);

/// One line of the table.
struct Row {
    number: u8,
    goal: String,
    /// `None`: what it is about was left out.
    measured: Option<Measured>,
}

/// Open problems: good to know, no promise.
const RESEARCH: [u8; 3] = [4, 5, 6];

pub(crate) fn print(outcomes: &[Outcome], effort: Effort, promises: &Promises) {
    println!("\n   {:<62} {:<44} met?", "goal", "measured");
    for Row { number, goal, measured } in rows(outcomes, effort, promises) {
        let (figure, verdict) = match measured {
            Some((figure, true)) => (figure, "met"),
            Some((figure, false)) => (figure, "missed"),
            None => (String::new(), "not run"),
        };
        let research = if RESEARCH.contains(&number) { ", research" } else { "" };
        // 0: a limit that is no goal of its own.
        let number = if number == 0 { String::new() } else { number.to_string() };
        println!("{number:>2} {goal:<62} {figure:<44} {verdict}{research}");
    }
    println!("   missed goals fail nothing, and those of research promise nothing");
}

fn rows(outcomes: &[Outcome], effort: Effort, promises: &Promises) -> Vec<Row> {
    let family = |start: &'static str| move |row: &Outcome| row.problem.family.starts_with(start);
    let chosen = |keep: &dyn Fn(&Outcome) -> bool| Chosen(outcomes.iter().filter(|row| keep(row)).collect());
    let wants_fewest = |row: &Outcome| matches!(row.problem.goal, Goal::Target(_));

    let planted = |slack: fn(u64) -> bool, fewest: bool| {
        let slack = move |row: &Outcome| row.problem.slack.is_some_and(slack);
        chosen(&move |row| slack(row) && wants_fewest(row) == fewest)
    };
    let roomy = planted(|slack| slack >= 1, false);
    let full = planted(|slack| slack == 0, false).only(|row| row.suites_per_shard() >= Some(8));
    let mut rows = vec![
        row(1, "planted, >= 1 % slack, to 100,000x256: a plan for every one", roomy.share(100.0, has_plan)),
        row(1, "planted, no slack, from 8 suites a shard: for >= 95 %", full.share(95.0, has_plan)),
    ];

    for (size, most) in [
        ("5000x64", 0.0005),
        ("5000x256", 0.003),
        ("50000x256", 0.0005),
        ("500x64", 0.01),
        ("100000x256", 0.001),
    ] {
        let rows_of = chosen(&|row| row.problem.family == format!("realistic 1.03 {size} flat"));
        rows.push(row(
            2,
            format!("{size}, 3 % slack: above the bound by <= {most} %"),
            rows_of.worst_gap(most),
        ));
    }

    let transients = |row: &Outcome| row.problem.items.iter().any(|item| item.transient > 0);
    let real = chosen(&family("realistic 1.03")).only(transients);
    let real = real.only(|row| row.suites_per_shard() >= Some(60));
    rows.push(row(
        3,
        "realistic, from 60 suites a shard: >= 90 % proven",
        real.share(90.0, |row| row.proven),
    ));

    let published = chosen(&family("pcmax"));
    let vectors = chosen(&family("vbp2")).only(|row| !family("vbp2-triplet")(row));
    let triplets = chosen(&family("vbp2-triplet"));
    let small = triplets.only(|row| row.problem.items.len() <= 120);
    let large = triplets.only(|row| row.problem.items.len() > 120);
    rows.extend([
        row(4, "published P||Cmax: >= 98 % optimal", published.share(98.0, Outcome::is_optimal)),
        row(4, "published P||Cmax: >= 93 % proven", published.share(93.0, |row| row.proven)),
        row(4, "published P||Cmax: mean gap <= 0.005 %", published.mean_gap(0.005)),
        row(4, "published P||Cmax: no gap above 0.5 %", published.worst_gap(0.5)),
        row(5, "two-dimensional vectors: >= 99 % optimal", vectors.share(99.0, Outcome::is_optimal)),
        row(5, "two-dimensional vectors: >= 85 % proven", vectors.share(85.0, |row| row.proven)),
        row(6, "triplets, to 120 suites: >= 95 % optimal", small.share(95.0, Outcome::is_optimal)),
        row(6, "triplets, larger: at most one shard too many", large.too_many(1)),
        row(
            7,
            "planted fewest shards, >= 2 % slack: none too many",
            planted(|slack| slack >= 2, true).too_many(0),
        ),
        row(
            7,
            "planted fewest shards, no slack: at most one too many",
            planted(|slack| slack == 0, true).too_many(1),
        ),
        row(8, "5,000x64: a first plan in 5 ms (all of `quick`)", promises.first_small.clone()),
        row(8, "100,000x256: a first plan in 100 ms (all of `quick`)", promises.first_large.clone()),
        row(8, "1,000 suites at `quick`, the whole process: below 50 ms", promises.process.clone()),
        row(9, "1 % new, 10 % noise: <= 0.5 % longer, <= 2 % moved", promises.previous.clone()),
        row(10, "1 and 2 threads, shuffled: same bytes (debug: .ci/run)", promises.same_bytes.clone()),
    ]);
    for (limited, name, most) in [(Effort::Normal, "normal", 2.0), (Effort::Best, "best", 10.0)] {
        let all = chosen(&|_| effort == limited);
        rows.push(row(0, format!("effort `{name}`: <= {most} s a problem"), all.slowest(most)));
    }
    rows
}

fn row(number: u8, goal: impl Into<String>, measured: Option<Measured>) -> Row {
    Row { number, goal: goal.into(), measured }
}

fn has_plan(row: &Outcome) -> bool {
    row.value.is_some()
}

/// The outcomes that a goal is about. Where there are none, nothing was measured.
struct Chosen<'a>(Vec<&'a Outcome>);

impl<'a> Chosen<'a> {
    fn only(&self, keep: impl Fn(&Outcome) -> bool) -> Chosen<'a> {
        Chosen(self.0.iter().copied().filter(|row| keep(row)).collect())
    }

    /// At least so many percent are so.
    fn share(&self, least: f64, is: impl Fn(&Outcome) -> bool) -> Option<Measured> {
        let (all, count) = (self.0.len(), self.0.iter().filter(|row| is(row)).count());
        let percent = 100.0 * count as f64 / all as f64;
        (all > 0).then(|| (format!("{percent:.1} %, {count} of {all}"), percent >= least))
    }

    /// No plan at all is an endless gap.
    fn gaps(&self) -> Vec<f64> {
        self.0.iter().map(|row| row.gap().unwrap_or(f64::INFINITY)).collect()
    }

    fn mean_gap(&self, most: f64) -> Option<Measured> {
        mean(&self.gaps()).map(|gap| (format!("{gap:.5} %"), gap <= most))
    }

    fn worst_gap(&self, most: f64) -> Option<Measured> {
        let all = self.0.len();
        largest(&self.gaps()).map(|gap| (format!("{gap:.5} %, the worst of {all}"), gap <= most))
    }

    /// No plan has more than so many shards above the fewest.
    fn too_many(&self, most: u64) -> Option<Measured> {
        let above = |row: &&Outcome| row.value.map_or(u64::MAX, |value| value - row.best());
        let worst = self.0.iter().map(above).max()?;
        let fine = self.0.iter().filter(|row| above(row) <= most).count();
        Some((format!("{fine} of {}, the worst {worst} too many", self.0.len()), worst <= most))
    }

    fn slowest(&self, most: f64) -> Option<Measured> {
        let row = self.0.iter().max_by(|a, b| a.seconds.total_cmp(&b.seconds))?;
        let figure = format!("{:.2} s, {} {}", row.seconds, row.problem.family, row.problem.name);
        Some((figure, row.seconds <= most))
    }
}
