//! What stands in a macro's parentheses.

use proc_macro2::TokenStream;
use syn::meta::ParseNestedMeta;
use syn::parse::Parser;
use syn::{Path, Type, parse_quote};

/// The options of one use of a macro.
#[derive(Default)]
pub(crate) struct Options {
    root: Option<Path>,
    /// The type contains itself.
    pub(crate) recursive: bool,
    /// What a message is answered with.
    pub(crate) reply: Option<Type>,
}

/// Which options a macro knows beside `crate`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    Crate,
    Data,
    Message,
}

impl Options {
    pub(crate) fn parse(tokens: TokenStream, known: Known) -> syn::Result<Options> {
        let mut options = Options::default();
        syn::meta::parser(|meta| options.read(&meta, known)).parse2(tokens)?;
        Ok(options)
    }

    /// The path to `procession`.
    pub(crate) fn root(&self) -> Path {
        self.root.clone().unwrap_or_else(|| parse_quote!(::procession))
    }

    fn read(&mut self, meta: &ParseNestedMeta<'_>, known: Known) -> syn::Result<()> {
        if meta.path.is_ident("crate") {
            self.root = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("recursive") && known != Known::Crate {
            self.recursive = true;
        } else if meta.path.is_ident("reply") && known == Known::Message {
            self.reply = Some(meta.value()?.parse()?);
        } else {
            return Err(meta.error(match known {
                Known::Crate => "unknown option; there is `crate = path`",
                Known::Data => "unknown option; there are `recursive` and `crate = path`",
                Known::Message => "unknown option; there are `reply = Type`, `recursive` and `crate = path`",
            }));
        }
        Ok(())
    }
}
