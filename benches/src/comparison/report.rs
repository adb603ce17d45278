//! A run, and the files that hold it.

use crate::comparison::outcome::Outcome;
use crate::comparison::{csv, markdown};
use crate::failure::Failure;
use std::fs;
use std::path::Path;

/// What a run came to.
#[derive(Debug)]
pub struct Report<'a> {
    /// What the files are called, without what tells their kinds.
    pub name: &'a str,
    /// What stands above all.
    pub title: &'a str,
    /// The machine and the versions.
    pub facts: &'a [(&'static str, String)],
    /// The lines.
    pub outcomes: &'a [Outcome],
    /// What is to be said between the goals and the tables, as Markdown.
    pub remarks: String,
    /// Whether a chart is drawn beside the files.
    pub has_chart: bool,
}

impl Report<'_> {
    /// Writes the Markdown and the comma-separated values into a folder, and returns what they are called.
    ///
    /// # Errors
    ///
    /// Fails if the folder cannot be written to.
    pub fn write(&self, folder: &Path) -> Result<String, Failure> {
        fs::create_dir_all(folder)?;
        let file = |kind| folder.join(format!("{}.{kind}", self.name));
        fs::write(file("md"), markdown::document(self))?;
        fs::write(file("csv"), csv::document(self.outcomes))?;
        Ok(format!("{}/{}.{{md,csv}}", folder.display(), self.name))
    }
}
