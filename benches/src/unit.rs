//! How figures are written.

/// The unit of a line's figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds, written as microseconds.
    Nanoseconds,
    /// Operations per second.
    PerSecond,
    /// KiB of memory.
    Kibibytes,
    /// Milliseconds of processor time per second.
    MillisecondsPerSecond,
}

impl Unit {
    /// Writes a figure with its unit.
    pub fn text(self, figure: f64) -> String {
        format!("{} {}", self.number(figure), self.symbol(figure))
    }

    /// Writes a figure without its unit, with two digits or more.
    pub fn number(self, figure: f64) -> String {
        let scaled = figure / self.scale(figure);
        let decimals = match scaled {
            s if s >= 100.0 => 0,
            s if s >= 10.0 => 1,
            s if s > 0.0 && s < 0.01 => 4,
            s if s > 0.0 && s < 0.1 => 3,
            _ => 2,
        };
        format!("{scaled:.decimals$}")
    }

    fn scale(self, figure: f64) -> f64 {
        match self {
            Unit::Nanoseconds => 1e3,
            Unit::PerSecond if figure >= 1e6 => 1e6,
            Unit::PerSecond if figure >= 1e3 => 1e3,
            Unit::PerSecond | Unit::Kibibytes | Unit::MillisecondsPerSecond => 1.0,
        }
    }

    fn symbol(self, figure: f64) -> &'static str {
        match self {
            Unit::Nanoseconds => "us",
            Unit::PerSecond if figure >= 1e6 => "M/s",
            Unit::PerSecond if figure >= 1e3 => "k/s",
            Unit::PerSecond => "/s",
            Unit::Kibibytes => "KiB",
            Unit::MillisecondsPerSecond => "ms/s",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_with_two_digits_or_more() {
        let cases = [
            (Unit::Nanoseconds, 7_123.0, "7.12 us"),
            (Unit::Nanoseconds, 48_160.0, "48.2 us"),
            (Unit::Nanoseconds, 110.0, "0.11 us"),
            (Unit::Nanoseconds, 41.0, "0.041 us"),
            (Unit::Nanoseconds, 9.2, "0.0092 us"),
            (Unit::PerSecond, 1_020_000.0, "1.02 M/s"),
            (Unit::PerSecond, 8_130.0, "8.13 k/s"),
            (Unit::PerSecond, 12.0, "12.0 /s"),
            (Unit::Kibibytes, 250.0, "250 KiB"),
            (Unit::MillisecondsPerSecond, 0.0, "0.00 ms/s"),
        ];
        for (unit, figure, text) in cases {
            assert_eq!(unit.text(figure), text);
        }
    }
}
