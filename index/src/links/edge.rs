//! A link: its kind, its two ends, on what it rests, and how sure it is.

/// What a link says of its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The first mail's patch is a later form of the second mail's.
    Revision,
    /// The mail's patch became the commit.
    Commit,
    /// The mail's patch is another form of what became the commit; the form that was applied is not known.
    Form,
    /// The mail is a robot's word of the commit.
    Tells,
    /// The mail brings the commit to an older tree.
    Backport,
    /// The first mail names the second.
    Cites,
    /// The first mail's patch is a form of the second mail's, in a series that is another: it was taken from there, or moved,
    /// or is a backport of it. This joins no histories.
    Taken,
    /// The mail's patch was put together with others into the commit.
    Squashed,
    /// The mail's patch became the commit and others, each a part of it.
    Split,
}

/// On what a link rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The commit or its mail names the mail in a trailer.
    Trailer,
    /// The mail is the commit's own, or answers the patch.
    Reply,
    /// Both bear one change-id.
    ChangeId,
    /// The later one names the earlier as an earlier version.
    VersionLink,
    /// `git patch-id --stable` is the same for both.
    PatchId,
    /// A file is the same after both, by its blob id.
    Blob,
    /// Title and author are the same, and the changed lines do not say otherwise.
    Subject,
    /// The changed lines are the same, in part.
    Lines,
    /// The next version of the same author, with a title that is alike.
    Title,
    /// The text names it.
    Text,
    /// The text names it with its domain masked, and one mail alone fits.
    Masked,
    /// The commit has the author and, to the second, the date of the mail, as `git am` gives them, and lines of its patch.
    Moment,
}

const KINDS: [Kind; 9] = [
    Kind::Revision,
    Kind::Commit,
    Kind::Form,
    Kind::Tells,
    Kind::Backport,
    Kind::Cites,
    Kind::Taken,
    Kind::Squashed,
    Kind::Split,
];
const CLASSES: [Class; 12] = [
    Class::Trailer,
    Class::Reply,
    Class::ChangeId,
    Class::VersionLink,
    Class::PatchId,
    Class::Blob,
    Class::Subject,
    Class::Lines,
    Class::Title,
    Class::Text,
    Class::Masked,
    Class::Moment,
];

impl Kind {
    /// Whether it leads from a patch to a commit that holds it, whole, in part or in another form.
    pub fn is_made(self) -> bool {
        matches!(self, Kind::Commit | Kind::Form | Kind::Squashed | Kind::Split)
    }

    /// The word used in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Revision => "revision",
            Kind::Commit => "commit",
            Kind::Form => "form",
            Kind::Tells => "tells",
            Kind::Backport => "backport",
            Kind::Cites => "cites",
            Kind::Taken => "taken",
            Kind::Squashed => "squashed",
            Kind::Split => "split",
        }
    }
}

impl Class {
    /// All classes, in order.
    pub const ALL: [Class; 12] = CLASSES;

    /// The word used in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Trailer => "link",
            Class::Reply => "reply",
            Class::ChangeId => "change-id",
            Class::VersionLink => "link to vN",
            Class::PatchId => "patch-id",
            Class::Blob => "blob",
            Class::Subject => "subject",
            Class::Lines => "lines",
            Class::Title => "title",
            Class::Text => "text",
            Class::Masked => "masked",
            Class::Moment => "author and date",
        }
    }
}

/// A link as one of its ends sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// What it says.
    pub kind: Kind,
    /// The first end: hash of a Message-ID.
    pub from: u64,
    /// The second end: hash of a Message-ID, or the node of a commit, see [`commit_node`].
    pub to: u64,
    /// On what it rests.
    pub class: Class,
    /// How sure it is, in per mille: the precision measured for the class.
    pub confidence: u16,
    /// Equal changed lines of all, in per mille.
    pub similarity: u16,
}

/// The first eight bytes of a commit's id.
pub fn commit_node(id: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(id) {
        *to = *from;
    }
    u64::from_be_bytes(bytes)
}

impl Edge {
    /// The rows under which both ends find it: key, other end, all the rest.
    pub(super) fn rows(&self) -> [[u64; 3]; 2] {
        let rest = (self.kind as u64) << 56
            | (self.class as u64) << 48
            | u64::from(self.confidence) << 16
            | u64::from(self.similarity);
        [[self.from, self.to, rest], [self.to, self.from, rest | 1 << 40]]
    }

    /// Reads a row; `None` for a kind of another version.
    pub(super) fn of_row([key, other, rest]: [u64; 3]) -> Option<Edge> {
        let (from, to) = if rest & 1 << 40 == 0 { (key, other) } else { (other, key) };
        Some(Edge {
            kind: *KINDS.get((rest >> 56) as usize)?,
            from,
            to,
            class: *CLASSES.get((rest >> 48 & 0xff) as usize)?,
            confidence: (rest >> 16) as u16,
            similarity: rest as u16,
        })
    }
}
