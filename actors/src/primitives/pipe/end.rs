//! What all kinds of ends have in common.

use std::cell::{RefCell, RefMut};
use std::fmt;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use procession_runtime::{Arrived, Body, Channel, Delivered, Patience};

use super::PipeError;
use super::trunk::Trunk;
use crate::{Data, RuntimeError, payload};

/// A message is a value, or bytes.
const VALUE: u32 = 0;
const BYTES: u32 = 1;

/// One end of a pipe for messages of type `T`. What arrived without what it takes to use it says so at every use.
pub(super) struct End<T> {
    channel: RefCell<Result<Channel, PipeError>>,
    message: PhantomData<fn(T) -> T>,
}

impl<T> End<T> {
    pub(super) fn new(channel: Channel) -> End<T> {
        End { channel: RefCell::new(Ok(channel)), message: PhantomData }
    }

    /// The channel; borrowed never while code of the user runs, but for the writing of a message.
    pub(super) fn channel(&self) -> Result<RefMut<'_, Channel>, PipeError> {
        let channel = self.channel.try_borrow_mut().map_err(|_| RuntimeError::Reentered)?;
        RefMut::filter_map(channel, |channel| channel.as_mut().ok())
            .map_err(|failed| failed.as_ref().err().cloned().unwrap_or(PipeError::Departed))
    }

    /// Makes the end's luggage; [`depart`](End::depart) ends it here.
    pub(super) fn pack(&self) -> Result<Trunk, PipeError> {
        let luggage = self.channel()?.pack().map_err(|error| PipeError::new(error, PipeError::Full))?;
        Ok(luggage.into())
    }

    pub(super) fn depart(&self) -> Result<(), PipeError> {
        self.channel()?.depart().map_err(|error| PipeError::new(error, PipeError::Full))?;
        *self.channel.borrow_mut() = Err(PipeError::Departed);
        Ok(())
    }

    pub(super) fn unpack(trunk: Trunk) -> End<T> {
        let channel = trunk
            .open()
            .and_then(|luggage| Channel::unpack(luggage).map_err(|error| PipeError::new(error, PipeError::Full)));
        End { channel: RefCell::new(channel), message: PhantomData }
    }

    fn write(
        &self,
        tag: u32,
        patience: Patience,
        write: impl FnOnce(&mut Body<'_>) -> Result<(), PipeError>,
    ) -> Result<(), PipeError> {
        self.channel()?.send(tag, patience, write).map_err(PipeError::of_send)
    }

    pub(super) fn send_bytes(&self, bytes: &[u8], patience: Patience) -> Result<(), PipeError> {
        self.write(BYTES, patience, |body| {
            body.write(bytes).map_err(|refusal| crate::PayloadError::from(refusal).into())
        })
    }

    pub(super) fn flush(&self, patience: Patience) -> Result<(), PipeError> {
        self.channel()?.finish(patience).map_err(|error| PipeError::new(error, PipeError::Full))
    }

    fn take(&self, patience: Patience) -> Result<Delivered, PipeError> {
        self.channel()?.receive(patience).map_err(|error| PipeError::new(error, PipeError::Empty))
    }

    pub(super) fn receive_bytes(&self, patience: Patience) -> Result<bytes::Bytes, PipeError> {
        let delivered = self.take(patience)?;
        if delivered.tag == BYTES {
            return Ok(delivered.payload);
        }
        Err(PipeError::Unreadable("it is a value, not bytes: take it with `recv`".into()))
    }

    pub(super) fn receive_into(&self, buffer: &mut [u8], patience: Patience) -> Result<usize, PipeError> {
        let bytes = self.receive_bytes(patience)?;
        match buffer.get_mut(..bytes.len()) {
            Some(place) => place.copy_from_slice(&bytes),
            None => return Err(PipeError::TooShort(bytes.to_vec())),
        }
        Ok(bytes.len())
    }

    pub(super) fn poll(&self, timeout: Duration) -> Result<bool, PipeError> {
        let polled = self.channel()?.poll(Instant::now().checked_add(timeout));
        polled.map_err(|error| PipeError::new(error, PipeError::Empty))
    }
}

