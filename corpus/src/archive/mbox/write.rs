//! mboxrd: the form that can be read back to the very bytes.

use std::io::{self, Write};

use memchr::memmem;

use super::separator::PUBLIC_INBOX;

/// Writes one mail: the From_ line that public-inbox uses (b4 and `git am` know it), the mail with one `>` before each
/// line of the form `>*From `, and a blank line. A mail that does not end its last line gets the line end.
pub fn write(out: &mut impl Write, mail: &[u8]) -> io::Result<()> {
    out.write_all(PUBLIC_INBOX)?;
    out.write_all(b"\n")?;
    let mut from = 0;
    for at in memmem::find_iter(mail, b"From ") {
        let depth = mail[..at].iter().rev().take_while(|b| **b == b'>').count();
        let line = at - depth;
        if line == 0 || mail[line - 1] == b'\n' {
            out.write_all(&mail[from..line])?;
            out.write_all(b">")?;
            from = line;
        }
    }
    out.write_all(&mail[from..])?;
    if !mail.is_empty() && !mail.ends_with(b"\n") {
        out.write_all(b"\n")?;
    }
    out.write_all(b"\n")
}
