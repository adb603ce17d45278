//! Why an actor or process fails, as texts.

use std::error::Error;
use std::fmt;

/// Why an actor could not start, or gives up: the text of any error and of its sources.
///
/// It is what is left of an error in another process, so `?` makes one of every error, and observers see the texts in
/// [`Exit::Failed`](crate::Exit::Failed). It is data: functions of processes and handlers can return it.
///
/// # Example
/// ```
/// use procession::Failure;
///
/// fn read() -> Result<u64, Failure> {
///     Ok("12a".parse::<u64>()?)
/// }
/// assert_eq!(read().unwrap_err().to_string(), "invalid digit found in string");
/// ```
#[crate::data]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Outermost first; never empty.
    chain: Vec<String>,
}

impl Failure {
    /// Makes a failure of a text.
    pub fn new(text: impl Into<String>) -> Failure {
        Failure { chain: vec![text.into()] }
    }

    /// Adds what was being done, as the new outermost text.
    ///
    /// ```
    /// # use procession::Failure;
    /// let failure = Failure::new("permission denied").context("reading the configuration");
    /// assert_eq!(failure.to_string(), "reading the configuration: permission denied");
    /// ```
    #[must_use]
    pub fn context(mut self, text: impl Into<String>) -> Failure {
        self.chain.insert(0, text.into());
        self
    }

    /// The texts, outermost first.
    pub fn chain(&self) -> &[String] {
        &self.chain
    }

    /// Gives the texts, outermost first.
    pub fn into_chain(self) -> Vec<String> {
        self.chain
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Failure {
        let mut chain = vec![error.to_string()];
        let mut source = error.source();
        while let Some(error) = source {
            chain.push(error.to_string());
            source = error.source();
        }
        Failure { chain }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.chain.join(": "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::num::ParseIntError);

    #[test]
    fn the_texts_of_all_sources_are_kept() {
        let error = "x".parse::<u8>().map_err(Outer).expect_err("x is no number");
        assert_eq!(Failure::from(error).chain(), ["outer", "invalid digit found in string"]);
    }
}
