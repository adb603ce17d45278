//! Functions that are called at the host: what they are given, and how their panics are caught.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use procession_runtime::Call;

use super::SharedError;
use super::fault::Fault;
use super::number::Number;
use crate::primitives::blob::Blob;
use crate::routine::Routine;
use crate::{Data, data};

/// A function and its argument, on their way to a host.
#[data]
#[derive(Debug, Clone)]
pub(crate) struct Edit {
    routine: Routine,
    argument: Blob,
}

/// What a function gives: the value after it, unless that is as it was before, and what it returned.
type Edited<V> = Result<(Option<V>, Blob), Fault>;

impl Edit {
    /// Names a function that changes a `T`. Each of these is called after `refuse_captures`.
    pub(super) fn of_value<F, T, A, R>(function: F, argument: &A) -> Result<Edit, SharedError>
    where
        F: Fn(&mut T, A) -> R + Copy + 'static,
        T: Data,
        A: Data,
        R: Data,
    {
        Edit::new::<F, OfValue<T, A, R>, A>(function, argument)
    }

    /// Names a function that changes all items of a list.
    pub(super) fn of_items<F, T, A, R>(function: F, argument: &A) -> Result<Edit, SharedError>
    where
        F: Fn(&mut Vec<T>, A) -> R + Copy + 'static,
        T: Data,
        A: Data,
        R: Data,
    {
        Edit::new::<F, OfItems<T, A, R>, A>(function, argument)
    }

    /// Names a function that changes all items of an array.
    pub(super) fn of_slice<F, T, A, R>(function: F, argument: &A) -> Result<Edit, SharedError>
    where
        F: Fn(&mut [T], A) -> R + Copy + 'static,
        T: Data,
        A: Data,
        R: Data,
    {
        Edit::new::<F, OfSlice<T, A, R>, A>(function, argument)
    }

    /// Names the finding of an item: gives where the first of those is that are equal to it, and how many there are.
    pub(super) fn find<T: Data + PartialEq>(item: &T) -> Result<Edit, SharedError> {
        Edit::new::<_, Find<T>, T>(Builtin, item)
    }

    /// Names the addition of a number; gives the number before.
    pub(super) fn add<T: Number>(number: T) -> Result<Edit, SharedError> {
        Edit::new::<_, Add<T>, T>(Builtin, &number)
    }

    /// Names the subtraction of a number; gives the number before.
    pub(super) fn subtract<T: Number>(number: T) -> Result<Edit, SharedError> {
        Edit::new::<_, Subtract<T>, T>(Builtin, &number)
    }

    fn new<F, C, A>(function: F, argument: &A) -> Result<Edit, SharedError>
    where
        F: Copy + 'static,
        C: Call<F>,
        A: Data,
    {
        Ok(Edit { routine: Routine::of::<F, C>(function)?, argument: Blob::pack(argument)? })
    }

    /// Calls a function of one value; gives what it returned.
    pub(super) fn apply(self, value: &mut Blob) -> Result<Blob, Fault> {
        let (changed, result) = self.call(value.clone())?;
        changed.into_iter().for_each(|changed| *value = changed);
        Ok(result)
    }

    /// Calls a function of all items; gives what it returned.
    pub(super) fn apply_all(self, items: &mut Rc<Vec<Blob>>) -> Result<Blob, Fault> {
        let (changed, result) = self.call(items.clone())?;
        changed.into_iter().for_each(|changed| *items = changed);
        Ok(result)
    }

    fn call<V: 'static>(self, value: V) -> Edited<V> {
        let function = self.routine.find::<(V, Blob), Edited<V>>();
        let function = function.ok_or_else(|| Fault::Unreadable("there is no such function".to_owned()))?;
        // What the function had in its hands are copies, so nothing is left half done.
        catch_unwind(AssertUnwindSafe(|| function((value, self.argument)))).unwrap_or_else(|_| {
            let panic = procession_runtime::last_panic();
            Err(Fault::Panicked { message: panic.message, location: panic.location })
        })
    }
}

fn open<T: Data>(blob: &Blob) -> Result<T, Fault> {
    blob.open().map_err(|error| Fault::unreadable(&error))
}

