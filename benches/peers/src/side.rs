//! One of those who do the work of a line.

use procession_benches::comparison::Part;
use procession_benches::link::Link;
use procession_benches::{Burst, Failure, Operation, Pinning, Reading};
use std::fmt;

type Maker<T> = Box<dyn Fn(&Pinning) -> Result<Box<T>, Failure>>;

/// How the work is done and timed.
pub enum Work {
    /// One by one: the figures are quantiles of the times.
    Each(Maker<dyn Operation>),
    /// By the burst: the figure is a mean.
    Burst(Maker<dyn Burst>),
    /// Not timed but read.
    Reading(Maker<dyn Reading>),
}

impl fmt::Debug for Work {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Work::Each(_) => "Each",
            Work::Burst(_) => "Burst",
            Work::Reading(_) => "Reading",
        })
    }
}

/// A burst whose operations are timed one by one.
struct Singly(Box<dyn Burst>);

impl Operation for Singly {
    fn run(&mut self) -> Result<(), Failure> {
        self.0.run(1)
    }

    fn settle(&mut self) -> Result<(), Failure> {
        self.0.settle()
    }
}

/// One of those who do the work of a line, not yet started.
#[derive(Debug)]
pub struct Side {
    /// What it is called in tables.
    pub name: String,
    /// What it is to the comparison.
    pub part: Part,
    pub(crate) work: Work,
    /// At most so many operations in a round, where they leave something behind until its end.
    pub(crate) most: u64,
    /// The operations of a round are a multiple of this.
    pub(crate) grain: u64,
    /// What carries its messages, where a goal depends on that.
    pub(crate) link: Option<Link>,
}

impl Side {
    fn new(part: Part, name: impl Into<String>, work: Work) -> Side {
        Side { name: name.into(), part, work, most: 4_000_000, grain: 1, link: None }
    }

    /// Makes a side that is timed one by one.
    pub fn each(
        part: Part,
        name: impl Into<String>,
        make: impl Fn(&Pinning) -> Result<Box<dyn Operation>, Failure> + 'static,
    ) -> Side {
        Side::new(part, name, Work::Each(Box::new(make)))
    }

    /// Makes a side whose work is done by the burst and timed one by one, in bursts of one.
    pub fn singly(
        part: Part,
        name: impl Into<String>,
        make: impl Fn(&Pinning) -> Result<Box<dyn Burst>, Failure> + 'static,
    ) -> Side {
        Side::each(part, name, move |pinning| Ok(Box::new(Singly(make(pinning)?))))
    }

    /// Makes a side that is timed by the burst.
    pub fn burst(
        part: Part,
        name: impl Into<String>,
        make: impl Fn(&Pinning) -> Result<Box<dyn Burst>, Failure> + 'static,
    ) -> Side {
        Side::new(part, name, Work::Burst(Box::new(make)))
    }

    /// Makes a side whose figure is read.
    pub fn reading(
        part: Part,
        name: impl Into<String>,
        make: impl Fn(&Pinning) -> Result<Box<dyn Reading>, Failure> + 'static,
    ) -> Side {
        Side::new(part, name, Work::Reading(Box::new(make)))
    }

    /// Sets how many operations there are in a round at most.
    #[must_use]
    pub fn at_most(mut self, operations: u64) -> Side {
        self.most = operations;
        self
    }

    /// Sets what the number of operations in a round is a multiple of.
    #[must_use]
    pub fn in_steps_of(mut self, operations: u64) -> Side {
        self.grain = operations;
        self
    }

    /// Says what carries its messages.
    #[must_use]
    pub fn over(mut self, link: Link) -> Side {
        self.link = Some(link);
        self
    }
}
