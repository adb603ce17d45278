//! The last lines of a process's standard error.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use bytes::BytesMut;
use procession_transport::{Link, Pipe, Watch};

/// How many lines are kept.
const LINES: usize = 20;

/// How much of a line is kept, in bytes.
const LINE_BYTES: usize = 1024;

/// How much is read in one turn, in bytes.
const READ_BYTES: usize = 16 << 10;

/// Reads a process's standard error and keeps its end.
#[derive(Debug)]
pub(crate) struct Tail {
    pipe: Pipe,
    pub(crate) watch: Watch,
    lines: Lines,
}

impl Tail {
    /// Makes the pipe: the reading end, and the end for the process.
    pub(crate) fn pipe() -> std::io::Result<(Pipe, OwnedFd)> {
        let (reading, writing) = Pipe::pair()?;
        let writing = writing.into_descriptor();
        nix::fcntl::fcntl(&writing, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::empty()))?;
        Ok((reading, writing))
    }

    pub(crate) fn new(pipe: Pipe, watch: Watch) -> Tail {
        Tail { pipe, watch, lines: Lines::default() }
    }

    pub(crate) fn pipe_end(&self) -> &Pipe {
        &self.pipe
    }

    /// Reads what is there, at most a bounded amount. Gives whether there may be more.
    pub(crate) fn read(&mut self) -> bool {
        let mut buffer = BytesMut::with_capacity(READ_BYTES);
        match self.pipe.receive(&mut buffer) {
            Ok((0, _)) | Err(_) => false,
            Ok((count, _)) => {
                self.lines.push(&buffer[..count]);
                true
            }
        }
    }

    /// Reads what a process that has ended left, and gives the last lines. Somebody else may hold the pipe's other end and
    /// go on writing, so no more is read than a pipe holds.
    pub(crate) fn finish(mut self) -> Vec<String> {
        let mut rest = self.pipe.unread_bytes().unwrap_or(0);
        while rest > 0 && self.read() {
            rest = rest.saturating_sub(READ_BYTES);
        }
        self.lines.finish()
    }
}

/// The last lines of a stream. Pure.
#[derive(Debug, Default)]
struct Lines {
    whole: VecDeque<String>,
    open: Vec<u8>,
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) {
        for (index, part) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if index > 0 {
                self.end_line();
            }
            let room = LINE_BYTES - self.open.len().min(LINE_BYTES);
            self.open.extend_from_slice(&part[..part.len().min(room)]);
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.open);
        if self.whole.len() == LINES {
            self.whole.pop_front();
        }
        self.whole.push_back(String::from_utf8_lossy(&line).into_owned());
    }

    fn finish(mut self) -> Vec<String> {
        if !self.open.is_empty() {
            self.end_line();
        }
        self.whole.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_however_they_are_cut() {
        let text: String = (0..100).map(|number| format!("line {number}\n")).collect::<String>() + "open";
        for cut in 1..50 {
            let mut lines = Lines::default();
            text.as_bytes().chunks(cut).for_each(|chunk| lines.push(chunk));
            let kept = lines.finish();
            assert_eq!(kept.len(), LINES);
            assert_eq!(kept.last().map(String::as_str), Some("open"));
            assert_eq!(kept[LINES - 2], "line 99");
        }
    }

    #[test]
    fn a_long_line_is_cut() {
        let mut lines = Lines::default();
        lines.push(&[b'x'; 10 * LINE_BYTES]);
        assert_eq!(lines.finish(), vec!["x".repeat(LINE_BYTES)]);
    }
}
