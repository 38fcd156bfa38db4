//! The process in which scenarios run; see `provenance_lab::runner`.
fn main() -> std::process::ExitCode {
    provenance_lab::scenarios::serve().into()
}
