//! Functions named in messages: called where the message arrives.

use procession_runtime::{Call, Entry, EntryRef};

use crate::{SpawnError, data};

/// The name of a function that captures nothing, as plain data: another process of the system finds the function by it.
///
/// How the function is called there, says a type `R` that is [`Call`] of it; both sides must know its input and output.
#[data]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Routine {
    offset: i64,
    type_hash: u64,
}

impl Routine {
    /// Names a function. To be called after [`refuse_captures`](crate::function::refuse_captures) in a `const` block.
    ///
    /// # Errors
    /// [`SpawnError::ForeignImage`] for a function of another image than the program's, such as a loaded library.
    pub(crate) fn of<F, R>(function: F) -> Result<Routine, SpawnError>
    where
        F: Copy + 'static,
        R: Call<F>,
    {
        let EntryRef { offset, type_hash } =
            Entry::of_routine::<F, R>(function).locate().ok_or(SpawnError::ForeignImage)?;
        Ok(Routine { offset, type_hash })
    }

    /// Finds the function; `None` if there is none of this name with this input and output.
    pub(crate) fn find<I: 'static, O: 'static>(self) -> Option<fn(I) -> O> {
        EntryRef { offset: self.offset, type_hash: self.type_hash }.find::<fn(I) -> O>().map(Entry::code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Twice;

    impl<F: Fn(u32) -> u32 + Copy + 'static> Call<F> for Twice {
        type Input = u32;
        type Output = u32;

        fn call(function: F, input: u32) -> u32 {
            function(function(input))
        }
    }

    #[test]
    fn a_function_is_called_by_its_name() {
        let name = Routine::of::<_, Twice>(|number: u32| number + 1).expect("it is in the program");
        let function = name.find::<u32, u32>().expect("it is found");
        assert_eq!(function(1), 3);
        assert!(name.find::<u32, u64>().is_none());
        assert!(Routine { type_hash: name.type_hash ^ 1, ..name }.find::<u32, u32>().is_none());
    }
}
