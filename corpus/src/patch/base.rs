//! What a patch or series applies to, as git-format-patch(1) (`--base`) and b4 write it.

use super::text::Line;

/// Lines that name the base of a patch or series. Also cover letters have them: see [`Base::find`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base<'a> {
    /// `base-commit:` the commit that the series applies to.
    pub commit: Option<&'a str>,
    /// `change-id:` what b4 gives to all revisions of a series.
    pub change_id: Option<&'a str>,
    /// What has to be applied before, in the order of the mail.
    pub prerequisites: Vec<Prerequisite<'a>>,
}

/// Something to apply before a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Prerequisite<'a> {
    /// `prerequisite-patch-id:` a stable patch id (git).
    PatchId(&'a str),
    /// `prerequisite-change-id:` the change id of another series, with `:vN` (b4).
    ChangeId(&'a str),
    /// `prerequisite-message-id:` a Message-ID without brackets (b4).
    MessageId(&'a str),
}

/// At most so many prerequisites are kept.
const MAX_PREREQUISITES: usize = 10_000;

impl<'a> Base<'a> {
    /// Reads the lines of `text` that say it. The first `base-commit:` and `change-id:` count.
    pub fn find(text: &'a str) -> Base<'a> {
        let mut base = Base::default();
        base.read(text);
        base
    }

    /// Adds what `text` says.
    pub(super) fn read(&mut self, text: &'a str) {
        let mut at = 0;
        while let Some(line) = Line::at(text, at) {
            at = line.next;
            if matches!(line.raw.as_bytes().first(), Some(b'b' | b'c' | b'p')) {
                self.read_line(line.text());
            }
        }
    }

    fn read_line(&mut self, line: &'a str) {
        let Some((name, value)) = line.split_once(':') else { return };
        let value = value.trim();
        if value.is_empty() || value.contains(' ') {
            return;
        }
        let prerequisite = match name {
            "base-commit" => {
                self.commit.get_or_insert(value);
                return;
            }
            "change-id" => {
                self.change_id.get_or_insert(value);
                return;
            }
            "prerequisite-patch-id" => Prerequisite::PatchId(value),
            "prerequisite-change-id" => Prerequisite::ChangeId(value),
            "prerequisite-message-id" => Prerequisite::MessageId(value.trim_start_matches('<').trim_end_matches('>')),
            _ => return,
        };
        if self.prerequisites.len() < MAX_PREREQUISITES {
            self.prerequisites.push(prerequisite);
        }
    }
}
