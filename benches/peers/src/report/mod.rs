//! The results as text, Markdown, CSV and a chart. All but the chart's file are pure.

pub mod chart;
pub mod csv;
pub mod markdown;
pub mod text;

use crate::outcome::Outcome;
use procession_benches::Failure;
use std::fs;
use std::path::Path;

/// What a run came to.
#[derive(Debug)]
pub struct Report<'a> {
    /// What the files are called, without what tells their kinds.
    pub name: &'a str,
    /// The machine and the versions.
    pub facts: &'a [(&'static str, String)],
    /// The lines.
    pub outcomes: &'a [Outcome],
}

impl Report<'_> {
    /// Writes three files into a folder, and returns what they are called.
    ///
    /// # Errors
    ///
    /// Fails if the folder cannot be written to.
    pub fn write(&self, folder: &Path) -> Result<String, Failure> {
        fs::create_dir_all(folder)?;
        let file = |kind| folder.join(format!("{}.{kind}", self.name));
        fs::write(file("md"), markdown::document(self))?;
        fs::write(file("csv"), csv::document(self.outcomes))?;
        chart::draw(self.outcomes, &file("svg"))?;
        Ok(format!("{}/{}.{{md,csv,svg}}", folder.display(), self.name))
    }
}
