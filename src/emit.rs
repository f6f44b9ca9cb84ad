//! A plan as text for machines and people. Nothing here changes a plan.

pub mod backtest;
pub mod check;
pub mod clusters;
pub mod coverage;
pub mod diff;
pub mod documents;
pub mod drift;
pub mod explain;
pub mod github;
mod grid;
pub mod inspect;
pub mod markdown;
pub mod matrix;
pub mod page;
pub mod phrase;
pub mod rebalance;
pub mod selection;
pub mod style;
pub mod table;
pub mod triage;
pub mod what_if;
