//! Why a file cannot be read as a kernel image: what was found, and the way out.

use std::io;

/// A file, or part of one, that is no readable x86-64 kernel image.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The operating system would not let us.
    #[error("cannot be read")]
    Read(#[source] io::Error),
    /// Something else altogether.
    #[error(
        "not an ELF file: it begins with {0}; give a vmlinux, a vmlinuz, a .ko, a .deb, an initramfs or a directory of modules"
    )]
    NotElf(String),
    /// A boot image whose kernel cannot be found.
    #[error("a boot image (bzImage), whose kernel cannot be found: {0}")]
    Boot(String),
    /// i386 and the like.
    #[error("a 32-bit ELF file ({0}); only x86-64 images can be read")]
    Class32(String),
    /// Written for another byte order.
    #[error("a big-endian ELF file; only x86-64 images can be read")]
    BigEndian,
    /// Another architecture.
    #[error("an ELF file for {0}; only x86-64 images can be read")]
    Machine(String),
    /// A core dump, or an unknown type.
    #[error("an ELF file of type {0}; a kernel is of type 2 or 3, a module of type 1")]
    Type(u16),
    /// The headers contradict the file.
    #[error("truncated or damaged: {what}; the file has {bytes} bytes")]
    Damaged {
        /// What was looked for.
        what: String,
        /// Size of the file.
        bytes: usize,
    },
    /// No section headers, so no table can be found.
    #[error("has no section headers; a vmlinux that is packed for booting has none, one that is built or unpacked has")]
    NoSections,
    /// Nothing that can be executed.
    #[error("has no executable section with contents; a file with debug information alone (.debug) has none")]
    NoText,
    /// No kernel and no module.
    #[error(
        "{what}: it holds none of the tables of a kernel or module (__mcount_loc, __jump_table, .altinstructions \
             and so on), and nothing in it says that it is one; give a vmlinux, a vmlinuz or a .ko"
    )]
    NoTables {
        /// `a program`, `a shared library (libc.so.6)`.
        what: String,
    },
    /// Decompression failed.
    #[error("cannot be decompressed as {format}")]
    Inflate {
        /// xz, zstd or gzip.
        format: &'static str,
        /// The decoder's word.
        #[source]
        source: io::Error,
    },
    /// A bomb, or a limit that is too low.
    #[error("inflates to more than {limit} bytes; raise the limit if it is really that large")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// Sections that nobody's kernel has.
    #[error("its sections hold more than {limit} bytes; raise the limit if they are really that large")]
    Huge {
        /// The limit in bytes.
        limit: u64,
    },
    /// An archive or initramfs that contradicts itself.
    #[error("damaged as {format}: {what}")]
    Archive {
        /// `deb`, `cpio`, `tar`.
        format: &'static str,
        /// What was found.
        what: String,
    },
    /// Nothing in it that could be read.
    #[error("holds no vmlinux, vmlinuz or module")]
    Empty,
    /// Not a function, symbol or address of this image.
    #[error("{0} is neither a symbol of this image nor an address in its text")]
    NoSuchPlace(String),
}