fn pack_all<T: Data>(items: &[T]) -> Result<Rc<Vec<Blob>>, Fault> {
    Ok(Rc::new(items.iter().map(Blob::pack).collect::<Result<_, _>>()?))
}

struct OfValue<T, A, R>(PhantomData<fn(T, A) -> R>);

impl<F, T, A, R> Call<F> for OfValue<T, A, R>
where
    F: Fn(&mut T, A) -> R,
    T: Data,
    A: Data,
    R: Data,
{
    type Input = (Blob, Blob);
    type Output = Edited<Blob>;

    fn call(function: F, (value, argument): (Blob, Blob)) -> Edited<Blob> {
        let mut value = open::<T>(&value)?;
        let result = function(&mut value, open(&argument)?);
        Ok((Some(Blob::pack(&value)?), Blob::pack(&result)?))
    }
}

struct OfItems<T, A, R>(PhantomData<fn(T, A) -> R>);

impl<F, T, A, R> Call<F> for OfItems<T, A, R>
where
    F: Fn(&mut Vec<T>, A) -> R,
    T: Data,
    A: Data,
    R: Data,
{
    type Input = (Rc<Vec<Blob>>, Blob);
    type Output = Edited<Rc<Vec<Blob>>>;

    fn call(function: F, (items, argument): (Rc<Vec<Blob>>, Blob)) -> Edited<Rc<Vec<Blob>>> {
        let mut items = items.iter().map(open).collect::<Result<Vec<T>, _>>()?;
        let result = function(&mut items, open(&argument)?);
        Ok((Some(pack_all(&items)?), Blob::pack(&result)?))
    }
}

struct OfSlice<T, A, R>(PhantomData<fn(T, A) -> R>);

impl<F, T, A, R> Call<F> for OfSlice<T, A, R>
where
    F: Fn(&mut [T], A) -> R,
    T: Data,
    A: Data,
    R: Data,
{
    type Input = (Rc<Vec<Blob>>, Blob);
    type Output = Edited<Rc<Vec<Blob>>>;

    fn call(function: F, (items, argument): (Rc<Vec<Blob>>, Blob)) -> Edited<Rc<Vec<Blob>>> {
        let mut items = items.iter().map(open).collect::<Result<Vec<T>, _>>()?;
        let result = function(&mut items, open(&argument)?);
        Ok((Some(pack_all(&items)?), Blob::pack(&result)?))
    }
}

/// Stands for the function of a call that needs none.
#[derive(Clone, Copy)]
struct Builtin;

struct Find<T>(PhantomData<fn(T)>);

impl<T: Data + PartialEq> Call<Builtin> for Find<T> {
    type Input = (Rc<Vec<Blob>>, Blob);
    type Output = Edited<Rc<Vec<Blob>>>;

    fn call(_: Builtin, (items, wanted): (Rc<Vec<Blob>>, Blob)) -> Edited<Rc<Vec<Blob>>> {
        let wanted = open::<T>(&wanted)?;
        let (mut first, mut count) = (None, 0_u64);
        for (index, item) in items.iter().enumerate() {
            if open::<T>(item)? == wanted {
                first.get_or_insert(index as u64);
                count += 1;
            }
        }
        Ok((None, Blob::pack(&(first, count))?))
    }
}

struct Add<T>(PhantomData<fn(T)>);

impl<T: Number> Call<Builtin> for Add<T> {
    type Input = (Blob, Blob);
    type Output = Edited<Blob>;

    fn call(_: Builtin, (before, number): (Blob, Blob)) -> Edited<Blob> {
        let after = open::<T>(&before)?.sum(open(&number)?).ok_or(Fault::Overflow)?;
        Ok((Some(Blob::pack(&after)?), before))
    }
}

struct Subtract<T>(PhantomData<fn(T)>);

impl<T: Number> Call<Builtin> for Subtract<T> {
    type Input = (Blob, Blob);
    type Output = Edited<Blob>;

    fn call(_: Builtin, (before, number): (Blob, Blob)) -> Edited<Blob> {
        let after = open::<T>(&before)?.difference(open(&number)?).ok_or(Fault::Overflow)?;
        Ok((Some(Blob::pack(&after)?), before))
    }
}
