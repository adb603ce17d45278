//! What the compiler says about code that must not compile, and that it says nothing about code that must.
//!
//! The cases that pass make `trybuild` build, not only check: some errors come no earlier.

#[test]
fn refused() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/*.rs");
}
