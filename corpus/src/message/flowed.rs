//! `format=flowed` (RFC 3676) undone as git-am(1) does it: a line that ends in a blank goes on in the next, and the blank that
//! was put before a line is taken off. What is left is the patch as it was before the mailer wrapped it.

use std::borrow::Cow;

/// The text with its soft line breaks taken out; `delsp` says that the blank before each is no part of the line.
pub fn unfold(text: &str, delsp: bool) -> Cow<'_, str> {
    let mut out = String::with_capacity(text.len());
    let mut open = String::new();
    for line in text.split_inclusive('\n') {
        let end = if line.ends_with('\n') { "\n" } else { "" };
        let mut content = line.strip_suffix('\n').unwrap_or(line);
        content = content.strip_suffix('\r').unwrap_or(content);
        if content == "-- " {
            // The mark before a signature ends in a blank of its own.
            if !open.is_empty() {
                out.push_str(&std::mem::take(&mut open));
                out.push('\n');
            }
            out.push_str("-- ");
            out.push_str(end);
            continue;
        }
        content = content.strip_prefix(' ').unwrap_or(content);
        match content.strip_suffix(' ') {
            Some(soft) => open.push_str(if delsp { soft } else { content }),
            None => {
                out.push_str(&std::mem::take(&mut open));
                out.push_str(content);
                out.push_str(end);
            }
        }
    }
    out.push_str(&open);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soft_breaks_are_joined_and_stuffed_blanks_go() {
        assert_eq!(
            unfold("one \ntwo\n  three\n+added \nlines\n-- \nAda \n", false),
            "one two\n three\n+added lines\n-- \nAda "
        );
        assert_eq!(unfold("one \ntwo\n", true), "onetwo\n");
        assert_eq!(unfold("as it is\r\n", false), "as it is\n");
        assert_eq!(unfold("", false), "");
    }
}
