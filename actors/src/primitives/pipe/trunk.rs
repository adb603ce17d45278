//! An end of a pipe in a message.

use procession_runtime::Luggage;
use rkyv::rancor::{Fallible, Source};
use rkyv::{Archive, Deserialize, Place, Serialize};

use super::PipeError;
use super::end::End;
use super::{Connection, Receiver, Sender};
use crate::Descriptor;
use crate::primitives::blob::Blob;

/// What travels in place of an end.
#[derive(Debug, Archive, Serialize, Deserialize)]
#[rkyv(archived = ArchivedEnd)]
#[doc(hidden)]
pub struct Trunk {
    state: Blob,
    incoming: Blob,
    outgoing: Blob,
    descriptors: Vec<Descriptor>,
}

impl From<Luggage> for Trunk {
    fn from(luggage: Luggage) -> Trunk {
        let Luggage { state, incoming, outgoing, descriptors } = luggage;
        let [state, incoming, outgoing] = [state, incoming, outgoing].map(Blob::of_bytes);
        Trunk { state, incoming, outgoing, descriptors: descriptors.into_iter().map(Descriptor::new).collect() }
    }
}

impl Trunk {
    pub(super) fn open(self) -> Result<Luggage, PipeError> {
        let Trunk { state, incoming, outgoing, descriptors } = self;
        let descriptors = descriptors.into_iter().map(Descriptor::into_owned).collect::<Result<_, _>>();
        let descriptors = descriptors.map_err(|error| PipeError::Broken(error.to_string()))?;
        let [state, incoming, outgoing] = [state, incoming, outgoing].map(|blob| blob.bytes().to_vec());
        Ok(Luggage { state, incoming, outgoing, descriptors })
    }
}

fn serialize<T, S>(end: &End<T>, serializer: &mut S) -> Result<(Trunk, TrunkResolver), S::Error>
where
    S: Fallible<Error: Source> + ?Sized,
    Trunk: Serialize<S>,
{
    let trunk = end.pack().map_err(S::Error::new)?;
    // If the message does not take it, the end stays what it was. If it takes this end and fails for what comes after, this
    // end has gone with it, and is closed.
    let resolver = trunk.serialize(serializer)?;
    end.depart().map_err(S::Error::new)?;
    Ok((trunk, resolver))
}

macro_rules! travels {
    ($end:ident) => {
        impl<T> Archive for $end<T> {
            type Archived = ArchivedEnd;
            type Resolver = (Trunk, TrunkResolver);

            fn resolve(&self, (trunk, resolver): (Trunk, TrunkResolver), out: Place<ArchivedEnd>) {
                trunk.resolve(resolver, out);
            }
        }

        impl<T, S> Serialize<S> for $end<T>
        where
            S: Fallible<Error: Source> + ?Sized,
            Trunk: Serialize<S>,
        {
            fn serialize(&self, serializer: &mut S) -> Result<(Trunk, TrunkResolver), S::Error> {
                serialize(&self.0, serializer)
            }
        }

        impl<T, D> Deserialize<$end<T>, D> for ArchivedEnd
        where
            D: Fallible + ?Sized,
            ArchivedEnd: Deserialize<Trunk, D>,
        {
            fn deserialize(&self, deserializer: &mut D) -> Result<$end<T>, D::Error> {
                let trunk: Trunk = self.deserialize(deserializer)?;
                Ok($end(End::unpack(trunk)))
            }
        }
    };
}

travels!(Connection);
travels!(Receiver);
travels!(Sender);
