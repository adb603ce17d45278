//! One round of one side: the place where the clock is read.

use crate::contest::{Burst, Operation};
use crate::failure::Failure;
use hdrhistogram::Histogram;
use std::time::{Duration, Instant};

/// Digits that a latency histogram keeps.
const SIGNIFICANT_DIGITS: u8 = 3;

/// Longer latencies count as this; a line that takes as long is ended anyway.
const LONGEST_NANOSECONDS: u64 = 60_000_000_000;

/// What one round of one side came to, in the line's unit.
#[derive(Debug, Clone)]
pub enum Sample {
    /// The time of every operation, in nanoseconds.
    Latencies(Histogram<u64>),
    /// One figure for the round.
    Figure(f64),
}

impl Sample {
    /// Times `operations` one by one.
    ///
    /// # Errors
    ///
    /// That of the operation.
    pub fn of_latencies(operation: &mut dyn Operation, operations: u64) -> Result<Self, Failure> {
        let mut times = Vec::with_capacity(operations as usize);
        let mut before = Instant::now();
        for _ in 0..operations {
            operation.run()?;
            let after = Instant::now();
            times.push(after - before);
            before = after;
        }
        operation.settle()?;
        Ok(Sample::from_times(&times))
    }

    /// Times a whole burst.
    ///
    /// # Errors
    ///
    /// That of the burst.
    pub fn of_rate(burst: &mut dyn Burst, operations: u64) -> Result<Self, Failure> {
        let before = Instant::now();
        burst.run(operations)?;
        let elapsed = before.elapsed();
        burst.settle()?;
        Ok(Sample::Figure(operations as f64 / elapsed.as_secs_f64()))
    }

    /// Collects times into a histogram.
    pub fn from_times(times: &[Duration]) -> Self {
        let mut histogram = empty_histogram();
        for time in times {
            histogram.saturating_record(time.as_nanos() as u64);
        }
        Sample::Latencies(histogram)
    }

    /// Returns the round's figure: the median, for latencies.
    pub fn figure(&self) -> f64 {
        match self {
            Sample::Latencies(histogram) => histogram.value_at_quantile(0.5) as f64,
            Sample::Figure(figure) => *figure,
        }
    }
}

/// Makes an empty latency histogram.
pub(crate) fn empty_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_NANOSECONDS, SIGNIFICANT_DIGITS).expect("the bounds are allowed")
}
