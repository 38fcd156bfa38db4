//! How the breakpoint protocol is run: as it should be, or wrongly on purpose.

/// The protocol, or one of the mistakes that the negative controls make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// As it should be.
    Correct,
    /// All five bytes at once, without a breakpoint.
    NaiveStore,
    /// The tail before the breakpoint.
    TailFirst,
}
