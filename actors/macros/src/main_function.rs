//! `#[procession::main]`: the hook before `main`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, ItemFn, parse2};

use crate::options::{Known, Options};

/// Wraps the function in one of the same name that calls the hook first. All other attributes stay with the inner one,
/// so that one like `#[tokio::main]` starts its threads after the hook.
pub(crate) fn expand(options: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let root = Options::parse(options, Known::Crate)?.root();
    let inner: ItemFn = parse2(item)?;
    let signature = &inner.sig;
    if signature.asyncness.is_some() && inner.attrs.is_empty() {
        let text = "an async `main` needs its runtime's attribute below this one, as in `#[tokio::main]`";
        return Err(Error::new_spanned(signature.asyncness, text));
    }
    if !signature.inputs.is_empty() || !signature.generics.params.is_empty() {
        return Err(Error::new_spanned(signature, "`main` takes no parameters"));
    }
    let (visibility, name, output) = (&inner.vis, &signature.ident, &signature.output);
    let mut inner = inner.clone();
    inner.vis = syn::Visibility::Inherited;
    Ok(quote! {
        #visibility fn #name() #output {
            #inner
            #root::__private::hook();
            #name()
        }
    })
}
