//! What a user names: a mail by its id or URL, a list by its name or URL, and on which server.

use provenance_corpus::citation::message_name;

use super::FetchError;

/// A server, or one of its lists: `https://lore.kernel.org`, `http://localhost:8080/made`. Without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base(String);

/// What is to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The thread of a mail, from a list's page.
    Thread {
        /// The list, `all` where the server joins its lists under this name.
        list: Base,
        /// The Message-ID.
        id: String,
    },
    /// A list.
    List {
        /// The list.
        list: Base,
        /// Its name.
        name: String,
    },
}

/// What lore calls all its lists.
const ALL: &str = "all";

/// Hosts that send on to lore, by id alone.
const REDIRECTORS: [&str; 3] = ["lkml.kernel.org", "patch.msgid.link", "msgid.link"];

impl Base {
    /// Reads an address: `http` or `https`, a host, perhaps a port and a path. Query, fragment and user are refused.
    ///
    /// # Errors
    /// [`FetchError::NoServer`].
    pub fn parse(url: &str) -> Result<Base, FetchError> {
        let no = || FetchError::NoServer(url.chars().take(200).collect());
        let (scheme, rest) = url.split_once("://").ok_or_else(no)?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let good = matches!(scheme, "http" | "https")
            && !host.is_empty()
            && !host.starts_with(['-', ':'])
            && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'))
            && path.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '\\' | '"' | '<' | '>'))
            && !path.split('/').any(|part| part == "..");
        good.then(|| Base(url.trim_end_matches('/').to_owned())).ok_or_else(no)
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme, host and port.
    pub fn root(&self) -> &str {
        let from = self.0.find("://").map_or(0, |at| at + 3);
        self.0[from..].find('/').map_or(&self.0, |at| &self.0[..from + at])
    }

    /// The path, with its slash, empty for none.
    pub fn path(&self) -> &str {
        &self.0[self.root().len()..]
    }

    /// Host and port, as one word for a directory.
    pub fn host(&self) -> String {
        let root = self.root();
        let host = root.split_once("://").map_or(root, |(_, host)| host);
        host.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' }).collect()
    }

    /// Below this address.
    pub fn join(&self, part: &str) -> Base {
        Base(format!("{}/{part}", self.0))
    }
}

/// What an argument names; `server` is asked where it names none itself.
///
/// # Errors
/// [`FetchError::NoTarget`], [`FetchError::NoServer`].
pub fn target(typed: &str, server: &Base) -> Result<Target, FetchError> {
    let typed = typed.trim();
    let no = || FetchError::NoTarget(typed.chars().take(200).collect());
    if let Some(rest) = typed.strip_prefix("https://").or_else(|| typed.strip_prefix("http://")) {
        let scheme = &typed[..typed.len() - rest.len()];
        let (rest, searches) = (rest.split(['?', '#']).next().unwrap_or(rest), rest.contains('?'));
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        if let Some(id) = message_name(typed) {
            let before: Vec<&str> = path.split('/').take_while(|part| !names_mail(part)).collect();
            let redirects = REDIRECTORS.contains(&host) || before == ["r"];
            if redirects || before.is_empty() {
                let list = if REDIRECTORS.contains(&host) {
                    all_of(server)
                } else {
                    Base::parse(&format!("{scheme}{host}/{ALL}"))?
                };
                return Ok(Target::Thread { list, id });
            }
            let list = Base::parse(&format!("{scheme}{host}/{}", before.join("/")))?;
            return Ok(Target::Thread { list, id });
        }
        // A page of search results is not the list.
        if searches {
            return Err(no());
        }
        let list = Base::parse(&format!("{scheme}{host}/{}", path.trim_matches('/')))?;
        let name = list.path().rsplit('/').next().filter(|name| is_list(name)).ok_or_else(no)?.to_owned();
        return Ok(Target::List { list, name });
    }
    if let Some(id) = message_name(typed) {
        return Ok(Target::Thread { list: all_of(server), id });
    }
    if is_list(typed) {
        let list = Base::parse(&format!("{}/{typed}", server.root()))?;
        return Ok(Target::List { list, name: typed.to_owned() });
    }
    Err(no())
}

fn names_mail(part: &str) -> bool {
    part.contains('@') || part.contains("%40")
}

/// A server that is named with a list is asked there.
fn all_of(server: &Base) -> Base {
    if server.path().is_empty() { server.join(ALL) } else { server.clone() }
}

/// A name that a directory can have: `linux-kernel`, `git`, `lkml`.
fn is_list(name: &str) -> bool {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    plain && (1..=100).contains(&name.len()) && !name.starts_with(['.', '-'])
}

/// A Message-ID as a segment of a URL: what a path may not hold is escaped (RFC 3986 §3.3, as public-inbox has it).
pub fn escaped(id: &str) -> String {
    let mut out = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lore() -> Base {
        Base::parse("https://lore.kernel.org").unwrap()
    }

    fn thread(typed: &str) -> (String, String) {
        match target(typed, &lore()).unwrap() {
            Target::Thread { list, id } => (list.as_str().to_owned(), id),
            Target::List { .. } => panic!("{typed} is no list"),
        }
    }

    #[test]
    fn a_mail_is_named_in_many_ways() {
        let all = ("https://lore.kernel.org/all".to_owned(), "a.1@b.example".to_owned());
        for typed in [
            "a.1@b.example",
            "<a.1@b.example>",
            "https://lore.kernel.org/r/a.1@b.example",
            "https://patch.msgid.link/a.1@b.example",
        ] {
            assert_eq!(thread(typed), all, "{typed}");
        }
        let netdev = ("https://lore.kernel.org/netdev".to_owned(), "a.1@b.example".to_owned());
        for typed in
            ["https://lore.kernel.org/netdev/a.1@b.example/T/#u", "https://lore.kernel.org/netdev/a.1%40b.example/raw"]
        {
            assert_eq!(thread(typed), netdev, "{typed}");
        }
        let own = Base::parse("http://localhost:8080/made/").unwrap();
        let Target::Thread { list, .. } = target("a.1@b.example", &own).unwrap() else { panic!("a mail") };
        assert_eq!(list.as_str(), "http://localhost:8080/made");
    }

    #[test]
    fn a_list_is_named_by_its_name_or_page() {
        for typed in ["bpf", "https://lore.kernel.org/bpf", "https://lore.kernel.org/bpf/"] {
            let Target::List { list, name } = target(typed, &lore()).unwrap() else { panic!("{typed} is a list") };
            assert_eq!((list.as_str(), name.as_str()), ("https://lore.kernel.org/bpf", "bpf"));
            assert_eq!(
                (list.root(), list.path(), list.host()),
                ("https://lore.kernel.org", "/bpf", "lore.kernel.org".to_owned())
            );
        }
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for typed in [
            "",
            "two words",
            "../etc",
            "-x",
            "--upload-pack=x",
            "https://",
            "https://-x/y",
            "https://u@h/l",
            "ftp://h/l",
            "https://h/a/../b",
            "https://lore.kernel.org/",
            "https://lore.kernel.org/bpf/?q=s:x",
        ] {
            assert!(target(typed, &lore()).is_err(), "{typed}");
        }
        assert_eq!(escaped("a/b%c d?@x"), "a%2Fb%25c%20d%3F@x");
    }
}