impl<T: Data> End<T> {
    pub(super) fn send(&self, message: &T, patience: Patience) -> Result<(), PipeError> {
        self.write(VALUE, patience, |body| {
            payload::encode(message, body)
                .map_err(|error| if body.has_refused_descriptors() { PipeError::NoDescriptors } else { error.into() })
        })
    }

    pub(super) fn receive(&self, patience: Patience) -> Result<T, PipeError> {
        let Delivered { tag, payload, descriptors, .. } = self.take(patience)?;
        if tag != VALUE {
            return Err(PipeError::Unreadable("it is bytes, not a value: take it with `recv_bytes`".into()));
        }
        let descriptors = descriptors.arrived().map_err(|error| PipeError::Unreadable(error.to_string()))?;
        let archived = payload::access::<T>(&payload);
        archived
            .and_then(|archived| payload::open::<T>(archived, &Arrived::new(descriptors)))
            .map_err(|error| PipeError::Unreadable(error.to_string()))
    }
}

impl<T> fmt::Debug for End<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(std::any::type_name::<T>())
    }
}

/// How long to wait, from a time-out.
pub(super) fn within(timeout: Duration) -> Patience {
    Instant::now().checked_add(timeout).map_or(Patience::Forever, Patience::Until)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends<T, U>() -> (End<T>, End<U>) {
        let (one, other) = Channel::duplex().expect("a pipe");
        (End::new(one), End::new(other))
    }

    #[test]
    fn what_is_no_value_of_the_type_is_an_error_and_the_next_one_comes() {
        let (sends, takes) = ends::<u8, bool>();
        for byte in [1, 2, 0] {
            sends.send(&byte, Patience::Try).expect("there is room");
        }
        assert_eq!(takes.receive(Patience::Try), Ok(true));
        assert!(matches!(takes.receive(Patience::Try), Err(PipeError::Unreadable(_))));
        assert_eq!(takes.receive(Patience::Try), Ok(false));
        assert_eq!(takes.receive(Patience::Try), Err(PipeError::Empty));
    }

    #[test]
    fn what_is_too_deep_is_not_sent() {
        #[crate::data(recursive)]
        struct Deep(Option<Box<Deep>>);
        let (sends, takes) = ends::<Deep, Deep>();
        let deep = (0..1000).fold(Deep(None), |deep, _| Deep(Some(Box::new(deep))));
        assert!(matches!(sends.send(&deep, Patience::Try), Err(PipeError::TooDeep { .. })));
        sends.send(&Deep(None), Patience::Try).expect("there is room");
        assert!(takes.receive(Patience::Try).is_ok_and(|deep| deep.0.is_none()));
    }

    #[test]
    fn luggage_that_makes_no_sense_is_a_broken_end() {
        let end: End<u8> = End::unpack(procession_runtime::Luggage::default().into());
        assert!(matches!(end.receive(Patience::Try), Err(PipeError::Broken(_))));
        let (one, _other) = ends::<u8, u8>();
        let trunk = one.pack().expect("it is packed");
        let mut luggage = trunk.open().expect("nothing is missing");
        luggage.descriptors.truncate(1);
        let end: End<u8> = End::unpack(luggage.into());
        assert!(matches!(end.send(&1, Patience::Try), Err(PipeError::Broken(_))));
    }

    #[test]
    fn an_end_that_is_lost_on_its_way_is_closed() {
        let (one, other) = ends::<u8, u8>();
        one.send(&1, Patience::Try).expect("there is room");
        let trunk = one.pack().expect("it is packed");
        one.depart().expect("it goes");
        assert_eq!(one.send(&1, Patience::Try), Err(PipeError::Departed));
        assert_eq!(other.receive(Patience::Forever), Ok(1));
        assert_eq!(other.receive(within(Duration::from_millis(1))), Err(PipeError::Timeout));
        drop(trunk);
        assert_eq!(other.receive(Patience::Forever), Err(PipeError::Closed));
    }
}
