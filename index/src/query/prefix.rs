//! The prefixes: their names, kinds and meanings. The man page and the help are made from this table.

/// How the value behind a prefix is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Words, phrases and wildcards.
    Text,
    /// One exact value.
    Filter,
    /// `A..B`, `A..`, `..B` or one value.
    Range,
}

macro_rules! prefixes {
    ($($variant:ident $name:literal $kind:ident $ours:literal $meaning:literal;)*) => {
        /// A prefix.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Prefix { $(#[doc = $meaning] $variant,)* }

        impl Prefix {
            /// All prefixes, in the order of the help.
            pub const ALL: &[Prefix] = &[$(Prefix::$variant,)*];

            /// As written, without the colon.
            pub fn name(self) -> &'static str {
                match self { $(Prefix::$variant => $name,)* }
            }

            /// How its value is read.
            pub fn kind(self) -> Kind {
                match self { $(Prefix::$variant => Kind::$kind,)* }
            }

            /// Whether public-inbox does not know it.
            pub fn is_ours(self) -> bool {
                match self { $(Prefix::$variant => $ours,)* }
            }

            /// One line of help.
            pub fn meaning(self) -> &'static str {
                match self { $(Prefix::$variant => $meaning,)* }
            }
        }
    };
}

prefixes! {
    Subject "s" Text false "words of the subject";
    Date "d" Range false "date of the mail, in days of UTC; open ends, git's approximate dates";
    DateTime "dt" Range false "date of the mail to the second, YYYYMMDDhhmmss";
    Received "rt" Range false "date of arrival";
    Body "b" Text false "the body, diff and quotes included";
    NonQuoted "nq" Text false "the body without quotes, diff included";
    Quoted "q" Text false "quoted text";
    BodySubject "bs" Text false "subject and body";
    FileName "n" Text false "names of attachments";
    To "t" Text false "the To header";
    Cc "c" Text false "the Cc header";
    From "f" Text false "the From header";
    ToCc "tc" Text false "To and Cc";
    Addresses "a" Text false "To, Cc and From";
    ToCcFrom "tcf" Text false "the same as a:";
    List "l" Text false "words of the List-Id, of any copy of the mail";
    ListId "lid" Filter false "List-Id, exact, of any copy of the mail";
    MidWords "m" Text false "words of the Message-ID";
    Mid "mid" Filter false "Message-ID, exact";
    References "references" Filter false "Message-ID named in References or In-Reply-To";
    DiffName "dfn" Text false "file names of a diff";
    DiffRemoved "dfa" Text false "removed lines of a diff";
    DiffAdded "dfb" Text false "added lines of a diff";
    DiffHunk "dfhh" Text false "text of hunk headers, mostly names of functions";
    DiffContext "dfctx" Text false "context lines of a diff";
    DiffPre "dfpre" Filter false "blob id before the patch, 7 digits or more";
    DiffPost "dfpost" Filter false "blob id after the patch, 7 digits or more";
    DiffBlob "dfblob" Filter false "either of both";
    PatchId "patchid" Filter false "what `git patch-id --stable` prints";
    ChangeId "changeid" Filter false "change-id of a series";
    ForPatchId "forpatchid" Filter false "patch-id that a reply names";
    Bytes "z" Range false "size of the mail in bytes; k, m and g count in 1024";
    Thread "thread" Filter false "all mails of the threads of a Message-ID, or of the hits of {a query}";
    Uid "uid" Range false "not supported: it numbers mails within one inbox";
    Ident "id" Text true "parts of identifiers: id:\"text reserved\" finds static_call_text_reserved";
    Mech "mech" Filter true "mails and events about a mechanism of the catalogue";
    Rev "rev" Range true "version of a patch or cover letter";
    Is "is" Filter true "patch, cover, reply or event";
    Trailer "trailer" Filter true "NAME or NAME:VALUE of a trailer";
    AsOf "as-of" Filter true "hide everything after this date";
    Landed "landed" Filter true "yes or no: whether the patch became a commit";
    Commit "commit" Filter true "mails of this commit";
}

impl Prefix {
    /// The prefix of this name.
    pub fn named(name: &str) -> Option<Prefix> {
        Prefix::ALL.iter().copied().find(|p| p.name() == name)
    }

    /// The prefix that does what `name` does in other programs: notmuch, mu, Gmail.
    pub fn of_others(name: &str) -> Option<Prefix> {
        const OTHERS: [(&str, Prefix); 16] = [
            ("from", Prefix::From),
            ("author", Prefix::From),
            ("subject", Prefix::Subject),
            ("to", Prefix::To),
            ("cc", Prefix::Cc),
            ("recip", Prefix::ToCc),
            ("contact", Prefix::Addresses),
            ("date", Prefix::Date),
            ("after", Prefix::Date),
            ("before", Prefix::Date),
            ("since", Prefix::Date),
            ("body", Prefix::Body),
            ("list", Prefix::List),
            ("msgid", Prefix::Mid),
            ("rfc822msgid", Prefix::Mid),
            ("attachment", Prefix::FileName),
        ];
        OTHERS.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, prefix)| *prefix)
    }

    /// The prefix that `name` is a slip of the finger for: one letter wrong, missing, added or two swapped, or
    /// another case. Short names are left alone, they are too close to everything.
    pub fn nearest(name: &str) -> Option<Prefix> {
        let long = |p: &&Prefix| p.name().len() > 3 || (p.name().starts_with("df") && name.starts_with("df"));
        let lower = name.to_lowercase();
        let same = |p: &&Prefix| p.name().len() > 2 && p.name() == lower;
        let mut all = Prefix::ALL.iter();
        all.clone().find(same).or_else(|| all.find(|p| long(p) && one_slip(p.name(), &lower))).copied()
    }

    /// Whether a value may have spaces in it: `s:text poke`, `mech:static key`, `d:2 weeks ago`.
    pub fn takes_spaces(self) -> bool {
        use Prefix::{AsOf, Mech, Trailer};
        self.kind() == Kind::Text
            || matches!(self, Mech | Trailer | AsOf | Prefix::Date | Prefix::DateTime | Prefix::Received)
    }

    /// Whether two filters side by side are alternatives. Xapian has it so for public-inbox's filters and for ranges:
    /// `mid:A mid:B` finds both mails. Ours are all demanded, as everything else that stands side by side.
    pub fn alternates(self) -> bool {
        match self.kind() {
            Kind::Text => false,
            Kind::Range => true,
            Kind::Filter => !self.is_ours() && self != Prefix::Thread,
        }
    }
}

/// Whether one edit turns `a` into `b`: a letter replaced, added, left out, or two neighbours swapped.
pub(crate) fn one_slip(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let head = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[head..], &b[head..]);
    match (a, b) {
        ([], []) => false,
        ([x, y, ra @ ..], [v, w, rb @ ..]) if x == w && y == v && ra == rb => true,
        ([_, ra @ ..], [_, rb @ ..]) if ra == rb => true,
        ([_, ra @ ..], b) if ra == b => true,
        (a, [_, rb @ ..]) => a == rb,
        _ => false,
    }
}
