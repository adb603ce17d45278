//! `#[data]`: plain data that can travel to another process.

use proc_macro2::{TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::visit_mut::{VisitMut, visit_type_mut};
use syn::{Attribute, Data, DeriveInput, Error, Field, Ident, Meta, Path, Type, parse_quote, parse2};

use crate::fields::{self, Mentions};
use crate::options::{Known, Options};

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    derive(&Options::parse(options, Known::Data)?, parse2(item)?)
}

/// The item with what makes it data.
pub(crate) fn derive(options: &Options, mut item: DeriveInput) -> syn::Result<TokenStream> {
    if matches!(item.data, Data::Union(_)) {
        return Err(Error::new_spanned(&item.ident, "a union cannot be data: nobody knows which field is in it"));
    }
    fields::refuse_borrows(&item)?;
    let root = options.root();
    let bounds = recursion(options, &mut item)?.then(|| bounds(&root));
    let check = check_fields(&root, &item);
    Ok(quote! {
        #[derive(#root::rkyv::Archive, #root::rkyv::Serialize, #root::rkyv::Deserialize)]
        #[rkyv(crate = #root::rkyv)]
        #bounds
        #item
        #check
    })
}

/// Has the compiler say of each field whether it is data, in the words of `Data`: rkyv's derive says it without the place.
/// Fields of generic types are left to the bounds.
fn check_fields(root: &Path, item: &DeriveInput) -> TokenStream {
    let parameters: Vec<&Ident> = item.generics.type_params().map(|parameter| &parameter.ident).collect();
    let is_checked = |field: &&&Field| {
        let mut finder = Mentions { names: &parameters, found: false };
        finder.visit_type_mut(&mut field.ty.clone());
        !finder.found && !field.attrs.iter().any(|attribute| mentions(attribute, "with"))
    };
    let fields = fields::of(&item.data);
    let checks = fields.iter().filter(is_checked).map(|field| {
        let ty = &field.ty;
        quote_spanned!(ty.span()=> is_data::<#ty>();)
    });
    let checks: TokenStream = checks.collect();
    if checks.is_empty() {
        return checks;
    }
    quote! {
        const _: fn() = || {
            fn is_data<T: #root::Data>() {}
            #checks
        };
    }
}

/// Marks the fields that lead back to the type itself, so that no bound of it refers to itself; gives whether there are
/// any.
fn recursion(options: &Options, item: &mut DeriveInput) -> syn::Result<bool> {
    let (_, arguments, _) = item.generics.split_for_impl();
    let (ident, itself) = (item.ident.clone(), {
        let ident = &item.ident;
        parse_quote!(#ident #arguments)
    });
    let mut marked = false;
    for field in fields::of_mut(&mut item.data) {
        let mut mention = Mention { ident: &ident, itself: &itself, found: false };
        mention.visit_type_mut(&mut field.ty);
        if mention.found && !options.recursive {
            let text = format!("`{ident}` contains itself: say so with `recursive`, as in `#[data(recursive)]`");
            return Err(Error::new_spanned(&field.ty, text));
        }
        if field.attrs.iter().any(|attribute| mentions(attribute, "omit_bounds")) {
            marked = true;
        } else if mention.found {
            field.attrs.push(parse_quote!(#[rkyv(omit_bounds)]));
            marked = true;
        }
    }
    if options.recursive && !marked {
        let text =
            format!("no field leads straight back to `{ident}`; mark the one that does with `#[rkyv(omit_bounds)]`");
        return Err(Error::new_spanned(&ident, text));
    }
    Ok(marked)
}

/// Whether a field's attribute is rkyv's and has this option. What else is in there, rkyv's own derive judges.
fn mentions(attribute: &Attribute, option: &str) -> bool {
    let is_option = |token: TokenTree| matches!(token, TokenTree::Ident(ident) if ident == option);
    let Meta::List(list) = &attribute.meta else { return false };
    list.path.is_ident("rkyv") && list.tokens.clone().into_iter().any(is_option)
}

/// What fields without bounds need of their serialiser, deserialiser and validator.
fn bounds(root: &Path) -> TokenStream {
    let source = quote!(#root::rkyv::rancor::Source);
    let fallible = quote!(#root::rkyv::rancor::Fallible);
    quote! {
        #[rkyv(
            serialize_bounds(
                __S: #root::rkyv::ser::Writer + #root::rkyv::ser::Allocator,
                <__S as #fallible>::Error: #source,
            ),
            deserialize_bounds(<__D as #fallible>::Error: #source),
            bytecheck(bounds(
                __C: #root::rkyv::validation::ArchiveContext,
                <__C as #fallible>::Error: #source,
            )),
        )]
    }
}

/// Looks for the type's own name, and writes it out where it says `Self`: the fields are copied into other types.
struct Mention<'a> {
    ident: &'a Ident,
    itself: &'a Type,
    found: bool,
}

impl VisitMut for Mention<'_> {
    fn visit_type_mut(&mut self, place: &mut Type) {
        if let Type::Path(path) = place {
            if path.qself.is_none() && path.path.is_ident("Self") {
                *place = self.itself.clone();
                self.found = true;
                return;
            }
            let only = path.path.segments.first().filter(|_| path.path.segments.len() == 1);
            self.found |= only.is_some_and(|segment| segment.ident == *self.ident);
        }
        visit_type_mut(self, place);
    }
}
