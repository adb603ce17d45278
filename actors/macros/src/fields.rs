//! Looks through the fields of an item: for lifetimes and references, which cannot travel, and for names.

use syn::visit_mut::{VisitMut, visit_path_mut, visit_type_mut};
use syn::{Data, DeriveInput, Error, Field, Fields, Ident, Path, Type};

const LIFETIME: &str =
    "data travels to another process and cannot borrow from this one: own the contents, as with `String` for `&str`";

/// Refuses lifetime parameters and references in fields.
pub(crate) fn refuse_borrows(item: &DeriveInput) -> syn::Result<()> {
    if let Some(lifetime) = item.generics.lifetimes().next() {
        return Err(Error::new_spanned(lifetime, LIFETIME));
    }
    let mut finder = Finder { found: None };
    for field in of(&item.data) {
        finder.visit_type_mut(&mut field.ty.clone());
    }
    finder.found.map_or(Ok(()), Err)
}

/// All fields of a struct, or of all variants of an enum.
pub(crate) fn of(data: &Data) -> Vec<&Field> {
    match data {
        Data::Struct(data) => data.fields.iter().collect(),
        Data::Enum(data) => data.variants.iter().flat_map(|variant| variant.fields.iter()).collect(),
        Data::Union(data) => data.fields.named.iter().collect(),
    }
}

/// All fields, to be changed.
pub(crate) fn of_mut(data: &mut Data) -> Vec<&mut Field> {
    fn all(fields: &mut Fields) -> impl Iterator<Item = &mut Field> {
        fields.iter_mut()
    }
    match data {
        Data::Struct(data) => all(&mut data.fields).collect(),
        Data::Enum(data) => data.variants.iter_mut().flat_map(|variant| all(&mut variant.fields)).collect(),
        Data::Union(data) => data.fields.named.iter_mut().collect(),
    }
}

/// Looks for any of some names of one segment.
pub(crate) struct Mentions<'a> {
    pub(crate) names: &'a [&'a Ident],
    pub(crate) found: bool,
}

impl VisitMut for Mentions<'_> {
    fn visit_path_mut(&mut self, path: &mut Path) {
        let first = path.segments.first().map(|segment| &segment.ident);
        self.found |= first.is_some_and(|first| self.names.contains(&first));
        visit_path_mut(self, path);
    }
}

struct Finder {
    found: Option<Error>,
}

impl VisitMut for Finder {
    fn visit_type_mut(&mut self, place: &mut Type) {
        match place {
            Type::Reference(reference) => self.found = Some(Error::new_spanned(reference, LIFETIME)),
            // A marker holds nothing, whatever it is a marker for.
            Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "PhantomData") => {}
            _ => visit_type_mut(self, place),
        }
    }
}
