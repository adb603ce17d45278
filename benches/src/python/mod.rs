//! The same work with Python's `multiprocessing`: the other side of the lines of [`Subject::Python`](crate::Subject::Python).
//!
//! The bench process starts an interpreter, which forks its helpers; it tells it to do so many operations, and waits for the
//! word that they are done. The clock is read here, as for ours: the word costs one round trip through pipes in a burst. The
//! interpreter itself is where the line wants the bench process, its helpers are where the line wants the peers.
//!
//! | file | holds |
//! |---|---|
//! | `script.rs` | the scripts, and the text that each begins with |
//! | `interpreter.rs` | a Python process with its helpers |
//! | `common.py` | what each script begins with |
//! | the other `.py` files | one piece of work each |

pub mod interpreter;
pub mod script;

pub use interpreter::{Interpreter, locate};
pub use script::Script;

use crate::contest::Burst;
use crate::failure::Failure;
use crate::pinning::Pinning;

/// Returns what makes Python's side of a line.
pub fn side(script: Script) -> impl Fn(&Pinning) -> Result<Box<dyn Burst>, Failure> + 'static {
    move |pinning| Ok(Box::new(Interpreter::start(script, pinning)?))
}
