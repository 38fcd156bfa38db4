//! Why text cannot be had.

use std::io;

use crate::isa;

/// Why text could not be had, or an address not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// The kernel refused a file in memory.
    #[error("no memfd for executable memory: {0}; raise RLIMIT_NOFILE, or allow memfd_create in the sandbox")]
    Memfd(#[source] io::Error),
    /// A mapping was refused.
    #[error("no {what} mapping of {len} bytes at {at}: {source}")]
    Map {
        /// Writable alias or executable view.
        what: &'static str,
        /// Bytes.
        len: usize,
        /// The place asked for.
        at: String,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// Sealing, or keeping the mapping out of children, was refused.
    #[error("{what} was refused for executable memory: {source}")]
    Seal {
        /// Which protection.
        what: &'static str,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// More chunks than the trap handler's table holds.
    #[error("all {limit} chunks of executable memory are in use; drop an arena")]
    TooManyChunks {
        /// The limit.
        limit: usize,
    },
    /// An allocation larger than a chunk.
    #[error("an image of {len} bytes does not fit in a chunk of {chunk}; ask for a larger chunk_len")]
    TooLarge {
        /// Bytes asked for.
        len: usize,
        /// Bytes in a chunk.
        chunk: usize,
    },
    /// The address is not in this arena.
    #[error("{addr:#x}+{len} is not in this arena; only text that it laid out can be patched")]
    Foreign {
        /// Where.
        addr: u64,
        /// How many bytes.
        len: usize,
    },
    /// No single instruction covers these bytes.
    #[error("{addr:#x}+{len} is not one instruction of {function}: {why}")]
    Boundary {
        /// Where.
        addr: u64,
        /// How many bytes.
        len: usize,
        /// The enclosing function, or `unnamed text`.
        function: String,
        /// What stands there instead.
        why: String,
    },
    /// An image was given back twice.
    #[error("the image at {addr:#x} is not allocated: freed twice, or never by this arena")]
    DoubleFree {
        /// Its address.
        addr: u64,
    },
    /// A label or target could not be encoded.
    #[error(transparent)]
    Isa(#[from] isa::IsaError),
    /// A label of another builder, or one never placed.
    #[error("label {0} was never placed in this builder")]
    Label(usize),
    /// A name was given to two functions.
    #[error("two functions are called {0}")]
    Name(String),
}
