//! A plan as what a cluster's scheduler takes: tasks in groups that ask for the same memory.

pub mod argo;
pub mod classes;
pub mod kubernetes;
mod pod;
pub mod slurm;
