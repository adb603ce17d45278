//! What is recorded, and the verdicts.

use crate::failure::Failure;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// A case may take so many per cent more than is recorded: what the moment adds, such as where memory comes to lie.
const TOLERANCE_PERCENT: u64 = 8;

/// A case that takes so many per cent less is worth recording anew: its bound does not guard it any more.
const FAR_PERCENT: u64 = 20;

/// The first line of the file.
const HEAD: &str = "case,instructions";

/// What is recorded, by the names of cases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bounds {
    recorded: BTreeMap<String, u64>,
}

/// What became of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It keeps to its bound.
    Within,
    /// It takes so much less that the bound should be recorded anew.
    FarBelow,
    /// It takes more.
    Above,
    /// There is no bound.
    Unrecorded,
}

fn file() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.csv"))
}

impl Bounds {
    /// Reads what is recorded in the repository.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read.
    pub fn read() -> Result<Bounds, Failure> {
        Bounds::parse(&fs::read_to_string(file())?)
    }

    /// Records in the repository.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written.
    pub fn write(&self) -> Result<(), Failure> {
        Ok(fs::write(file(), self.to_text())?)
    }

    fn parse(text: &str) -> Result<Bounds, Failure> {
        let wrong = |line: &str| Failure::Wrong(format!("the bounds hold a line that cannot be read: {line}"));
        let entry = |line: &str| -> Result<(String, u64), Failure> {
            let (name, count) = line.rsplit_once(',').ok_or_else(|| wrong(line))?;
            Ok((name.trim_matches('"').to_string(), count.parse().map_err(|_| wrong(line))?))
        };
        let recorded = text.lines().skip(1).map(entry).collect::<Result<_, _>>()?;
        Ok(Bounds { recorded })
    }

    fn to_text(&self) -> String {
        let lines = self.recorded.iter().map(|(name, count)| format!("\"{name}\",{count}\n"));
        format!("{HEAD}\n{}", lines.collect::<String>())
    }

    /// Keeps what a case takes now.
    pub fn record(&mut self, case: &str, counted: u64) {
        self.recorded.insert(case.to_string(), counted);
    }

    /// Holds what a case takes against its bound.
    pub fn judge(&self, case: &str, counted: u64) -> Verdict {
        match self.recorded.get(case) {
            None => Verdict::Unrecorded,
            Some(&recorded) if counted > most(recorded) => Verdict::Above,
            Some(&recorded) if counted * 100 < recorded * (100 - FAR_PERCENT) => Verdict::FarBelow,
            Some(_) => Verdict::Within,
        }
    }

    /// Writes a case's bound and the verdict.
    pub fn text(&self, case: &str, verdict: Verdict) -> String {
        let word = match verdict {
            Verdict::Within => "",
            Verdict::FarBelow => "far below: record it anew",
            Verdict::Above => "TOO MANY",
            Verdict::Unrecorded => "NOT RECORDED",
        };
        let recorded = self.recorded.get(case);
        let (recorded, most) =
            recorded.map_or(("-".to_string(), "-".to_string()), |&count| (count.to_string(), most(count).to_string()));
        format!("{recorded:>12} {most:>12}  {word}").trim_end().to_string()
    }
}

fn most(recorded: u64) -> u64 {
    recorded + recorded * TOLERANCE_PERCENT / 100
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instructions::case::Case;

    #[test]
    fn what_is_written_is_read() {
        let mut bounds = Bounds::default();
        bounds.record("a, b", 100);
        bounds.record("c", 7);
        assert_eq!(Bounds::parse(&bounds.to_text()).expect("it can be read"), bounds);
        assert!(Bounds::parse("case,instructions\nnonsense").is_err());
    }

    #[test]
    fn the_verdict_is_for_the_better_and_for_the_worse() {
        let mut bounds = Bounds::default();
        bounds.record("a", 1_000);
        for (counted, verdict) in
            [(1_081, Verdict::Above), (1_080, Verdict::Within), (800, Verdict::Within), (799, Verdict::FarBelow)]
        {
            assert_eq!(bounds.judge("a", counted), verdict, "{counted}");
        }
        assert_eq!(bounds.judge("b", 1), Verdict::Unrecorded);
    }

    #[test]
    fn what_is_recorded_are_the_cases() {
        let bounds = Bounds::read().expect("the file can be read");
        let mut names: Vec<&str> = Case::ALL.iter().map(|case| case.name).collect();
        names.sort_unstable();
        assert!(bounds.recorded.keys().eq(names), "record anew: {:?}", bounds.recorded.keys());
    }
}
