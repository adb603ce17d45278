//! `#[procession::test]`: a test whose binary can host actors.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, ItemFn, parse2};

use crate::options::{Known, Options};

/// Adds `#[test]`, unless some other attribute makes it a test, and the hook among the binary's constructors: a test
/// binary's `main` is libtest's, which starts threads and prints before any test runs.
pub(crate) fn expand(options: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let root = Options::parse(options, Known::Crate)?.root();
    let function: ItemFn = parse2(item)?;
    let test = (!function.attrs.iter().any(is_test)).then(|| quote!(#[::core::prelude::v1::test]));
    let conditions = function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    Ok(quote! {
        #test
        #function

        #(#conditions)*
        const _: () = {
            #[used]
            #[unsafe(link_section = ".init_array")]
            static HOOK: extern "C" fn() = #root::__private::test_hook;
        };
    })
}

fn is_test(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == "test")
}
