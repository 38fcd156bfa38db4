//! The floor of indexing: walk every epoch, inflate and parse every mail, transfer encodings and charsets decoded; index nothing.
//!
//! `cargo bench -p provenance-corpus --bench floor -- [-j THREADS] [--no-parse] EPOCH...`
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::time::Instant;

use provenance_corpus::archive::public_inbox_v2::{CommitRef, Epoch, EpochError, Item, Reader};
use provenance_corpus::message::Message;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut threads, mut parse) = (2, true);
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "-j" => threads = words.next().ok_or("-j needs a number of threads")?.parse::<usize>()?.max(1),
            "--no-parse" => parse = false,
            // What `cargo bench` adds by itself.
            "--bench" => {}
            _ => paths.push(word.into()),
        }
    }
    if paths.is_empty() {
        println!("skipped: name epochs, for example LIST/git/0.git");
        return Ok(());
    }

    let start = Instant::now();
    let histories = walk(&paths)?;
    let walked = start.elapsed();
    let (mails, bytes) = read(&paths, &histories, threads, parse)?;
    let whole = start.elapsed();
    println!(
        "{mails} mails, {:.1} MB, {threads} threads: walk {:.3} s, read{} {:.3} s, both {:.3} s",
        bytes as f64 / 1e6,
        walked.as_secs_f64(),
        if parse { " and parse" } else { "" },
        (whole - walked).as_secs_f64(),
        whole.as_secs_f64()
    );
    Ok(())
}

/// One thread an epoch: a chain cannot be walked in parallel.
fn walk(paths: &[PathBuf]) -> Result<Vec<Vec<CommitRef>>, EpochError> {
    std::thread::scope(|scope| {
        let walk = |path| Ok(Epoch::open(path)?.commits(None)?.commits);
        let walks: Vec<_> = paths.iter().map(|path| scope.spawn(move || walk(path))).collect();
        walks.into_iter().map(|it| it.join().expect("a walk does not panic")).collect()
    })
}

/// Each thread takes one contiguous piece of each epoch.
fn read(
    paths: &[PathBuf],
    histories: &[Vec<CommitRef>],
    threads: usize,
    parse: bool,
) -> Result<(u64, u64), EpochError> {
    std::thread::scope(|scope| {
        let piece = |at: usize| {
            let (mut mails, mut bytes) = (0, 0);
            for (path, commits) in paths.iter().zip(histories) {
                let reader = Reader::open(path)?;
                let (from, to) = (commits.len() * at / threads, commits.len() * (at + 1) / threads);
                for commit in &commits[from..to] {
                    match reader.mail(commit.tree) {
                        Ok(Item::Added { bytes: mail, .. }) => {
                            mails += 1;
                            bytes += mail.len() as u64;
                            if parse {
                                std::hint::black_box(Message::parse(&mail).text().len());
                            }
                        }
                        Ok(_) => {}
                        Err(error) => eprintln!("{}: {error}", path.display()),
                    }
                }
            }
            Ok((mails, bytes))
        };
        let pieces: Vec<_> = (0..threads).map(|at| scope.spawn(move || piece(at))).collect();
        pieces.into_iter().try_fold((0, 0), |sum, it| {
            let (mails, bytes) = it.join().expect("a reader does not panic")?;
            Ok((sum.0 + mails, sum.1 + bytes))
        })
    })
}
