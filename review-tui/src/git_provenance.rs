//! `git provenance`: git starts `git-provenance` for it. The same program as `provenance`.
#![forbid(unsafe_code)]

mod join;

fn main() -> std::process::ExitCode {
    provenance::main(join::desk)
}
