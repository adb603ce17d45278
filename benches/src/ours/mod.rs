//! Our side of every line: the same work as the floor's with typed actors, the same as Python's with primitives.
//!
//! Who is the bench process in a floor is root here, and a floor's peer is an actor on the same core as that. Where the work
//! is one that only actors do (telling from inside a handler), an actor takes the bench process's part and its core, and root
//! only starts the burst and waits for the end of it.
//!
//! | file | line | root | actors |
//! |---|---|---|---|
//! | `house.rs` | all | starts the system | |
//! | `ask.rs` | round trip | asks | answers |
//! | `tell.rs` | one-way | tells, or looks on | count; one tells from its handler |
//! | `fan_in.rs` | 4 senders | looks on | four tell, one counts |
//! | `block.rs` | 1 MiB | fills and asks | reads and adds up |
//! | `spawn.rs` | spawn | spawns | answer |
//! | `idle.rs` | idle | looks on | do nothing |
//! | `busy.rs` | asks of busy actors | looks on | ask each other in pairs |
//!
//! Beside Python, root does what Python's main process does, and helpers, which are straight-line processes, do what Python's
//! helpers do. The host of a primitive, which Python does not always have, is where the helpers are.
//!
//! | file | line | root | helper |
//! |---|---|---|---|
//! | `queue.rs` | queue | puts | takes |
//! | `pool.rs` | pool | has tasks done | squares |
//! | `lock.rs` | locks, semaphore, event | acquires and releases, looks | |
//! | `meeting.rs` | condition, event, barrier | wakes and waits | waits and wakes |
//! | `shared.rs` | list, value, array | changes and reads them | |
//! | `pipe.rs` | pipe | sends | takes, and sends back |

pub mod ask;
pub mod block;
pub mod busy;
mod counter;
pub mod fan_in;
pub mod house;
pub mod idle;
pub mod lock;
pub mod meeting;
pub mod pipe;
pub mod pool;
pub mod queue;
pub mod shared;
pub mod spawn;
pub mod tell;
