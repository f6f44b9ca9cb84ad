//! The same for programs.

use serde::Serialize;

use super::Suite;
use crate::estimate::explain::{Seen, Use};
use crate::estimate::{Bound, Decided, Expected, Figure, Level, MemoryBase, MemoryTerms, Step, TimeTerms};
use crate::model::{Basis, Bytes, Estimate, Millis};
use crate::plan::Plan;
use crate::plan::explain::{ShardParts, Why};
use crate::plan::file::Shard;

const SCHEMA: u64 = 1;

#[derive(Serialize)]
struct ShardDocument<'a> {
    schema: u64,
    kind: &'static str,
    shard: &'a str,
    tier: &'a str,
    shards: usize,
    suites: usize,
    predicted_ms: Millis,
    longest_ms: Millis,
    longest_bound_ms: Millis,
    target_ms: Option<Millis>,
    predicted_bytes: Bytes,
    budget_bytes: Option<Bytes>,
    #[serde(flatten)]
    parts: &'a ShardParts,
}

/// One document about a shard.
///
/// # Errors
/// None in practice: every value here can be written as JSON.
pub fn shard(plan: &Plan, shard: &Shard, parts: &ShardParts) -> serde_json::Result<String> {
    let document = ShardDocument {
        schema: SCHEMA,
        kind: "shard",
        shard: &shard.id,
        tier: &shard.tier,
        shards: plan.shards.len(),
        suites: shard.suites().count(),
        predicted_ms: shard.predicted_ms,
        longest_ms: plan.quality.makespan_ms,
        longest_bound_ms: plan.quality.makespan_bound_ms,
        target_ms: plan.objective.target_ms,
        predicted_bytes: shard.predicted_bytes,
        budget_bytes: shard.budget_bytes,
        parts,
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

#[derive(Serialize)]
struct SuiteDocument<'a> {
    schema: u64,
    kind: &'static str,
    suite: &'a str,
    tier: &'a str,
    estimate: Figures,
    time: Explained<Millis>,
    import: Explained<Bytes>,
    retained: Explained<Bytes>,
    transient: Explained<Bytes>,
    /// The transient is not planned below, where it was killed.
    kills: Option<Kills>,
    later: Option<Figures>,
    /// Hundredths of a percent; where only peaks of whole processes are known.
    share_of_peaks_hundredths: Option<u32>,
    placed: Option<Place<'a>>,
    samples: Vec<Sample<'a>>,
}

#[derive(Serialize)]
struct Figures {
    ms: Millis,
    import_bytes: Bytes,
    retained_bytes: Bytes,
    transient_bytes: Bytes,
    basis: Basis,
    memory_basis: Basis,
    samples: u32,
    kills: u32,
}

impl From<Estimate> for Figures {
    fn from(estimate: Estimate) -> Figures {
        let Estimate { cost, time_basis, memory_basis, samples, kills } = estimate;
        Figures {
            ms: cost.time,
            import_bytes: cost.import,
            retained_bytes: cost.retained,
            transient_bytes: cost.transient,
            basis: time_basis,
            memory_basis,
            samples,
            kills,
        }
    }
}

#[derive(Serialize)]
struct Explained<T> {
    value: T,
    basis: Basis,
    #[serde(flatten)]
    terms: Terms,
    #[serde(skip_serializing_if = "Option::is_none")]
    calibration_hundredths: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    margin_hundredths: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_bytes: Option<Bytes>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case", tag = "rule")]
enum Terms {
    Mean {
        runs: usize,
        trimmed: usize,
    },
    Quantile {
        runs: usize,
        quantile: f64,
    },
    Bound {
        runs: usize,
        effective: f64,
        middle_bytes: Bytes,
        prior: f64,
        deviation: f64,
        t: f64,
        bound_bytes: f64,
        most_bytes: f64,
        least_bytes: f64,
        decided: &'static str,
    },
    Largest {
        runs: usize,
        largest_bytes: i64,
        more_hundredths: u32,
    },
    Own {
        runs: usize,
        least_bytes: i64,
        more_hundredths: u32,
    },
    Held {
        held_bytes: u64,
    },
    Relatives {
        quantile: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        tests: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        usual_tests: Option<u64>,
        directories: Vec<Directory>,
    },
    Assumed {
        file: u64,
        parts: u64,
    },
}

#[derive(Serialize)]
struct Directory {
    prefix: String,
    suites: u64,
    own: u64,
    leaning: u64,
}

#[derive(Serialize)]
struct Kills {
    count: u32,
    used_bytes: u64,
    alone: bool,
    need_bytes: Bytes,
    room_bytes: Option<Bytes>,
    floor_bytes: Bytes,
}

#[derive(Serialize)]
struct Place<'a> {
    shard: &'a str,
    session: usize,
    others: usize,
    planned: Planned,
    why: &'a [Why],
}

#[derive(Serialize)]
struct Planned {
    ms: Millis,
    import_bytes: Bytes,
    retained_bytes: Bytes,
    transient_bytes: Bytes,
}

#[derive(Serialize)]
struct Sample<'a> {
    /// `None`: reports that were named now.
    run: Option<&'a str>,
    key: Option<&'a str>,
    /// What its file was called then, where it was moved since.
    moved_from: Option<&'a str>,
    age: usize,
    killed: bool,
    ms: Option<u64>,
    ms_use: Option<Used>,
    import_bytes: Option<i64>,
    import_use: Option<Used>,
    retained_bytes: Option<i64>,
    retained_use: Option<Used>,
    transient_bytes: Option<i64>,
    transient_use: Option<Used>,
}

