//! What public-inbox is configured to hold on this machine: `~/.public-inbox/config`, in git's format
//! (public-inbox-config(5)).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::ArchiveError;

/// One `[publicinbox "NAME"]` section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inbox {
    /// The section's name.
    pub name: String,
    /// Where its repositories are.
    pub inboxdir: PathBuf,
    /// The lists' addresses.
    pub addresses: Vec<String>,
    /// What the lists write into List-Id.
    pub list_ids: Vec<String>,
}

/// The inboxes that the file names and whose folder exists; none where there is no file.
///
/// The file is `PI_CONFIG` if that is set (pass it as `given`), else `.public-inbox/config` in the home directory.
pub fn inboxes(home: &Path, given: Option<&Path>) -> Result<Vec<Inbox>, ArchiveError> {
    let path = given.map_or_else(|| home.join(".public-inbox/config"), Path::to_owned);
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let unreadable = |source| ArchiveError::Config { path: path.clone(), source };
    let config = git2::Config::open(&path).map_err(unreadable)?;
    let mut found: BTreeMap<String, Inbox> = BTreeMap::new();
    let entries = config.entries(Some("^publicinbox\\..+\\.")).map_err(unreadable)?;
    let each = entries.for_each(|entry| {
        let (Ok(key), Ok(value)) = (entry.name(), entry.value()) else { return };
        // The name may hold dots; section and key may not.
        let Some((name, key)) = key.split_once('.').and_then(|it| it.1.rsplit_once('.')) else { return };
        let inbox = found.entry(name.to_owned()).or_default();
        match key {
            // `mainrepo` is what older releases wrote.
            "inboxdir" | "mainrepo" => inbox.inboxdir = expand(home, value),
            "address" => inbox.addresses.push(value.to_owned()),
            "listid" => inbox.list_ids.push(value.to_owned()),
            _ => {}
        }
    });
    each.map_err(unreadable)?;
    let named = found.into_iter().map(|(name, inbox)| Inbox { name, ..inbox });
    Ok(named.filter(|it| it.inboxdir.is_dir()).collect())
}

fn expand(home: &Path, value: &str) -> PathBuf {
    value.strip_prefix("~/").map_or_else(|| PathBuf::from(value), |it| home.join(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_become_inboxes() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path();
        assert_eq!(inboxes(home, None).unwrap(), []);
        for folder in [".public-inbox", "a", "b"] {
            std::fs::create_dir(home.join(folder)).unwrap();
        }
        let text = "[publicinbox \"list.a\"]\n\tinboxdir = ~/a\n\taddress = a@example.org\n\taddress = a2@example.org\n\
                    \tlistid = a.example.org\n[publicinbox \"old\"]\n\tmainrepo = ~/b\n[publicinbox \"gone\"]\n\
                    \tinboxdir = ~/nowhere\n[publicinbox]\n\tnntpserver = x.example.org\n";
        std::fs::write(home.join(".public-inbox/config"), text).unwrap();
        let found = inboxes(home, None).unwrap();
        let names: Vec<_> = found.iter().map(|it| (it.name.as_str(), it.inboxdir.clone())).collect();
        assert_eq!(names, [("list.a", home.join("a")), ("old", home.join("b"))]);
        assert_eq!(found[0].addresses.len(), 2);
        assert_eq!(found[0].list_ids, ["a.example.org"]);

        let other = home.join("broken");
        std::fs::write(&other, "[publicinbox \"x\n").unwrap();
        assert!(matches!(inboxes(home, Some(&other)), Err(ArchiveError::Config { .. })));
    }
}
