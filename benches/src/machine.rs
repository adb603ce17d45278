//! What a run is done with: the machine, and the versions of all who take part.

use crate::link::Link;
use crate::python;
use nix::sys::utsname::uname;
use std::ffi::OsStr;
use std::fs;
use std::process::{Command, Stdio};
use std::thread::available_parallelism;

/// A name and what it comes to.
pub type Fact = (&'static str, String);

/// Returns what is to stand above the results of every run.
pub fn facts() -> Vec<Fact> {
    let link = Link::of_this_run().word();
    vec![
        ("date", said_by("date", &["-u", "+%Y-%m-%d"]).unwrap_or_else(absent)),
        ("processor", processor()),
        ("processors allowed", available_parallelism().map_or_else(|_| absent(), |count| count.to_string())),
        ("system", uname().map_or_else(|_| absent(), |name| words(&[name.sysname(), name.release(), name.machine()]))),
        ("compiler", said_by("rustc", &["--version"]).unwrap_or_else(absent)),
        ("procession", format!("{}, links: {link}", env!("CARGO_PKG_VERSION"))),
    ]
}

/// Returns which Python there is.
pub fn python() -> Fact {
    ("Python", python::locate().and_then(|place| said_by(place, &["--version"])).unwrap_or_else(absent))
}

/// Returns what stands for what there is not.
pub fn absent() -> String {
    "not installed".to_string()
}

fn words(words: &[&OsStr]) -> String {
    words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or("unknown", |(_, model)| model).trim().to_string()
}

fn said_by(program: impl AsRef<OsStr>, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_one() {
        let (name, date) = &facts()[0];
        let parts: Vec<usize> = date.split('-').map(str::len).collect();
        assert_eq!((*name, parts), ("date", vec![4, 2, 2]), "{date}");
    }
}
