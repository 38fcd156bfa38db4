//! What a list server appends to each mail. Two lists append different footers to one mail, so the
//! identity of a mail is taken without it.

/// Footers are short; only the end of a mail is looked at.
const WINDOW: usize = 1_500;

/// The text without a list footer and without white space at the end.
pub fn without_footer(text: &str) -> &str {
    let text = text.trim_end();
    let mut start = text.len().saturating_sub(WINDOW);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let tail = &text[start..];
    let mut line_start = 0;
    for line in tail.split_inclusive('\n') {
        let bare = line.trim_end();
        let rule = bare == "--" || bare == "-- " || (bare.len() >= 20 && bare.bytes().all(|b| b == b'_' || b == b'-'));
        if rule && is_footer(&tail[line_start + line.len()..]) {
            return text[..start + line_start].trim_end();
        }
        line_start += line.len();
    }
    text
}

fn is_footer(after: &str) -> bool {
    let mut lines = after.lines().filter(|l| !l.trim().is_empty());
    let Some(first) = lines.next() else { return false };
    // majordomo (vger until 2023), mailman 2 and 3
    (first.starts_with("To unsubscribe from this list")
        || first.contains(" mailing list")
        || first.starts_with("To unsubscribe"))
        && lines.count() <= 4
}

#[cfg(test)]
mod tests {
    use super::without_footer;

    #[test]
    fn a_majordomo_footer_goes() {
        let text =
            "body\n\n--\nTo unsubscribe from this list: send the line \"unsubscribe x\" in\nthe body of a message\n";
        assert_eq!(without_footer(text), "body");
    }

    #[test]
    fn a_mailman_footer_goes() {
        let text = "body\n_______________________________________________\nmade-up mailing list\nmade-up@lists.example\nhttps://lists.example/info\n";
        assert_eq!(without_footer(text), "body");
    }

    #[test]
    fn a_signature_stays() {
        let text = "body\n-- \nTo err is human";
        assert_eq!(without_footer(text), text);
    }

    #[test]
    fn two_lists_leave_one_text() {
        let a = "same\n\n--\nTo unsubscribe from this list: a\n";
        assert_eq!(without_footer(a), without_footer("same\n"));
    }
}
