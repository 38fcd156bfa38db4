//! `cargo bench -p provenance-lab --bench engine [-- NAME...]`: the whole report, as `provenance bench` prints it.

use provenance_lab::bench;
use provenance_lab::runner::{Message, Runner};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let names: Vec<&str> = args.iter().map(String::as_str).collect();
    let runner = Runner::new(env!("CARGO_BIN_EXE_provenance-lab"), [""; 0]);
    let report = bench::run(&runner, &names, |_, message| {
        if let Message::Progress(what) = message {
            eprintln!("{what}");
        }
    });
    match report {
        Ok(report) => print!("{}", report.render(100)),
        Err(e) => eprintln!("{e}"),
    }
}
