//! How far a run is: reading mails, reading commits.

/// Told how far a run is.
pub trait Progress: Sync {
    /// So many mails are to be read.
    fn begin(&self, mails: u64);
    /// So many more were read, of so many bytes.
    fn advance(&self, mails: u64, bytes: u64);
    /// Reading is done, this is being done now.
    fn phase(&self, what: &str);
}

/// Nobody is told.
impl Progress for () {
    fn begin(&self, _: u64) {}
    fn advance(&self, _: u64, _: u64) {}
    fn phase(&self, _: &str) {}
}
