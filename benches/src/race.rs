//! Runs the two sides of a line in turns.

use crate::contest::{Contest, Pair};
use crate::effort::Effort;
use crate::failure::Failure;
use crate::line::Line;
use crate::outcome::Round;
use crate::pinning::{Cores, Pinning};
use crate::regime::Regime;
use crate::sample::Sample;
use nix::unistd::alarm;
use std::thread;
use std::time::{Duration, Instant};

/// Before each round: a side that still spins has stopped by then.
const REST: Duration = Duration::from_millis(3);

/// Measures both sides of a line: floor, ours, floor, ours ..., with a cache-line probe between them; returns all rounds.
///
/// If the line takes longer than the effort's `hang_limit`, SIGALRM ends this process, and with it everything it started.
///
/// # Errors
///
/// That of the side that failed.
pub fn run(line: Line, cores: &Cores, effort: &Effort) -> Result<Vec<Round>, Failure> {
    alarm::set(effort.hang_limit.as_secs() as u32);
    let course = Course { pinning: Pinning::new(line.placement, cores)?, cores, effort };
    let operations = line.operations;
    let rounds = match line.contest {
        Contest::Latency(pair) => course.run(pair, |side| Sample::of_latencies(side, operations)),
        Contest::Rate(pair) => course.run(pair, |side| Sample::of_rate(side, operations)),
        Contest::Pace(pair) => course.run(pair, |side| Sample::of_pace(side, operations)),
        Contest::Memory(pair) | Contest::Load(pair) => course.run(pair, |side| side.read().map(Sample::Figure)),
    };
    alarm::cancel();
    rounds
}

/// What both sides run on.
struct Course<'a> {
    pinning: Pinning,
    cores: &'a Cores,
    effort: &'a Effort,
}

impl Course<'_> {
    fn run<T: ?Sized>(
        &self,
        pair: Pair<T>,
        measure: impl Fn(&mut T) -> Result<Sample, Failure>,
    ) -> Result<Vec<Round>, Failure> {
        let deadline = Instant::now() + self.effort.line_limit;
        let mut rounds = Vec::new();
        for _ in 0..self.effort.generations {
            if rounds.is_empty() || Instant::now() < deadline {
                self.run_generation(&pair, &measure, deadline, &mut rounds)?;
            }
        }
        Ok(rounds)
    }

    /// Makes both sides, and measures them in turns; at least once, whatever the time.
    fn run_generation<T: ?Sized>(
        &self,
        pair: &Pair<T>,
        measure: impl Fn(&mut T) -> Result<Sample, Failure>,
        deadline: Instant,
        rounds: &mut Vec<Round>,
    ) -> Result<(), Failure> {
        let mut floor = (pair.floor)(&self.pinning)?;
        let mut ours = pair.ours.as_ref().map(|make| make(&self.pinning)).transpose()?;
        let _held = self.pinning.hold()?;

        let mut regime = self.warm_up(&mut *floor, ours.as_deref_mut(), &measure)?;
        for number in 0..self.effort.rounds {
            if number > 0 && Instant::now() > deadline {
                break;
            }
            let floor = measure(&mut floor)?;
            let between = self.rest();
            let mut round = Round { floor, ours: None, regime: regime.and(between) };
            regime = between;
            if let Some(ours) = &mut ours {
                round.ours = Some(measure(ours)?);
                regime = self.rest();
                round.regime = round.regime.and(regime);
            }
            rounds.push(round);
        }
        Ok(())
    }

    /// Gives each side one round that does not count.
    fn warm_up<T: ?Sized>(
        &self,
        floor: &mut T,
        ours: Option<&mut T>,
        measure: impl Fn(&mut T) -> Result<Sample, Failure>,
    ) -> Result<Regime, Failure> {
        measure(floor)?;
        if let Some(ours) = ours {
            measure(ours)?;
        }
        Ok(self.rest())
    }

    /// Lets the side that has just run go to sleep, then probes.
    fn rest(&self) -> Regime {
        thread::sleep(REST);
        Regime::now(self.cores)
    }
}
