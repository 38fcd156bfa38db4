//! The mails of an epoch, one by one.

use std::ops::Deref;
use std::path::Path;

use git2::{ErrorCode, ObjectType, Odb, OdbObject, Oid};

use super::loose::Loose;
use super::{EpochError, LARGEST_COMMIT, LARGEST_MAIL, git_directory, object_database, refused, relax_libgit2};

/// What one commit did.
pub enum Item<'r> {
    /// A mail arrived.
    Added {
        /// The name of its bytes: the identity of this copy.
        blob: Oid,
        /// The mail as it arrived.
        bytes: MailBytes<'r>,
    },
    /// A mail was taken out.
    Deleted {
        /// The name of the bytes that were removed.
        blob: Oid,
    },
    /// Neither: the commit has no mail.
    Nothing,
}

/// The file in a commit's tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// `m`: the mail that arrived.
    Mail,
    /// `d`: the mail that was removed.
    Deletion,
}

/// The bytes of a mail, in the buffer that git inflated them to.
pub struct MailBytes<'r>(OdbObject<'r>);

impl Deref for MailBytes<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.data()
    }
}

/// Why one mail could not be read; the others can.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is above [`LARGEST_MAIL`] and was not inflated.
    #[error("mail {blob} has {size} bytes; mails above 64 MiB are not read")]
    TooLarge {
        /// The name of its bytes.
        blob: Oid,
        /// In bytes.
        size: u64,
    },
    /// The repository does not have it: a partial clone, or a file that was lost.
    #[error("object {oid} is missing; `git fsck` names all that are, `git fetch --refetch` brings them back")]
    Missing {
        /// Of a tree or a mail.
        oid: Oid,
    },
    /// Its bytes are damaged.
    #[error("object {oid} is damaged ({}); `git fetch --refetch` brings it back", .source.message())]
    Damaged {
        /// Of a tree or a mail.
        oid: Oid,
        /// What libgit2 said.
        source: git2::Error,
    },
    /// A commit's tree, or the mail in it, is an object of another kind.
    #[error("object {oid} is a {found}, not a {wanted}; this is not a public-inbox epoch")]
    Kind {
        /// The object.
        oid: Oid,
        /// `tree` or `blob`.
        wanted: ObjectType,
        /// What it is.
        found: ObjectType,
    },
}

/// The name of no bytes, `e69de29b...`: git knows it without having it.
const EMPTY: &[u8] = &[
    0xe6, 0x9d, 0xe2, 0x9b, 0xb2, 0xd1, 0xd6, 0x43, 0x4b, 0x8b, 0x29, 0xae, 0x77, 0x5a, 0xd8, 0xc2, 0xe4, 0x8c, 0x53,
    0x91,
];

/// Reads mails for one thread. It holds its own handle on the objects, so that threads do not wait for each other's
/// lock; take mails in the order of the history, in large contiguous pieces, because neighbours share delta bases.
pub struct Reader {
    odb: Odb<'static>,
    loose: Loose,
}

impl Reader {
    /// Opens the objects of an epoch.
    pub fn open(path: &Path) -> Result<Self, EpochError> {
        relax_libgit2();
        let directory = git_directory(path).ok_or_else(|| EpochError::NotGit { path: path.to_owned() })?;
        let odb = object_database(&directory).map_err(|source| refused(path, &directory, source))?;
        let loose = Loose::of(&directory);
        Ok(Self { odb, loose })
    }

    /// The mail that a commit's tree names.
    pub fn mail(&self, tree: Oid) -> Result<Item<'_>, ReadError> {
        Ok(match self.entry(tree)? {
            // What public-inbox-purge leaves of a mail.
            Some((Entry::Mail, blob)) if blob.as_bytes() == EMPTY => Item::Nothing,
            Some((Entry::Mail, blob)) => Item::Added { blob, bytes: self.blob(blob)? },
            Some((Entry::Deletion, blob)) => Item::Deleted { blob },
            None => Item::Nothing,
        })
    }

    /// What a commit's tree names, the mail left unread.
    pub fn entry(&self, tree: Oid) -> Result<Option<(Entry, Oid)>, ReadError> {
        self.loose.check(tree).map_err(|e| unreadable(tree, e))?;
        let object = self.odb.read(tree).map_err(|e| unreadable(tree, e))?;
        expect(tree, &object, ObjectType::Tree)?;
        Ok(only_file(object.data()))
    }

    /// A mail by the name of its bytes.
    pub fn blob(&self, blob: Oid) -> Result<MailBytes<'_>, ReadError> {
        self.loose.check(blob).map_err(|e| unreadable(blob, e))?;
        let (size, _) = self.odb.read_header(blob).map_err(|e| unreadable(blob, e))?;
        if size as u64 > LARGEST_MAIL {
            return Err(ReadError::TooLarge { blob, size: size as u64 });
        }
        let object = self.odb.read(blob).map_err(|e| unreadable(blob, e))?;
        expect(blob, &object, ObjectType::Blob)?;
        Ok(MailBytes(object))
    }
}

fn unreadable(oid: Oid, source: git2::Error) -> ReadError {
    match source.code() {
        ErrorCode::NotFound => ReadError::Missing { oid },
        _ => ReadError::Damaged { oid, source },
    }
}

fn expect(oid: Oid, object: &OdbObject<'_>, wanted: ObjectType) -> Result<(), ReadError> {
    match object.kind() {
        found if found == wanted => Ok(()),
        found => Err(ReadError::Kind { oid, wanted, found }),
    }
}

/// `m` or `d` among the entries of a tree (`MODE NAME NUL 20 bytes`); `m` first, should both be there.
fn only_file(mut entries: &[u8]) -> Option<(Entry, Oid)> {
    if entries.len() > LARGEST_COMMIT {
        return None;
    }
    let mut deletion = None;
    while let Some(nul) = memchr::memchr(0, entries) {
        let (entry, rest) = entries.split_at(nul);
        let (oid, after) = rest[1..].split_at_checked(20)?;
        let name = &entry[memchr::memchr(b' ', entry)? + 1..];
        let is_file = entry.starts_with(b"100");
        match name {
            b"m" if is_file => return Some((Entry::Mail, Oid::from_bytes(oid).ok()?)),
            b"d" if is_file => deletion = Some((Entry::Deletion, Oid::from_bytes(oid).ok()?)),
            _ => {}
        }
        entries = after;
    }
    deletion
}
