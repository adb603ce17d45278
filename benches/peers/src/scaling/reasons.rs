//! Why a step costs more than twice as much.

/// A sweep, the point that a step leads to, and the reason for what it costs.
type Entry = (&'static str, &'static str, &'static str);

/// The reasons that are known. The names are those of the report.
const REASONS: [Entry; 2] =
    [("ask, by number of actors, split cores", "4", ASLEEP), ("ask, by number of actors, split cores", "8", ASLEEP)];

const ASLEEP: &str =
    "an actor looks for its next message for 50 us before it sleeps; asked less often than that, it is woken";

/// Returns why the step to a point costs more than twice as much, if that is known.
pub fn reason(sweep: &str, point: &str) -> Option<&'static str> {
    let found = REASONS.iter().find(|(of, to, _)| (*of, *to) == (sweep, point));
    found.map(|(_, _, reason)| *reason)
}
