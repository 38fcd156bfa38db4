//! The 64-bit hashes that stand for a Message-ID, a mail, an origin. They are kept on disk, so they
//! must stay the same over versions: XXH3 (xxhash 0.8), whose values are frozen.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// Stands for a Message-ID, without brackets.
pub fn message_id(id: &str) -> u64 {
    xxh3_64(id.as_bytes())
}

/// Stands for one mail of one repository: what a deletion names.
pub fn origin(repository: u32, blob: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&repository.to_le_bytes());
    hash.update(blob);
    hash.digest()
}

/// Stands for a mail whatever list it came by: its id and its content, without transport headers and list footer.
pub fn mail(id: &str, parts: &[&str]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(id.as_bytes());
    for part in parts {
        hash.update(&[0]);
        hash.update(part.as_bytes());
    }
    hash.digest()
}
