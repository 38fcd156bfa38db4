//! `provenance`: see `provenance --help`.
#![forbid(unsafe_code)]

mod join;

fn main() -> std::process::ExitCode {
    provenance::main(join::desk)
}
