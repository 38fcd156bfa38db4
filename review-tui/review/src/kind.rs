//! What a mail is, in a word.

use provenance_index::document::Stored;

/// `cover v5`, `patch v4 +338 −0`, nothing for an ordinary mail.
pub fn kind(stored: &Stored) -> String {
    let version = match stored.version {
        Some((1, 0)) | None => String::new(),
        Some((major, 0)) => format!(" v{major}"),
        Some((major, minor)) => format!(" v{major}.{minor}"),
    };
    if stored.kinds.cover {
        format!("cover{version}")
    } else if stored.kinds.patch {
        let (added, removed) = stored.changed;
        format!("patch{version} +{added} −{removed}")
    } else {
        String::new()
    }
}
