//! A plan as text for machines and people. Nothing here changes a plan.

pub mod argo;
pub mod backtest;
pub mod check;
pub mod classes;
pub mod coverage;
pub mod diff;
pub mod documents;
pub mod drift;
pub mod explain;
pub mod github;
pub mod inspect;
pub mod kubernetes;
pub mod markdown;
pub mod matrix;
pub mod page;
pub mod phrase;
pub mod pod;
pub mod rebalance;
pub mod selection;
pub mod slurm;
pub mod style;
pub mod table;
pub mod triage;
