//! What an import costs: every mail of the epochs goes into a new store in a temporary folder.
//!
//! `cargo bench -p provenance-corpus --bench import -- EPOCH...`
#![forbid(unsafe_code)]

use std::path::Path;
use std::time::Instant;

use provenance_corpus::archive::public_inbox_v2::{Epoch, Item};
use provenance_corpus::store::Store;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let store = Store::open(folder.path())?;
    for run in ["first", "again"] {
        let start = Instant::now();
        let (mut mails, mut new, mut bytes) = (0_u64, 0_u64, 0_u64);
        let mut import = store.begin()?;
        for path in std::env::args().skip(1).filter(|it| it != "--bench") {
            let epoch = Epoch::open(Path::new(&path))?;
            let reader = epoch.reader()?;
            for commit in epoch.commits(None)?.commits {
                let Item::Added { bytes: mail, .. } = reader.mail(commit.tree)? else { continue };
                mails += 1;
                bytes += mail.len() as u64;
                new += u64::from(import.add(&mail, commit.arrival)?.new);
            }
        }
        import.finish()?;
        let seconds = start.elapsed().as_secs_f64();
        let rate = mails as f64 / seconds.max(1e-9);
        println!("{run}: {mails} mails ({new} new), {:.1} MB in {seconds:.2} s, {rate:.0} mails/s", bytes as f64 / 1e6);
    }
    let packs = std::fs::read_dir(store.epoch().join("objects/pack"))?;
    let sizes = packs.map(|it| Ok(it?.metadata()?.len())).sum::<std::io::Result<u64>>()?;
    println!("packs with their indexes: {:.1} MB", sizes as f64 / 1e6);
    Ok(())
}
