//! Writes the table, line by line as they are measured.

use crate::failure::Failure;
use crate::outcome::{Figures, Outcome};
use crate::rival::Rival;
use crate::target::Target;
use crate::unit::Unit;
use std::io::{self, Write};

/// What the columns are called, behind the rival's name for the first, and their widths.
const COLUMNS: [(&str, usize); 8] = [
    (" p50 [p99 p99.9]", 22),
    ("ours p50 [p99 p99.9]", 22),
    ("ratio", 7),
    ("target", 11),
    ("reached", 7),
    ("aim", 11),
    ("cores", 5),
    ("rounds", 6),
];
const NAME_WIDTH: usize = 46;

/// A table on its way to a writer.
#[derive(Debug)]
pub struct Table<W> {
    out: W,
}

impl<W: Write> Table<W> {
    /// Writes the head of a table of ours beside a rival.
    ///
    /// # Errors
    ///
    /// That of the writer.
    pub fn new(mut out: W, rival: Rival) -> io::Result<Self> {
        write!(out, "{:<NAME_WIDTH$}", "line")?;
        let mut names = COLUMNS.map(|(name, _)| name.to_string());
        names[0].insert_str(0, rival.name());
        write_cells(&mut out, &names)?;
        Ok(Table { out })
    }

    /// Writes the name of the line that is being measured.
    ///
    /// # Errors
    ///
    /// That of the writer.
    pub fn begin(&mut self, name: &str) -> io::Result<()> {
        write!(self.out, "{name:<NAME_WIDTH$}")?;
        self.out.flush()
    }

    /// Writes what the line came to, beside what it has to reach now and what it is to reach in the end.
    ///
    /// # Errors
    ///
    /// That of the writer.
    pub fn end(&mut self, outcome: &Outcome, (target, aim): (Target, Target), unit: Unit) -> io::Result<()> {
        let reached = outcome.ours.and_then(|ours| target.reached(ours.figure(), outcome.ratio));
        let cells = [
            figures(outcome.floor, unit),
            outcome.ours.map_or_else(missing, |ours| figures(ours, unit)),
            outcome.ratio.map_or_else(missing, |ratio| format!("{ratio:.2} x")),
            target.text(unit),
            reached.map_or_else(missing, |reached| if reached { "yes" } else { "no" }.to_string()),
            aim.text(unit),
            outcome.regime.text().to_string(),
            format!("{}/{}", outcome.rounds_counted, outcome.rounds),
        ];
        write_cells(&mut self.out, &cells)
    }

    /// Writes why the line could not be measured.
    ///
    /// # Errors
    ///
    /// That of the writer.
    pub fn fail(&mut self, failure: &Failure) -> io::Result<()> {
        writeln!(self.out, "  {failure}")
    }
}

fn missing() -> String {
    "-".to_string()
}

fn figures(figures: Figures, unit: Unit) -> String {
    match figures {
        Figures::Quantiles { p50, p99, p999 } => {
            format!("{} [{} {}]", unit.text(p50), unit.number(p99), unit.number(p999))
        }
        Figures::Median(median) => unit.text(median),
    }
}

fn write_cells(out: &mut impl Write, cells: &[String; COLUMNS.len()]) -> io::Result<()> {
    for (cell, (_, width)) in cells.iter().zip(COLUMNS) {
        write!(out, "  {cell:>width$}")?;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regime::Regime;

    fn row(outcome: &Outcome, goals: (Target, Target), unit: Unit) -> Vec<String> {
        let mut text = Vec::new();
        let mut table = Table::new(&mut text, Rival::Floor).expect("memory takes everything");
        table.begin("a line").expect("memory takes everything");
        table.end(outcome, goals, unit).expect("memory takes everything");
        let text = String::from_utf8(text).expect("the table is text");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0].len(), lines[1].len(), "the columns stand below their names");
        lines[1].split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_string).collect()
    }

    #[test]
    fn a_line_with_both_sides() {
        let outcome = Outcome {
            floor: Figures::Quantiles { p50: 7_100.0, p99: 9_800.0, p999: 23_400.0 },
            ours: Some(Figures::Quantiles { p50: 8_520.0, p99: 11_000.0, p999: 31_000.0 }),
            ratio: Some(1.2),
            regime: Regime::Near,
            rounds_counted: 28,
            rounds: 31,
        };
        let row = row(&outcome, (Target::RatioAtMost(1.25), Target::RatioAtMost(1.1)), Unit::Nanoseconds);
        let figures = ["a line", "7.10 us [9.80 23.4]", "8.52 us [11.0 31.0]", "1.20 x"];
        let expected = [&figures[..], &["<= 1.25 x", "yes", "<= 1.10 x", "near", "28/31"]].concat();
        assert_eq!(row, expected);
    }

    #[test]
    fn a_line_without_ours() {
        let outcome = Outcome {
            floor: Figures::Median(1.5e6),
            ours: None,
            ratio: None,
            regime: Regime::Unknown,
            rounds_counted: 3,
            rounds: 3,
        };
        let row = row(&outcome, (Target::AtLeast(12e6), Target::None), Unit::PerSecond);
        assert_eq!(row, ["a line", "1.50 M/s", "-", "-", ">= 12.0 M/s", "-", "-", "mixed", "3/3"]);
    }

    #[test]
    fn the_first_figures_are_the_rivals() {
        for rival in Rival::ALL {
            let mut text = Vec::new();
            Table::new(&mut text, rival).expect("memory takes everything");
            let head = String::from_utf8(text).expect("the table is text");
            assert!(head.contains(&format!(" {} p50 [p99 p99.9] ", rival.name())), "{head}");
        }
    }
}
