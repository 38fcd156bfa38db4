//! Mail from public-inbox servers: a thread as one mbox, a list as its git epochs. Nothing else in the program touches
//! the network. What comes is looked at whole before anything of it is kept.

pub mod address;
pub mod http;
pub mod list;
pub mod manifest;
pub mod thread;

use crate::text::plural;

/// Why something was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// What was asked for names neither a mail nor a list.
    #[error("`{0}` is neither a mail nor a list")]
    NoTarget(String),
    /// A server's address that is none.
    #[error("`{0}` is not a server address")]
    NoServer(String),
    /// The connection failed, or broke off.
    #[error("{url} cannot be read")]
    Connection {
        /// What was asked for.
        url: String,
        /// What went wrong.
        source: Box<ureq::Error>,
    },
    /// The answer broke off.
    #[error("the answer from {url} broke off after {bytes} bytes")]
    BrokeOff {
        /// What was asked for.
        url: String,
        /// Bytes that came.
        bytes: usize,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The server has no such thing.
    #[error("{url} is not there (404)")]
    NotThere {
        /// What was asked for.
        url: String,
    },
    /// Another status than success.
    #[error("{url} was refused by the server: {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The status.
        status: u16,
    },
    /// The server asks for patience, again and again.
    #[error("{url}: the server is busy ({status}), gave up after {}; it asks for {seconds} s", plural(u64::from(*tries), "try", "tries"))]
    Busy {
        /// What was asked for.
        url: String,
        /// The status.
        status: u16,
        /// How often it was asked.
        tries: u32,
        /// How long the next wait would have been.
        seconds: u64,
    },
    /// Another host than the one that was asked.
    #[error("{url} is redirected to another host: {to}")]
    Elsewhere {
        /// What was asked for.
        url: String,
        /// Where the server points.
        to: String,
    },
    /// Redirections without end, or to where nobody asked.
    #[error("{url} is redirected {why}")]
    Redirected {
        /// What was asked for.
        url: String,
        /// Where to, or how often.
        why: String,
    },
    /// More than anybody reads.
    #[error("the answer from {url} is larger than {megabytes} MB")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The limit.
        megabytes: u64,
    },
    /// Something else than was asked for.
    #[error("{url} answers with {what}")]
    OtherThing {
        /// What was asked for.
        url: String,
        /// What came instead.
        what: String,
    },
    /// A compressed answer in more pieces than anybody makes.
    #[error("the answer of {url} is compressed in more than {pieces} pieces")]
    Pieces {
        /// What was asked for.
        url: String,
        /// The limit.
        pieces: u32,
    },
    /// The compressed answer is damaged or cut short.
    #[error("the answer from {url} is damaged")]
    Damaged {
        /// What was asked for.
        url: String,
        /// What the decoder said.
        source: std::io::Error,
    },
    /// Mails, but not of the thread.
    #[error("{url} answers with another thread: none of its {mails} mails is {id} or refers to it")]
    OtherThread {
        /// What was asked for.
        url: String,
        /// How many mails came.
        mails: usize,
        /// The Message-ID that is missing.
        id: String,
    },
    /// A manifest that cannot be followed.
    #[error("the manifest of {url} makes no sense: {why}")]
    Manifest {
        /// Its list.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The user's git failed.
    #[error("git could not read {url}: {said}")]
    Git {
        /// The repository.
        url: String,
        /// The end of what it said.
        said: String,
    },
    /// The file system said no.
    #[error("{path} cannot be written")]
    Io {
        /// The file or directory.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What is told while something goes on.
pub type Tell<'t> = &'t dyn Fn(&str);
