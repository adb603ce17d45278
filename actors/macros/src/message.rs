//! `#[message]`: data that an actor can be told or asked.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, GenericArgument, PathArguments, Type, parse_quote, parse2};

use crate::data;
use crate::options::{Known, Options};

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let options = Options::parse(options, Known::Message)?;
    let item: DeriveInput = parse2(item)?;
    let message = implement(&options, &item);
    let data = data::derive(&options, item)?;
    Ok(quote!(#data #message))
}

/// `impl Message`.
fn implement(options: &Options, item: &DeriveInput) -> TokenStream {
    let root = options.root();
    let reply = options.reply.clone().unwrap_or_else(|| parse_quote!(()));
    let answer = arguments_of(&reply, "Later", 1).map_or_else(|| reply.clone(), |inner| inner[0].clone());
    let (value, refusal, split) = match arguments_of(&answer, "Result", 2) {
        Some(both) => (both[0].clone(), both[1].clone(), quote!(data)),
        None => (answer.clone(), parse_quote!(::core::convert::Infallible), quote!(::core::result::Result::Ok(data))),
    };
    let ident = &item.ident;
    let mut generics = item.generics.clone();
    // Even if nothing is generic: that the message, or the answer, is no data is said once then, in the words of `Data`.
    let (_, arguments, _) = item.generics.split_for_impl();
    let predicates = &mut generics.make_where_clause().predicates;
    predicates.push(parse_quote!(#ident #arguments: #root::Data));
    predicates.push(parse_quote!(#answer: #root::Data));
    let (parameters, arguments, conditions) = generics.split_for_impl();
    quote! {
        #[allow(trivial_bounds)]
        impl #parameters #root::Message for #ident #arguments #conditions {
            type Reply = #reply;
            type Value = #value;
            type Refusal = #refusal;

            #[inline]
            fn split(data: #answer) -> ::core::result::Result<#value, #refusal> {
                #split
            }
        }
    }
}

/// The type arguments of a type of this name and number of arguments.
fn arguments_of(place: &Type, name: &str, count: usize) -> Option<Vec<Type>> {
    let Type::Path(path) = place else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    let types: Vec<Type> = arguments
        .args
        .iter()
        .filter_map(|argument| match argument {
            GenericArgument::Type(inner) => Some(inner.clone()),
            _ => None,
        })
        .collect();
    (types.len() == count && types.len() == arguments.args.len()).then_some(types)
}
