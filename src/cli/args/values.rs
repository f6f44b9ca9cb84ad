//! Values of flags that are one of several words.

use clap::ValueEnum;

use crate::config::Granularity;

/// A CI that `shard init` writes for.
#[derive(ValueEnum, Clone, Copy)]
pub(in crate::cli) enum InitCi {
    Github,
    Gitlab,
    None,
}

impl From<InitCi> for crate::init::Ci {
    fn from(ci: InitCi) -> crate::init::Ci {
        match ci {
            InitCi::Github => crate::init::Ci::Github,
            InitCi::Gitlab => crate::init::Ci::Gitlab,
            InitCi::None => crate::init::Ci::None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Preflight {
    /// Do not start
    Fail,
    /// Say so and start
    Warn,
    /// Do not look
    Off,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum PlanFormat {
    Table,
    Json,
    Markdown,
    Html,
    Github,
    Gitlab,
    Buildkite,
    Circleci,
    Azure,
    Slurm,
    Kubernetes,
    Argo,
}

impl PlanFormat {
    /// Whether it is for a cluster, whose tasks get what is asked for them.
    pub(in crate::cli) fn is_of_cluster(self) -> bool {
        matches!(self, PlanFormat::Slurm | PlanFormat::Kubernetes | PlanFormat::Argo)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum DiffFormat {
    Table,
    Json,
}

#[derive(Clone, Copy, ValueEnum)]
pub(in crate::cli) enum SchemaDocument {
    /// plan.json
    Plan,
    /// matrix.json
    Matrix,
    /// shard-history.json
    History,
    /// One line of an outcome of `shard run`
    Outcome,
    /// shard.toml
    Config,
}

impl From<SchemaDocument> for crate::schema::Document {
    fn from(document: SchemaDocument) -> Self {
        match document {
            SchemaDocument::Plan => Self::Plan,
            SchemaDocument::Matrix => Self::Matrix,
            SchemaDocument::History => Self::History,
            SchemaDocument::Outcome => Self::Outcome,
            SchemaDocument::Config => Self::Config,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(in crate::cli) enum SelectionFormat {
    Lines,
    Null,
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum SelectFormat {
    Lines,
    Null,
    Json,
    Args,
}

#[derive(Clone, Copy, ValueEnum)]
pub(in crate::cli) enum Effort {
    Quick,
    Normal,
    Best,
}

#[derive(Clone, Copy, ValueEnum)]
pub(in crate::cli) enum Unit {
    File,
    Class,
    Test,
}

impl From<Unit> for Granularity {
    fn from(unit: Unit) -> Granularity {
        match unit {
            Unit::File => Granularity::File,
            Unit::Class => Granularity::Class,
            Unit::Test => Granularity::Test,
        }
    }
}

impl From<SelectionFormat> for crate::plan::Selection {
    fn from(format: SelectionFormat) -> Self {
        match format {
            SelectionFormat::Lines => Self::Lines,
            SelectionFormat::Null => Self::Null,
            SelectionFormat::Json => Self::Json,
        }
    }
}

impl From<SelectFormat> for crate::emit::selection::Form {
    fn from(format: SelectFormat) -> Self {
        match format {
            SelectFormat::Lines => Self::Lines,
            SelectFormat::Null => Self::Null,
            SelectFormat::Json => Self::Json,
            SelectFormat::Args => Self::Args,
        }
    }
}

impl From<Effort> for crate::pack::Effort {
    fn from(effort: Effort) -> Self {
        match effort {
            Effort::Quick => Self::Quick,
            Effort::Normal => Self::Normal,
            Effort::Best => Self::Best,
        }
    }
}