/// What became of a figure; where it counts, its weight in thousandths.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Used {
    Counted(u32),
    Trimmed,
    Old,
    OtherKey,
}

impl From<Use> for Used {
    fn from(used: Use) -> Used {
        match used {
            Use::Counted(weight) => Used::Counted(weight),
            Use::Trimmed => Used::Trimmed,
            Use::Old => Used::Old,
            Use::OtherKey => Used::OtherKey,
        }
    }
}

/// One document about a suite.
///
/// # Errors
/// None in practice: every value here can be written as JSON.
pub fn suite(suite: &Suite<'_>) -> serde_json::Result<String> {
    let explanation = suite.explanation;
    let terms = &explanation.terms;
    let [_, imports, retained, transients] = &explanation.relatives;
    let kills = terms.kills.hardest.map(|kill| Kills {
        count: terms.kills.kills,
        used_bytes: kill.used,
        alone: kill.alone,
        need_bytes: terms.kills.need(),
        room_bytes: terms.kills.room,
        floor_bytes: terms.kills.floor(),
    });
    let placed = suite.placed.as_ref().map(|placed| Place {
        shard: &placed.shard.id,
        session: placed.number,
        others: placed.shard.suites().count() - 1,
        planned: Planned {
            ms: placed.suite.ms,
            import_bytes: placed.suite.import_bytes,
            retained_bytes: placed.suite.retained_bytes,
            transient_bytes: placed.suite.transient_bytes,
        },
        why: &placed.why,
    });
    let document = SuiteDocument {
        schema: SCHEMA,
        kind: "suite",
        suite: suite.id,
        tier: &suite.tier.name,
        estimate: terms.estimate().into(),
        time: time(suite),
        import: memory(&terms.import, imports, suite.id),
        retained: memory(&terms.retained, retained, suite.id),
        transient: memory(&terms.transient, transients, suite.id),
        kills,
        later: explanation.later.map(Figures::from),
        share_of_peaks_hundredths: explanation.share_of_peaks.map(|share| share.0),
        placed,
        samples: explanation
            .samples
            .iter()
            .enumerate()
            .map(|(place, seen)| sample(suite, place, seen))
            .collect(),
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn time(suite: &Suite<'_>) -> Explained<Millis> {
    let Figure { basis, terms } = suite.explanation.terms.time;
    let shown = match terms {
        TimeTerms::Samples(Expected { runs, trimmed, quantile: None, .. }) => Terms::Mean { runs, trimmed },
        TimeTerms::Samples(Expected { runs, quantile: Some(quantile), .. }) => {
            Terms::Quantile { runs, quantile: f64::from(quantile.0) / 10_000.0 }
        }
        TimeTerms::Relatives { median, tests, usual } => Terms::Relatives {
            quantile: median,
            tests: Some(tests),
            usual_tests: usual,
            directories: directories(&suite.explanation.relatives[0], suite.id),
        },
        TimeTerms::Assumed { file, parts } => Terms::Assumed { file: file.0, parts },
    };
    Explained {
        value: terms.value(),
        basis,
        terms: shown,
        calibration_hundredths: None,
        margin_hundredths: None,
        kept_bytes: None,
    }
}

fn memory(figure: &Figure<MemoryTerms>, steps: &[Step], id: &str) -> Explained<Bytes> {
    let shown = match &figure.terms.base {
        MemoryBase::Level(Level { runs, bytes, more }) => {
            Terms::Largest { runs: *runs, largest_bytes: *bytes, more_hundredths: more.0 }
        }
        MemoryBase::Own(Level { runs, bytes, more }) => {
            Terms::Own { runs: *runs, least_bytes: *bytes, more_hundredths: more.0 }
        }
        MemoryBase::Bound(bound) => self::bound(bound),
        MemoryBase::Relatives(quartile) => Terms::Relatives {
            quantile: quartile.0,
            tests: None,
            usual_tests: None,
            directories: directories(steps, id),
        },
        MemoryBase::Held(bytes) => Terms::Held { held_bytes: bytes.0 },
        MemoryBase::Assumed { file, parts } => Terms::Assumed { file: file.0, parts: *parts },
    };
    Explained {
        value: figure.terms.value(),
        basis: figure.basis,
        terms: shown,
        calibration_hundredths: Some(figure.terms.calibration.0),
        margin_hundredths: Some(figure.terms.margin.0),
        kept_bytes: Some(figure.terms.kept).filter(|kept| kept.0 > 0),
    }
}

fn bound(bound: &Bound) -> Terms {
    Terms::Bound {
        runs: bound.runs,
        effective: bound.effective,
        middle_bytes: bound.middle(),
        prior: bound.prior,
        deviation: bound.deviation,
        t: bound.t,
        bound_bytes: bound.bound,
        most_bytes: bound.most,
        least_bytes: bound.least,
        decided: match bound.decided() {
            Decided::Bound => "bound",
            Decided::Most => "most",
            Decided::Least => "least",
        },
    }
}

fn directories(steps: &[Step], id: &str) -> Vec<Directory> {
    let directory = |step: &Step| Directory {
        prefix: id[..step.end].to_owned(),
        suites: step.count,
        own: step.own,
        leaning: step.value,
    };
    steps.iter().map(directory).collect()
}

fn sample<'a>(suite: &Suite<'a>, place: usize, seen: &Seen) -> Sample<'a> {
    let run = suite.runs.get(place).copied().flatten();
    let part =
        |figure: Option<(i64, Use)>| (figure.map(|(bytes, _)| bytes), figure.map(|(_, used)| used.into()));
    let (import_bytes, import_use) = part(seen.import);
    let (retained_bytes, retained_use) = part(seen.retained);
    let (transient_bytes, transient_use) = part(seen.transient);
    Sample {
        run: run.map(|run| run.run.as_str()),
        key: run.map(|run| run.key.as_str()),
        moved_from: suite.moved_from.get(place).copied().flatten(),
        age: seen.age,
        killed: seen.killed.is_some(),
        ms: seen.time.map(|(time, _)| time.0),
        ms_use: seen.time.map(|(_, used)| used.into()),
        import_bytes,
        import_use,
        retained_bytes,
        retained_use,
        transient_bytes,
        transient_use,
    }
}
