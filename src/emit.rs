//! A plan as text for machines and people. Nothing here changes a plan.

pub mod matrix;
pub mod selection;
pub mod table;
