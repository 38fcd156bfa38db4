//! `provenance`: see `provenance --help`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    provenance::cli::main()
}
