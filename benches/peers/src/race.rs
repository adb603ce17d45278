//! Has all sides of a line do its work in turns.

use crate::line::Line;
use crate::side::{Side, Work};
use nix::unistd::alarm;
use procession_benches::comparison::outcome::{Outcome, Shot, Track, Who};
use procession_benches::effort::Effort;
use procession_benches::pinning::{Cores, Pinning};
use procession_benches::regime::Regime;
use procession_benches::sample::Sample;
use procession_benches::unit::Unit;
use procession_benches::{Burst, Failure, Operation, Reading};
use std::thread;
use std::time::{Duration, Instant};

/// Before each round: a side that still spins has stopped by then.
const REST: Duration = Duration::from_millis(3);

/// How long one round of one side is to take.
const FULL_ROUND: Duration = Duration::from_millis(25);
const QUICK_ROUND: Duration = Duration::from_millis(5);

/// How often a number of operations is tried, of which the shortest counts: somebody else may have had the core meanwhile.
const TRIES: usize = 3;

/// Measures all sides of a line in turns, with a cache-line probe before and after each. A side that is not available here,
/// or that fails, is left out with its reason.
///
/// If the line takes far too long, SIGALRM ends this process, and with it everything it started.
///
/// # Errors
///
/// Fails if the line cannot run here at all.
pub fn run(line: Line, cores: &Cores, effort: &Effort) -> Result<Outcome, Failure> {
    alarm::set(effort.hang_limit.as_secs() as u32 * line.sides.len() as u32);
    let title = line.title();
    let course = Course { pinning: Pinning::new(line.placement, cores)?, cores, effort, unit: line.unit };
    let tracks = course.run(&line.sides);
    alarm::cancel();
    Ok(Outcome { note: line.note, ..Outcome::of(title, line.unit, line.goals, &tracks?) })
}

/// A side that runs.
enum Running {
    Each(Box<dyn Operation>),
    Burst(Box<dyn Burst>),
    Reading(Box<dyn Reading>),
}

impl Running {
    fn start(work: &Work, pinning: &Pinning) -> Result<Running, Failure> {
        Ok(match work {
            Work::Each(make) => Running::Each(make(pinning)?),
            Work::Burst(make) => Running::Burst(make(pinning)?),
            Work::Reading(make) => Running::Reading(make(pinning)?),
        })
    }

    fn measure(&mut self, operations: u64, unit: Unit) -> Result<Sample, Failure> {
        match self {
            Running::Each(operation) => Sample::of_latencies(&mut **operation, operations),
            Running::Burst(burst) if unit == Unit::PerSecond => Sample::of_rate(&mut **burst, operations),
            Running::Burst(burst) => Sample::of_pace(&mut **burst, operations),
            Running::Reading(reading) => reading.read().map(Sample::Figure),
        }
    }
}

/// What the sides run on.
struct Course<'a> {
    pinning: Pinning,
    cores: &'a Cores,
    effort: &'a Effort,
    unit: Unit,
}

impl Course<'_> {
    fn run(&self, sides: &[Side]) -> Result<Vec<Track>, Failure> {
        let track = |side: &Side| Track {
            side: Who { name: side.name.clone(), part: side.part },
            shots: Vec::new(),
            missing: None,
            is_broken: false,
        };
        let mut tracks: Vec<Track> = sides.iter().map(track).collect();
        let deadline = Instant::now() + self.effort.line_limit * sides.len() as u32 / 2;
        for generation in 0..self.effort.generations {
            if generation == 0 || Instant::now() < deadline {
                self.run_generation(generation, sides, &mut tracks, deadline)?;
            }
        }
        Ok(tracks)
    }

    /// Starts all sides, and measures them in turns; at least once, whatever the time.
    fn run_generation(
        &self,
        generation: usize,
        sides: &[Side],
        tracks: &mut [Track],
        deadline: Instant,
    ) -> Result<(), Failure> {
        let start = |side: &Side| Running::start(&side.work, &self.pinning);
        let mut running: Vec<Option<(Running, u64)>> = Vec::with_capacity(sides.len());
        for (side, track) in sides.iter().zip(tracks.iter_mut()) {
            let started = if track.missing.is_none() { note(start(side), track) } else { None };
            running.push(started.map(|started| (started, 0)));
        }
        let _held = self.pinning.hold()?;
        for ((side, contender), track) in sides.iter().zip(&mut running).zip(tracks.iter_mut()) {
            let Some((running, operations)) = contender else { continue };
            match note(self.calibrate(running, side), track) {
                Some(calibrated) => *operations = calibrated,
                None => *contender = None,
            }
        }
        let mut regime = self.rest();
        for round in 0..self.effort.rounds {
            if round > 0 && Instant::now() > deadline {
                break;
            }
            for (contender, track) in running.iter_mut().zip(tracks.iter_mut()) {
                let Some((side, operations)) = contender else { continue };
                let Some(sample) = note(side.measure(*operations, self.unit), track) else {
                    *contender = None;
                    continue;
                };
                let after = self.rest();
                let round = generation * self.effort.rounds + round;
                track.shots.push(Shot { round, sample, regime: regime.and(after) });
                regime = after;
            }
        }
        Ok(())
    }

    /// Finds how many operations make a round, which also warms the side up.
    fn calibrate(&self, running: &mut Running, side: &Side) -> Result<u64, Failure> {
        if let Running::Reading(_) = running {
            return Ok(1);
        }
        let wanted = if *self.effort == Effort::QUICK { QUICK_ROUND } else { FULL_ROUND };
        let mut operations = side.grain;
        loop {
            let elapsed = self.shortest(running, operations)?;
            if elapsed >= wanted / 4 || operations >= side.most {
                let scaled = operations as f64 * wanted.as_secs_f64() / elapsed.as_secs_f64();
                return Ok((scaled as u64).min(side.most).next_multiple_of(side.grain).max(side.grain));
            }
            operations = (operations * 4).min(side.most).next_multiple_of(side.grain);
        }
    }

    fn shortest(&self, side: &mut Running, operations: u64) -> Result<Duration, Failure> {
        let mut shortest = Duration::MAX;
        for _ in 0..TRIES {
            let before = Instant::now();
            side.measure(operations, self.unit)?;
            shortest = shortest.min(before.elapsed());
        }
        Ok(shortest)
    }

    /// Lets the side that has just run go to sleep, then probes.
    fn rest(&self) -> Regime {
        thread::sleep(REST);
        Regime::now(self.cores)
    }
}

/// Keeps the reason of a failure with its side.
fn note<T>(outcome: Result<T, Failure>, track: &mut Track) -> Option<T> {
    let reason = |failure: &Failure| {
        track.is_broken = !matches!(failure, Failure::Unavailable(_));
        track.missing = Some(failure.to_string());
    };
    outcome.inspect_err(reason).ok()
}
