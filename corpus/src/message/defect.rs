//! What can be wrong with a mail. Reading never fails; it says what it had to guess.

macro_rules! defects {
    ($($variant:ident $name:literal $meaning:literal;)+) => {
        /// Something in a mail that does not follow the standards, and what was done about it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Defect {
            $(#[doc = $meaning] $variant,)+
        }

        impl Defect {
            /// Every defect, in the order in which a report lists them.
            pub const ALL: &[Defect] = &[$(Defect::$variant,)+];

            /// The kebab-case name, for tables and JSON.
            pub const fn name(self) -> &'static str {
                match self { $(Defect::$variant => $name,)+ }
            }

            /// One line: what is wrong and how the mail was read in spite of it.
            pub const fn meaning(self) -> &'static str {
                match self { $(Defect::$variant => $meaning,)+ }
            }
        }
    };
}

defects! {
    FromWebPage "from-a-web-page" "a web archive's page as text: addresses are masked, the date is that of arrival, the Message-ID is made from the content";
    NoHeader "no-header" "no header; all of it was read as the body";
    FromLine "from-line" "starts with the `From ` line of an mbox, which was skipped";
    OversizedHeader "oversized-header" "the header exceeds 1 MiB; the rest was not read";
    MalformedHeader "malformed-header" "a line in the header has no field name and was passed over";
    HeaderNotUtf8 "header-not-utf8" "a header has bytes that are not UTF-8 and name no charset; they were read as windows-1252";
    NoMessageId "no-message-id" "no Message-ID; one was made from the content";
    ReservedMessageId "reserved-message-id" "the Message-ID uses the name reserved for made ones; it was ignored and one was made from the content";
    SeveralMessageIds "several-message-ids" "more than one Message-ID; the first names the mail, the others find it too";
    MalformedMessageId "malformed-message-id" "an id in Message-ID, References or In-Reply-To lacks its brackets, has them twice, is written as encoded words, or is above 998 bytes";
    TooManyReferences "too-many-references" "more than 1,000 references; the last 1,000 were kept";
    NoFrom "no-from" "no author: From is missing or empty";
    NoDate "no-date" "no Date header";
    UnreadableDate "unreadable-date" "the Date header is not a date (no year, or out of range)";
    UnknownZone "unknown-zone" "the zone of the Date header is not known; read as UTC";
    UnknownCharset "unknown-charset" "unknown charset; read as UTF-8 where it is, else as windows-1252";
    BadCharset "bad-charset" "bytes that the named charset does not have";
    BadEncodedWord "bad-encoded-word" "an encoded word of a header could not be decoded whole";
    UnknownTransferEncoding "unknown-transfer-encoding" "a Content-Transfer-Encoding that does not exist; the bytes were taken as they are";
    BadTransferEncoding "bad-transfer-encoding" "base64 or quoted-printable with invalid bytes, which were skipped";
    NulBytes "nul-bytes" "the text holds NUL bytes";
    HtmlOnly "html-only" "no plain text; the text was taken out of the HTML";
    MissingBoundary "missing-boundary" "a multipart whose boundary is not named or never occurs; read as one text";
    UnclosedMultipart "unclosed-multipart" "a multipart without its closing line";
    NestedTooDeep "nested-too-deep" "parts nested above 100 levels; what is deeper is one opaque part";
    TooManyParts "too-many-parts" "more than 10,000 parts; the rest is one opaque part";
}

impl std::fmt::Display for Defect {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name())
    }
}

/// The defects of one mail, each at most once, in the order found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Defects(pub(crate) Vec<Defect>);

impl Defects {
    pub(crate) fn note(&mut self, defect: Defect) {
        if !self.0.contains(&defect) {
            self.0.push(defect);
        }
    }
}
