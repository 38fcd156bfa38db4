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
        /// Length in bytes.
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
        /// The address that was asked for.
        addr: u64,
        /// How many bytes.
        len: usize,
    },
    /// No single instruction covers these bytes.
    #[error("{addr:#x}+{len} is not one instruction of {function}: {why}")]
    Boundary {
        /// The address that was asked for.
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
    /// The site's text was freed; what stands there now is other text.
    #[error("{addr:#x}+{len} is a site of text that was freed; ask for it again")]
    Stale {
        /// The address that was asked for.
        addr: u64,
        /// How many bytes.
        len: usize,
    },
    /// Somebody who does not hold the text wants to free it.
    #[error("the image at {addr:#x} belongs to another holder; only who loaded it can give it back")]
    NotYours {
        /// Its address.
        addr: u64,
    },
    /// A site still leads into text that is to be retired.
    #[error("the site at {site:#x} leads to {target:#x}, in the image at {addr:#x}; patch it first")]
    Reached {
        /// The image's address.
        addr: u64,
        /// The site.
        site: u64,
        /// Where it leads.
        target: u64,
    },
    /// Another engine's site was made to lead into text that is to be retired.
    #[error(
        "a site of another engine was made to lead to {target:#x}, in the image at {addr:#x}, and this engine does not see whether it still does; only Engine::free gives it back"
    )]
    Led {
        /// The image's address.
        addr: u64,
        /// Where it leads.
        target: u64,
    },
    /// Code that is longer than its region.
    #[error("{got} bytes were emitted for an image of {len} at {addr:#x}")]
    Oversize {
        /// The image's address.
        addr: u64,
        /// Bytes asked for.
        len: usize,
        /// Bytes emitted.
        got: usize,
    },
    /// Code whose labels or functions lie elsewhere: it was assembled for another base.
    #[error("the image at {addr:#x}+{len} was assembled for another address: it names {named:#x}")]
    Elsewhere {
        /// The image's address.
        addr: u64,
        /// Its length.
        len: usize,
        /// What it names.
        named: u64,
    },
    /// An alignment that is no power of two up to a page.
    #[error("an alignment of {0} is no power of two from 1 to 4096")]
    Align(usize),
    /// Memory for what is known of the text ran out.
    #[error("no memory for {what} of {len} bytes")]
    Memory {
        /// What it was wanted for.
        what: &'static str,
        /// Its size in bytes.
        len: usize,
    },
    /// Four thousand million regions were allocated in this process.
    #[error("no region can be told from earlier ones any more; start a new process")]
    Generations,
    /// The process forked: the text is shared with the parent, and not mapped here.
    #[error("this text belongs to process {parent}, this is {child}; make a new engine after fork")]
    Forked {
        /// Who made it.
        parent: u32,
        /// Who asks.
        child: u32,
    },
    /// A signal handler, or a callback, came upon its own thread inside the engine.
    #[error(
        "this thread is inside the engine already; a signal handler must not patch text: note the wish, and patch later"
    )]
    Reentered,
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
