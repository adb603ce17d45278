//! Messages and what they are answered with.

use crate::{Data, Later};

/// Data that an actor can be told or asked. `#[message]` implements it.
///
/// * `#[message]`: answered with `()`, when it has been handled
/// * `#[message(reply = u64)]`: answered with a `u64`
/// * `#[message(reply = Result<u64, Overdrawn>)]`: answered with a `u64`, or refused with
///   [`AskError::Refused(Overdrawn)`](crate::AskError::Refused)
/// * `#[message(reply = Later<u64>)]`: answered with a `u64` some time after the handler has returned; see
///   [`Context::reply_later`](crate::Context::reply_later)
///
/// `Result` and `Later` are known by their names, so an alias of one of them is taken for a plain value.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    label = "not a message",
    note = "put `#[message]` or `#[message(reply = ..)]` above its definition"
)]
pub trait Message: Data {
    /// What its handler returns.
    type Reply: Reply;

    /// What an asker gets.
    type Value;

    /// What an asker may be refused with; `Infallible` if the message cannot be refused.
    type Refusal;

    /// Tells a value from a refusal.
    ///
    /// # Errors
    /// The refusal.
    fn split(data: <Self::Reply as Reply>::Data) -> Result<Self::Value, Self::Refusal>;
}

/// What a handler may return: any [`Data`], or [`Later`] for an answer that is sent another time.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a reply",
    label = "neither data nor `Later`",
    note = "put `#[data]` above its definition, and see that every field is data"
)]
pub trait Reply: Sized {
    /// What travels back.
    type Data: Data;

    /// The answer, if it is given now.
    #[doc(hidden)]
    fn now(self) -> Option<Self::Data>;
}

impl<R: Data> Reply for R {
    type Data = R;

    #[inline]
    fn now(self) -> Option<R> {
        Some(self)
    }
}

impl<R: Data> Reply for Later<R> {
    type Data = R;

    fn now(self) -> Option<R> {
        None
    }
}
