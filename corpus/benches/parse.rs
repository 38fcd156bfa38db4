//! The floor of indexing: walk, inflate and parse every mail, transfer encodings and charsets decoded.
//!
//! `cargo bench -p provenance-corpus --bench parse -- GIT_DIRECTORY...` prints, per repository and together, mails, MB and
//! seconds: of walking and inflating, and of parsing alone on one thread, and what else is read of each mail.

use std::time::{Duration, Instant};

use provenance_corpus::message::Message;
use provenance_corpus::subject::Subject;
use provenance_corpus::{citation, trailer, twin};

/// Repositories are read in pieces of this many bytes, so that memory stays small.
const PIECE: usize = 64 << 20;

#[derive(Default)]
struct Times {
    mails: usize,
    bytes: usize,
    text: usize,
    read: Duration,
    parse: Duration,
    subject: Duration,
    trailers: Duration,
    citations: Duration,
    fingerprint: Duration,
}

impl Times {
    fn measure(&mut self, mails: &[Vec<u8>]) {
        let mut timed = |slot: fn(&mut Times) -> &mut Duration, work: &mut dyn FnMut() -> usize| {
            let start = Instant::now();
            let result = std::hint::black_box(work());
            *slot(self) += start.elapsed();
            result
        };
        timed(|t| &mut t.parse, &mut || mails.iter().map(|raw| Message::parse(raw).text().len()).sum());
        let read: Vec<Message<'_>> = mails.iter().map(|raw| Message::parse(raw)).collect();
        timed(|t| &mut t.subject, &mut || read.iter().map(|m| Subject::parse(&m.subject).title.len()).sum());
        timed(|t| &mut t.trailers, &mut || read.iter().map(|m| trailer::parse(&m.text()).len()).sum());
        timed(|t| &mut t.citations, &mut || read.iter().map(|m| citation::citations(&m.text()).count()).sum());
        timed(|t| &mut t.fingerprint, &mut || read.iter().filter(|m| twin::fingerprint(m) == 0).count());
        self.mails += mails.len();
        self.bytes += mails.iter().map(Vec::len).sum::<usize>();
        self.text += read.iter().map(|m| m.text().len()).sum::<usize>();
    }

    fn print(&self, name: &str) {
        let mega = self.bytes as f64 / 1e6;
        let rate = |time: Duration| mega / time.as_secs_f64();
        println!(
            "{name:44} {:6} mails {mega:6.1} MB ({:5.1} MB text)  walk and inflate {:5.2} s  parse {:5.3} s = {:5.0} MB/s  \
             subjects {:5.3} s  trailers {:5.3} s  citations {:5.3} s  fingerprints {:5.3} s",
            self.mails,
            self.text as f64 / 1e6,
            self.read.as_secs_f64(),
            self.parse.as_secs_f64(),
            rate(self.parse),
            self.subject.as_secs_f64(),
            self.trailers.as_secs_f64(),
            self.citations.as_secs_f64(),
            self.fingerprint.as_secs_f64(),
        );
    }
}

fn main() -> Result<(), git2::Error> {
    let folders: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if folders.is_empty() {
        println!("skipped: name one or more git directories of public-inbox v2 epochs");
        return Ok(());
    }
    // Every blob of a public-inbox repository is checked by its reader; libgit2's own hash of it is not the floor.
    git2::opts::strict_hash_verification(false);
    let mut all = Times::default();
    for folder in &folders {
        let repository = git2::Repository::open(folder)?;
        let objects = repository.odb()?;
        let mut walk = repository.revwalk()?;
        walk.push_head()?;
        let mut times = Times::default();
        let mut piece: Vec<Vec<u8>> = Vec::new();
        let mut size = 0;
        let mut start = Instant::now();
        for commit in walk {
            let tree = repository.find_commit(commit?)?.tree()?;
            let Some(entry) = tree.get_name("m") else { continue };
            let raw = objects.read(entry.id())?.data().to_vec();
            size += raw.len();
            piece.push(raw);
            if size >= PIECE {
                times.read += start.elapsed();
                times.measure(&piece);
                piece.clear();
                size = 0;
                start = Instant::now();
            }
        }
        times.read += start.elapsed();
        times.measure(&piece);
        times.print(folder);
        all.mails += times.mails;
        all.bytes += times.bytes;
        all.text += times.text;
        for (sum, one) in [
            (&mut all.read, times.read),
            (&mut all.parse, times.parse),
            (&mut all.subject, times.subject),
            (&mut all.trailers, times.trailers),
            (&mut all.citations, times.citations),
            (&mut all.fingerprint, times.fingerprint),
        ] {
            *sum += one;
        }
    }
    all.print("all");
    Ok(())
}
