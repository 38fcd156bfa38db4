//! Mails that a list or a relay sends under its own address in the name of their authors, since the author's domain forbids
//! others to send for it (RFC 7489, section 10.2): Mailman's and Google's "via", b4's web endpoint.

use crate::address::{self, Address};

/// The relay that `b4 send` uses writes for `devnull+LOCAL.DOMAIN@kernel.org`.
const B4_RELAY: (&str, &str) = ("devnull+", "@kernel.org");

/// The author's name, where From is that of a list or relay.
pub fn relayed(from: &Address) -> Option<&str> {
    let name = from.name.as_deref().unwrap_or_default();
    let via = name.rsplit_once(" via ").filter(|(who, relay)| !who.trim().is_empty() && !relay.trim().is_empty());
    let b4 = from.address.strip_prefix(B4_RELAY.0).is_some_and(|rest| rest.ends_with(B4_RELAY.1));
    match via {
        Some((who, _)) => Some(who.trim().trim_matches(['\'', '"']).trim()),
        None => b4.then_some(name),
    }
}

/// The author named on the first line of a patch's text: `From: Ada Example <ada@example.org>` (git-am(1)).
pub fn in_body(text: &str) -> Option<Address> {
    let line = text.lines().take(8).find(|line| !line.trim().is_empty())?;
    let named = address::parse_one(line.strip_prefix("From:")?.trim())?;
    named.address.contains('@').then_some(named)
}

#[cfg(test)]
mod tests {
    use crate::message::Message;

    fn author(header: &str, text: &str) -> String {
        let raw = format!("{header}\nMessage-ID: <a@b>\n\n{text}");
        Message::parse(raw.as_bytes()).author().map_or_else(String::new, |one| one.to_string())
    }

    #[test]
    fn behind_a_list_or_a_relay_stands_the_author_of_the_text() {
        let ada = "Ada Example <ada@example.org>";
        let inside = format!("\nFrom: {ada}\n\ntext\n");
        for from in [
            "Ada Example via B4 Relay <devnull+ada.example.org@kernel.org>",
            "Ada Example via libx <libx@lists.example>",
            "'Ada Example' via Group <group@lists.example>",
            "Ada Example <devnull+ada.example.org@kernel.org>",
        ] {
            assert_eq!(author(&format!("From: {from}"), &inside), ada, "{from}");
            assert_eq!(author(&format!("From: {from}\nReply-To: List <l@lists.example>, {ada}"), "x\n"), ada, "{from}");
            assert_eq!(author(&format!("From: {from}\nX-Original-From: {ada}"), "x\n"), ada, "{from}");
        }
        assert_eq!(author("From: Ada Example via libx <l@lists.example>", "x\n"), "Ada Example <l@lists.example>");
        // A patch that somebody sends on for its author is still his mail.
        assert_eq!(author("From: Ben <ben@example.org>", &inside), "Ben <ben@example.org>");
        assert_eq!(author("From: via <ben@example.org>", &inside), "via <ben@example.org>");
    }
}
