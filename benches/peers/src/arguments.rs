//! The command line of both targets.

use clap::Parser;
use procession_benches::arguments::Arguments as Common;
use std::path::PathBuf;

/// Measures procession beside raw system calls and other libraries.
#[derive(Debug, Clone, Parser)]
pub struct Arguments {
    /// What the targets of procession's own benches take, too.
    #[command(flatten)]
    pub common: Common,

    /// Where to write the results; `benches/results` after a full run of all lines, nowhere after others
    #[arg(long)]
    pub results: Option<PathBuf>,
}

impl Arguments {
    /// Returns the folder to write to, if any.
    pub fn folder(&self) -> Option<PathBuf> {
        let usual = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../results"));
        self.results.clone().or_else(|| self.common.is_whole().then(usual))
    }
}
