//! The command line of every bench target.

use crate::effort::Effort;
use clap::Parser;
use clap::builder::BoolishValueParser;
use std::path::PathBuf;

/// Measures procession beside raw system calls, or beside Python.
#[derive(Debug, Clone, Parser)]
pub struct Arguments {
    /// Measure for a few seconds only: a smoke run, whose figures mean little
    #[arg(long, env = "PROCESSION_BENCHES_QUICK", value_parser = BoolishValueParser::new())]
    quick: bool,

    /// What `cargo bench` passes; without it (as under `cargo test`) the run is quick
    #[arg(long, hide = true)]
    bench: bool,

    /// Where to write the results
    #[arg(long)]
    results: Option<PathBuf>,

    /// Only the lines whose name contains one of these texts
    names: Vec<String>,
}

impl Arguments {
    /// Returns how long to measure.
    pub fn effort(&self) -> Effort {
        if self.quick || !self.bench { Effort::QUICK } else { Effort::FULL }
    }

    /// Tells whether this is a full run of all lines.
    pub fn is_whole(&self) -> bool {
        self.names.is_empty() && self.effort() == Effort::FULL
    }

    /// Returns the folder that was named for the results, if any.
    pub fn named_folder(&self) -> Option<PathBuf> {
        self.results.clone()
    }

    /// Returns the folder to write results to that are kept: `benches/results` after a full run of all lines, none after others,
    /// unless one was named.
    pub fn folder(&self) -> Option<PathBuf> {
        let usual = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/results"));
        self.named_folder().or_else(|| self.is_whole().then(usual))
    }

    /// Tells whether the line called `name` was asked for.
    pub fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|wanted| name.contains(wanted.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_bench_passes_is_a_full_run() {
        let arguments = Arguments::parse_from(["table", "--bench"]);
        assert_eq!(arguments.effort(), if arguments.quick { Effort::QUICK } else { Effort::FULL });
    }

    #[test]
    fn without_it_the_run_is_quick() {
        assert_eq!(Arguments::parse_from(["table"]).effort(), Effort::QUICK);
    }

    #[test]
    fn names_choose_lines() {
        let arguments = Arguments::parse_from(["table", "--bench", "1 MiB", "spawn"]);
        assert!(arguments.wants("1 MiB, memcpy"));
        assert!(arguments.wants("100 spawns in a row"));
        assert!(!arguments.wants("one-way 64 B"));
    }

    #[test]
    fn only_a_full_run_of_all_lines_writes_where_nothing_was_named() {
        let folder = |arguments: &[&str]| Arguments::parse_from(arguments).folder();
        assert_eq!(folder(&["table", "--bench", "--quick"]), None);
        assert_eq!(folder(&["table", "--bench", "1 MiB"]), None);
        assert_eq!(folder(&["table", "--quick", "--results", "there"]), Some(PathBuf::from("there")));
    }
}
