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
        let elapsed = time(burst, operations)?;
        Ok(Sample::Figure(operations as f64 / elapsed.as_secs_f64()))
    }

    /// Times a whole burst, for the mean time of one operation, in nanoseconds.
    ///
    /// # Errors
    ///
    /// That of the burst.
    pub fn of_pace(burst: &mut dyn Burst, operations: u64) -> Result<Self, Failure> {
        let elapsed = time(burst, operations)?;
        Ok(Sample::Figure(elapsed.as_secs_f64() * 1e9 / operations as f64))
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

fn time(burst: &mut dyn Burst, operations: u64) -> Result<Duration, Failure> {
    let before = Instant::now();
    burst.run(operations)?;
    let elapsed = before.elapsed();
    burst.settle()?;
    Ok(elapsed)
}

/// Makes an empty latency histogram.
pub(crate) fn empty_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_NANOSECONDS, SIGNIFICANT_DIGITS).expect("the bounds are allowed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pace_is_the_time_of_one_and_rate_is_how_many_in_a_second() {
        let mut burst = |operations| -> Result<(), Failure> {
            std::thread::sleep(Duration::from_millis(operations));
            Ok(())
        };
        let pace = Sample::of_pace(&mut burst, 20).expect("sleep cannot fail").figure();
        assert!(pace >= 1e6, "one operation takes a millisecond or more, and not {pace} ns");
        let rate = Sample::of_rate(&mut burst, 20).expect("sleep cannot fail").figure();
        assert!(rate <= 1e3, "there are at most a thousand in a second, and not {rate}");
    }
}
