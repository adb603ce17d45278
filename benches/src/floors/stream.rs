//! Whole messages over a blocking stream.

use crate::failure::Failure;
use std::io::{self, Read};

/// Fills `buffer` from the stream; false if the stream has ended before its first byte.
///
/// # Errors
///
/// Fails if the stream does, or if it ends inside the message.
pub fn read_whole(mut stream: impl Read, buffer: &mut [u8]) -> Result<bool, Failure> {
    let mut filled = 0;
    while filled < buffer.len() {
        match stream.read(&mut buffer[filled..]) {
            Ok(0) if filled == 0 => return Ok(false),
            Ok(0) => return Err(ended()),
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

/// Returns the failure of a stream that has ended too early.
pub fn ended() -> Failure {
    Failure::Wrong("the other process has closed its end".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_clean_only_between_messages() {
        let mut buffer = [0; 4];
        assert!(read_whole(&[1, 2, 3, 4, 5][..], &mut buffer).expect("there is a whole message"));
        assert_eq!(buffer, [1, 2, 3, 4]);
        assert!(!read_whole(&[][..], &mut buffer).expect("a clean end is no failure"));
        assert!(read_whole(&[1][..], &mut buffer).is_err());
    }
}
