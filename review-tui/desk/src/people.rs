//! Names of people in a column, and which addresses of a mail are lists.

use provenance_corpus::address::Address;
use provenance_review::text::{cut, width};

/// A name that fits a column. Given names become initials from the left, then are left out; the last name stays whole as
/// long as the column can hold it at all.
pub fn fitting(name: &str, room: usize) -> String {
    if width(name) <= room {
        return name.to_owned();
    }
    let words: Vec<&str> = name.split_whitespace().collect();
    let Some((last, given)) = words.split_last() else { return String::new() };
    for initials in 1..=given.len() {
        let short = given.iter().enumerate().map(|(at, word)| match word.chars().next() {
            Some(first) if at < initials => format!("{first}."),
            _ => (*word).to_owned(),
        });
        let all = short.chain(std::iter::once((*last).to_owned())).collect::<Vec<_>>().join(" ");
        if width(&all) <= room {
            return all;
        }
    }
    // Of an address what stands before the host says most.
    if let Some((person, _)) = name.split_once('@').filter(|(person, _)| width(person) <= room) {
        return person.to_owned();
    }
    cut(last, room).into_owned()
}

/// Whether an address is a list's: the mail came by it, or its host serves lists and nothing else.
pub fn is_list(address: &str, list_ids: &[String]) -> bool {
    let address = address.to_ascii_lowercase();
    let Some((_, host)) = address.split_once('@') else { return false };
    let id = address.replacen('@', ".", 1);
    let named = list_ids.iter().any(|known| {
        let known = known.to_ascii_lowercase();
        known == id || known == address
    });
    let serves = ["vger.kernel.org", "googlegroups.com", "kvack.org", "lists.linux.dev", "freelists.org"];
    named || host.starts_with("lists.") || host.contains(".lists.") || serves.contains(&host)
}

/// Names that a field of the header shows; all of them stand behind the key for all headers.
const SHOWN: usize = 8;

/// A field of recipients as it is read: people by name, then who of them is a list, by address.
pub fn recipients(people: &[Address], list_ids: &[String]) -> String {
    let (lists, people): (Vec<&Address>, Vec<&Address>) =
        people.iter().partition(|one| is_list(&one.address, list_ids));
    let mut names: Vec<&str> = people.iter().take(SHOWN).map(|one| one.who()).collect();
    let rest = match people.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let last = names.pop().map(|last| format!("{last}{rest}"));
    names.extend(last.as_deref());
    let addresses: Vec<&str> = lists.iter().map(|one| one.address.as_str()).collect();
    let word = if lists.len() == 1 { "list" } else { "lists" };
    match (names.is_empty(), addresses.is_empty()) {
        (_, true) => names.join(", "),
        (true, false) => format!("{word} {}", addresses.join(", ")),
        (false, false) => format!("{}; {word} {}", names.join(", "), addresses.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shortened_and_not_cut() {
        assert_eq!(fitting("Arnaldo Carvalho de Melo", 24), "Arnaldo Carvalho de Melo");
        assert_eq!(fitting("Arnaldo Carvalho de Melo", 20), "A. Carvalho de Melo");
        assert_eq!(fitting("Arnaldo Carvalho de Melo", 14), "A. C. de Melo");
        assert_eq!(fitting("Masami Hiramatsu (Google)", 20), "M. H. (Google)");
        assert_eq!(fitting("tip-bot2@linutronix.de", 20), "tip-bot2");
        assert_eq!(fitting("Wolfeschlegelsteinhausen", 8), "Wolfesc…");
    }

    #[test]
    fn lists_are_told_from_people() {
        let ids = vec!["made.lists.example".to_owned(), "bpf.vger.kernel.org".to_owned()];
        assert!(is_list("bpf@vger.kernel.org", &[]) && is_list("Made@lists.example", &[]));
        assert!(is_list("dri-devel@lists.freedesktop.org", &[]) && !is_list("rostedt@goodmis.org", &ids));
        let people = ["A <a@x.org>", "bpf@vger.kernel.org", "B <b@x.org>", "netdev@vger.kernel.org"];
        let people: Vec<Address> = people.iter().filter_map(|p| provenance_corpus::address::parse_one(p)).collect();
        assert_eq!(recipients(&people, &ids), "A, B; lists bpf@vger.kernel.org, netdev@vger.kernel.org");
        assert_eq!(recipients(&people[1..2], &ids), "list bpf@vger.kernel.org");
    }
}
