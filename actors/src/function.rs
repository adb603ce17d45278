//! Functions that can be run in another process.

use std::marker::PhantomData;

use procession_runtime::{Ending, Entry, Process, Run};

use crate::host::arguments;
use crate::payload::Packed;
use crate::{Data, Failure};

/// A function of no argument, of one, or of several that are given as a tuple.
///
/// It must capture nothing: what it needs it gets as arguments. A closure that captures does not build, nor does a
/// function pointer: which function it points to is known at run time only.
///
/// `Shape` is how it takes its arguments; the compiler finds it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a function that can be called with `{Arguments}`",
    label = "does not fit its arguments",
    note = "pass `()` for a function without parameters, the value for one of one, and a tuple for one of several"
)]
pub trait Function<Arguments, Shape>: Copy + 'static {
    /// What it returns.
    type Output;

    /// Calls it.
    #[doc(hidden)]
    fn call(self, arguments: Arguments) -> Self::Output;
}

/// The shape of a function without parameters.
#[doc(hidden)]
#[derive(Debug)]
pub struct Nullary;

/// The shape of a function of one parameter.
#[doc(hidden)]
#[derive(Debug)]
pub struct Unary;

/// The shape of a function of several parameters.
#[doc(hidden)]
#[derive(Debug)]
pub struct Several;

impl<F: Fn() -> R + Copy + 'static, R> Function<(), Nullary> for F {
    type Output = R;

    fn call(self, (): ()) -> R {
        self()
    }
}

impl<F: Fn(A) -> R + Copy + 'static, A, R> Function<A, Unary> for F {
    type Output = R;

    fn call(self, argument: A) -> R {
        self(argument)
    }
}

macro_rules! several {
    ($($parameter:ident),*) => {
        impl<F: Fn($($parameter),*) -> R + Copy + 'static, $($parameter,)* R> Function<($($parameter,)*), Several> for F {
            type Output = R;

            #[allow(non_snake_case)] // each argument is named as its type
            fn call(self, ($($parameter,)*): ($($parameter,)*)) -> R {
                self($($parameter),*)
            }
        }
    };
}

several!(A, B);
several!(A, B, C);
several!(A, B, C, D);
several!(A, B, C, D, E);
several!(A, B, C, D, E, G);
several!(A, B, C, D, E, G, H);
several!(A, B, C, D, E, G, H, I);

/// Refuses, when the program is built, a function that is more than its code. To be called in a `const` block of the
/// function that the user calls, so that the error names the user's place.
pub(crate) const fn refuse_captures<F>() {
    assert!(
        size_of::<F>() == 0,
        "a function that runs in another process cannot capture anything, nor be a function pointer: pass it its data as arguments"
    );
}

/// Runs what every process runs before its own code.
#[derive(Debug)]
struct Setup;

impl<F: Fn() + Copy + 'static> Run<F> for Setup {
    fn run(function: F, process: &Process) -> Ending {
        crate::system::enter(process);
        function();
        Ending::Normal
    }
}

pub(crate) fn setup_entry<F: Fn() + Copy + 'static>(function: F) -> &'static Entry {
    Entry::of_function::<F, Setup>(function)
}

/// Runs a function whose value is the process's.
#[derive(Debug)]
pub(crate) struct Straight<Arguments, Shape>(PhantomData<fn(Arguments) -> Shape>);

impl<F, Arguments, Shape> Run<F> for Straight<Arguments, Shape>
where
    F: Function<Arguments, Shape, Output: Data>,
    Arguments: Data,
    Shape: 'static,
{
    fn run(function: F, process: &Process) -> Ending {
        crate::system::enter(process);
        let arguments = match arguments::<Arguments>(process) {
            Ok(arguments) => arguments,
            Err(failure) => return Ending::Failed(failure.into_chain()),
        };
        process.started();
        match pack(&function.call(arguments)) {
            Ok(value) => crate::system::leave(Ending::Returned(value)),
            Err(failure) => Ending::Failed(failure.into_chain()),
        }
    }
}

/// Runs a function whose error is the process's failure.
#[derive(Debug)]
pub(crate) struct StraightTry<Arguments, Shape>(PhantomData<fn(Arguments) -> Shape>);

impl<F, Arguments, Shape, T, E> Run<F> for StraightTry<Arguments, Shape>
where
    F: Function<Arguments, Shape, Output = Result<T, E>>,
    Arguments: Data,
    Shape: 'static,
    T: Data,
    E: Data + std::fmt::Display,
{
    fn run(function: F, process: &Process) -> Ending {
        crate::system::enter(process);
        let arguments = match arguments::<Arguments>(process) {
            Ok(arguments) => arguments,
            Err(failure) => return Ending::Failed(failure.into_chain()),
        };
        process.started();
        let outcome = function.call(arguments);
        let chain = outcome.as_ref().err().map(|error| vec![error.to_string()]);
        match (pack(&outcome), chain) {
            (Ok(value), None) => crate::system::leave(Ending::Returned(value)),
            (Ok(value), Some(chain)) => Ending::Refused(chain, value),
            (Err(failure), _) => Ending::Failed(failure.into_chain()),
        }
    }
}

/// Packs what the function returned for whoever joins.
fn pack<T: Data>(value: &T) -> Result<Vec<u8>, Failure> {
    let packed =
        Packed::new(value).map_err(|error| Failure::from(error).context("the returned value cannot be sent"))?;
    if !packed.descriptors.is_empty() {
        return Err(Failure::new("a returned value cannot hold descriptors; send them in a message"));
    }
    Ok(packed.bytes)
}
