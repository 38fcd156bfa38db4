//! The process in which this crate's own scenarios run; see `provenance_core::lab`.
fn main() -> std::process::ExitCode {
    provenance_core::lab::serve().into()
}
