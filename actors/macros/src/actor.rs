//! `#[actor]`: what an actor's mailbox takes, for the compiler and for the process that runs it.

use std::collections::HashSet;

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{Error, ImplItem, ItemImpl, Path, Type, parse_quote, parse2};

use crate::options::{Known, Options};

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let root = Options::parse(options, Known::Crate)?.root();
    let mut item: ItemImpl = parse2(item)?;
    check(&item)?;
    complete(&mut item);
    let messages = messages(&item)?;
    let accepts = messages.iter().zip(0u32..).map(|(message, tag)| accept(&root, &item, message, tag));
    let dispatch = dispatch(&root, &item, &messages);
    Ok(quote! {
        #item
        #(#accepts)*
        #dispatch
    })
}

fn check(item: &ItemImpl) -> syn::Result<()> {
    let is_actor = |path: &Path| path.segments.last().is_some_and(|last| last.ident == "Actor");
    if !item.trait_.as_ref().is_some_and(|(path, _)| is_actor(path)) {
        return Err(Error::new(Span::call_site(), "#[actor] belongs above `impl Actor for ..`"));
    }
    Ok(())
}

/// Supplies `Args` and `Messages` where they are left out.
fn complete(item: &mut ItemImpl) {
    if associated(item, "Args").is_none() {
        item.items.insert(
            0,
            parse_quote!(
                type Args = ();
            ),
        );
    }
    if associated(item, "Messages").is_none() {
        item.items.insert(
            0,
            parse_quote!(
                type Messages = ();
            ),
        );
    }
}

fn associated<'a>(item: &'a ItemImpl, name: &str) -> Option<&'a Type> {
    item.items.iter().find_map(|item| match item {
        ImplItem::Type(item) if item.ident == name => Some(&item.ty),
        _ => None,
    })
}

/// The types in the `Messages` tuple. One type alone counts as a tuple of one.
fn messages(item: &ItemImpl) -> syn::Result<Vec<Type>> {
    let messages = match associated(item, "Messages") {
        Some(Type::Tuple(tuple)) => tuple.elems.iter().cloned().collect(),
        Some(Type::Paren(paren)) => vec![Type::clone(&paren.elem)],
        Some(other) => vec![other.clone()],
        None => Vec::new(),
    };
    let mut seen = HashSet::new();
    for message in &messages {
        let text = message.to_token_stream().to_string();
        if !seen.insert(text.clone()) {
            let text = format!("`{text}` is in `Messages` twice; a mailbox takes each message once");
            return Err(Error::new_spanned(message, text));
        }
    }
    Ok(messages)
}

/// `impl Accepts<Message>`, blamed on the message's place in the tuple.
fn accept(root: &Path, item: &ItemImpl, message: &Type, tag: u32) -> TokenStream {
    let (parameters, _, conditions) = item.generics.split_for_impl();
    let actor = located_at(item.self_ty.to_token_stream(), message.span());
    quote! {
        #[automatically_derived]
        impl #parameters #root::Accepts<#message> for #actor #conditions {
            const TAG: u32 = #tag;
        }
    }
}

/// `impl Dispatch`: from a tag to the handler of its message.
fn dispatch(root: &Path, item: &ItemImpl, messages: &[Type]) -> TokenStream {
    let (parameters, _, conditions) = item.generics.split_for_impl();
    let actor = &item.self_ty;
    let tags = 0..messages.len() as u32;
    quote! {
        #[automatically_derived]
        impl #parameters #root::__private::Dispatch for #actor #conditions {
            fn dispatch(&mut self, delivery: #root::__private::Delivery<'_>, context: &mut #root::Context<Self>) {
                match delivery.tag() {
                    #(#tags => delivery.handle::<Self, #messages>(self, context),)*
                    _ => delivery.not_accepted::<Self>(),
                }
            }
        }
    }
}

/// The same tokens, for errors to point elsewhere. Names are still looked up where they were written.
fn located_at(tokens: TokenStream, span: Span) -> TokenStream {
    tokens
        .into_iter()
        .map(|mut token| {
            if let TokenTree::Group(group) = &token {
                token = Group::new(group.delimiter(), located_at(group.stream(), span)).into();
            }
            token.set_span(token.span().located_at(span));
            token
        })
        .collect()
}
