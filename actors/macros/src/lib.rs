//! The attribute macros of `procession`. They are documented where users find them: in `procession` itself.
//!
//! Each takes `crate = path` for users who have renamed or re-exported `procession`; without it, what is generated names
//! `::procession`.
//!
//! | file | macro |
//! |---|---|
//! | `data.rs` | `#[data]` |
//! | `message.rs` | `#[message]` |
//! | `actor.rs` | `#[actor]` |
//! | `main_function.rs` | `#[procession::main]` |
//! | `test_function.rs` | `#[procession::test]` |
//! | `options.rs` | what stands in the parentheses |
//! | `fields.rs` | looks through the fields of an item: for lifetimes and references, which cannot travel, and for names |
//!
//! Deliberately absent: parsing of anything but the item itself. What a macro cannot see (whether a type is data,
//! whether a handler exists) the compiler says, in the words of `#[diagnostic::on_unimplemented]`.

mod actor;
mod data;
mod fields;
mod main_function;
mod message;
mod options;
mod test_function;

use proc_macro::TokenStream;

/// See `procession::data`.
#[proc_macro_attribute]
pub fn data(options: TokenStream, item: TokenStream) -> TokenStream {
    expand(data::expand(options.into(), item.into()))
}

/// See `procession::message`.
#[proc_macro_attribute]
pub fn message(options: TokenStream, item: TokenStream) -> TokenStream {
    expand(message::expand(options.into(), item.into()))
}

/// See `procession::actor`.
#[proc_macro_attribute]
pub fn actor(options: TokenStream, item: TokenStream) -> TokenStream {
    expand(actor::expand(options.into(), item.into()))
}

/// See `procession::main`.
#[proc_macro_attribute]
pub fn main(options: TokenStream, item: TokenStream) -> TokenStream {
    expand(main_function::expand(options.into(), item.into()))
}

/// See `procession::test`.
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    expand(test_function::expand(options.into(), item.into()))
}

fn expand(outcome: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    outcome.unwrap_or_else(|error| error.to_compile_error()).into()
}
