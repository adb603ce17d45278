//! Exits as they travel: the runtime does not know archives.

use crate::{Exit, Panic, data};

/// An [`Exit`] in a message of a primitive.
#[data]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExitData {
    Normal,
    Code(i32),
    Signal { signal: i32, core_dumped: bool },
    Panicked { message: String, location: String, backtrace: String },
    Failed(Vec<String>),
    Killed,
    Stopped,
}

impl From<&Exit> for ExitData {
    fn from(exit: &Exit) -> ExitData {
        match exit {
            Exit::Normal => ExitData::Normal,
            Exit::Code(code) => ExitData::Code(*code),
            Exit::Signal { signal, core_dumped } => ExitData::Signal { signal: *signal, core_dumped: *core_dumped },
            Exit::Panicked(panic) => ExitData::Panicked {
                message: panic.message.clone(),
                location: panic.location.clone(),
                backtrace: panic.backtrace.clone(),
            },
            Exit::Failed(chain) => ExitData::Failed(chain.clone()),
            Exit::Killed => ExitData::Killed,
            Exit::Stopped => ExitData::Stopped,
            // Kinds of exits to come: their text is kept.
            other => ExitData::Failed(vec![other.to_string()]),
        }
    }
}

impl From<ExitData> for Exit {
    fn from(exit: ExitData) -> Exit {
        match exit {
            ExitData::Normal => Exit::Normal,
            ExitData::Code(code) => Exit::Code(code),
            ExitData::Signal { signal, core_dumped } => Exit::Signal { signal, core_dumped },
            ExitData::Panicked { message, location, backtrace } => {
                Exit::Panicked(Panic { message, location, backtrace })
            }
            ExitData::Failed(chain) => Exit::Failed(chain),
            ExitData::Killed => Exit::Killed,
            ExitData::Stopped => Exit::Stopped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_come_back_as_they_were() {
        let panic = Panic { message: "message".into(), location: "a.rs:1:2".into(), backtrace: "trace".into() };
        let exits = [
            Exit::Normal,
            Exit::Code(3),
            Exit::Signal { signal: 9, core_dumped: false },
            Exit::Panicked(panic),
            Exit::Failed(vec!["outer".into(), "inner".into()]),
            Exit::Killed,
            Exit::Stopped,
        ];
        for exit in exits {
            assert_eq!(Exit::from(ExitData::from(&exit)), exit);
        }
    }
}
