//! What other numbers of shards would have cost.

use std::fmt::Write as _;

use maud::{Markup, html};

use crate::emit::phrase;
use crate::plan::Plan;
use crate::plan::file::Point;
use crate::plan::what_if::Curve;
use crate::text::{count, thousands};

/// The drawing, in its own units.
const WIDTH: u64 = 640;
const HEIGHT: u64 = 200;

/// Numbers that have a row.
const ROWS_MAX: usize = 14;

pub(super) fn section(plan: &Plan, curve: &Curve) -> Markup {
    let all: Vec<usize> = curve.shards.iter().map(|point| point.shards).collect();
    let place = |number: usize| all.iter().position(|shards| *shards == number);
    let (chosen, knee) = (place(plan.shards.len()), place(curve.knee));
    let matter: Vec<usize> = [chosen, knee].into_iter().flatten().collect();
    let rows = phrase::rungs(&all, &matter, ROWS_MAX);
    let priced = curve.shards.iter().any(|point| point.price.is_some());
    let mark = |at: usize| match (chosen == Some(at), knee == Some(at)) {
        (true, true) => "planned, and costs least",
        (true, false) => "planned",
        (false, true) => "costs least",
        (false, false) => "",
    };
    html! {
        section aria-labelledby="curve" {
            h2 #curve { "Other numbers of shards" }
            p { (phrase::pays(curve)) "." }
            @if curve.shards.len() > 1 { (drawing(curve, chosen, knee)) }
            table.plain {
                caption.hidden { "What other numbers of shards would cost" }
                thead {
                    tr {
                        th.number scope="col" { "shards" }
                        th.number scope="col" { "the longest" }
                        th.number scope="col" { "all done after" }
                        th.number scope="col" { "machine time" }
                        @if priced { th.number scope="col" { "price" } }
                        th.number scope="col" { "the largest" }
                        th scope="col" { span.hidden { "mark" } }
                    }
                }
                tbody {
                    @for (at, point) in rows.iter().map(|at| (*at, &curve.shards[*at])) {
                        tr.chosen[chosen == Some(at)] {
                            th.number scope="row" { (thousands(point.shards)) }
                            td.number { (point.longest_ms) }
                            td.number { (point.wall_ms) }
                            td.number { (point.machine_ms) }
                            @if priced {
                                td.number { @if let Some(price) = point.price { (price) } }
                            }
                            td.number { @if let Some(peak) = point.peak_bytes { (peak) } }
                            td { (mark(at)) }
                        }
                    }
                }
            }
        }
    }
}

/// Waiting and machine time over the number of shards, each of its own largest value. The numbers that were tried
/// are evenly apart, though ever more lie between them.
fn drawing(curve: &Curve, chosen: Option<usize>, knee: Option<usize>) -> Markup {
    let points = &curve.shards;
    let last = points.len() as u64 - 1;
    let x = |place: usize| place as u64 * WIDTH / last.max(1);
    let line = |value: fn(&Point) -> u64| {
        let most = points.iter().map(value).max().unwrap_or(0).max(1);
        let mut line = String::new();
        for (place, point) in points.iter().enumerate() {
            let y = HEIGHT - (u128::from(value(point)) * u128::from(HEIGHT) / u128::from(most)) as u64;
            let _ = write!(line, "{},{y} ", x(place));
        }
        line
    };
    let ends = || [points.first(), points.last()].into_iter().flatten().zip([("start", 0), ("end", WIDTH)]);
    html! {
        svg.curve viewBox={ "-10 -10 " (WIDTH + 20) " " (HEIGHT + 34) } role="img"
            aria-label="waiting and machine time over the number of shards; the table has the figures" {
            @if let Some(knee) = knee { line.knee x1=(x(knee)) x2=(x(knee)) y1="0" y2=(HEIGHT) {} }
            @if let Some(chosen) = chosen { line.chosen x1=(x(chosen)) x2=(x(chosen)) y1="0" y2=(HEIGHT) {} }
            polyline.wall points=(line(|point| point.wall_ms.0).trim_end()) {}
            polyline.machine points=(line(|point| point.machine_ms.0).trim_end()) {}
            @for (point, (anchor, x)) in ends() {
                text x=(x) y=(HEIGHT + 16) text-anchor=(anchor) { (count(point.shards, "shard")) }
            }
        }
        p.legend {
            span.key.wall {} " until all are done "
            span.key.machine {} " machine time "
            span.key.budget {} " planned "
            span.key.knee {} " costs least"
        }
    }
}
