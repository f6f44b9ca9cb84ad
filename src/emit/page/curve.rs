//! What other numbers of shards would have cost.

use std::fmt::Write as _;

use maud::{Markup, html};

use crate::emit::phrase;
use crate::plan::Plan;
use crate::plan::file::Point;

/// The drawing, in its own units.
const WIDTH: u64 = 640;
const HEIGHT: u64 = 200;

/// Nothing where the plan has no curve.
pub(super) fn section(plan: &Plan) -> Markup {
    let rows = phrase::curve(plan);
    let priced = rows.iter().any(|row| row.point.price.is_some());
    html! {
        @if !rows.is_empty() {
            section aria-labelledby="curve" {
                h2 #curve { "Other numbers of shards" }
                p { "How many shards there are was decided by " (phrase::terms(plan)) "." }
                @if plan.curve.len() > 1 { (drawing(plan)) }
                table.plain {
                    caption.hidden { "What other numbers of shards would cost" }
                    thead {
                        tr {
                            th.number scope="col" { "shards" }
                            th.number scope="col" { "the longest" }
                            th.number scope="col" { "all done after" }
                            th.number scope="col" { "machine time" }
                            @if priced { th.number scope="col" { "price" } }
                        }
                    }
                    tbody {
                        @for row in &rows {
                            tr.chosen[row.chosen] {
                                th.number scope="row" {
                                    (row.point.shards)
                                    @if row.chosen { span.hidden { " (chosen)" } }
                                }
                                td.number { (row.point.longest_ms) }
                                td.number { (row.point.wall_ms) }
                                td.number { (row.point.machine_ms) }
                                @if priced {
                                    td.number { @if let Some(price) = row.point.price { (price) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Waiting and machine time over the number of shards, each of its own largest value.
fn drawing(plan: &Plan) -> Markup {
    let points = &plan.curve;
    let last = points.len() as u64 - 1;
    let line = |value: fn(&Point) -> u64| {
        let most = points.iter().map(value).max().unwrap_or(0).max(1);
        let mut line = String::new();
        for (place, point) in points.iter().enumerate() {
            let x = place as u64 * WIDTH / last.max(1);
            let y = HEIGHT - (u128::from(value(point)) * u128::from(HEIGHT) / u128::from(most)) as u64;
            let _ = write!(line, "{x},{y} ");
        }
        line
    };
    let chosen = points.iter().position(|point| point.shards == plan.quality.shards).unwrap_or(0);
    let x = chosen as u64 * WIDTH / last.max(1);
    html! {
        svg.curve viewBox={ "-10 -10 " (WIDTH + 20) " " (HEIGHT + 20) } role="img"
            aria-label="waiting and machine time over the number of shards; the table has the figures" {
            line.chosen x1=(x) x2=(x) y1="0" y2=(HEIGHT) {}
            polyline.wall points=(line(|point| point.wall_ms.0).trim_end()) {}
            polyline.machine points=(line(|point| point.machine_ms.0).trim_end()) {}
        }
        p.legend {
            span.key.wall {} " until all are done "
            span.key.machine {} " machine time "
            span.key.budget {} " chosen"
        }
    }
}
