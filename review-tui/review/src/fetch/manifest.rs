//! `manifest.js.gz`: which git repositories a list has, and whether they changed (grokmirror's format, as public-inbox
//! serves it below each list).

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::GzDecoder;
use serde::Deserialize;

use super::FetchError;
use super::address::Base;
use super::http::Client;

/// Bytes of a manifest, inflated.
const LARGEST: u64 = 16 << 20;

/// Epochs of one list: the oldest lists of lore have about twenty.
const MOST: u32 = 1_000;

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    fingerprint: Option<String>,
    #[serde(default)]
    modified: Option<i64>,
}

impl Entry {
    fn state(&self) -> String {
        self.fingerprint.clone().or(self.modified.map(|m| m.to_string())).unwrap_or_default()
    }
}

/// An epoch of a list on a server, or the one repository of a v1 list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Its number; v1 has no epochs.
    pub number: Option<u32>,
    /// What git clones.
    pub url: String,
    /// Changes when the repository does; empty where the server does not say.
    pub state: String,
}

/// The epochs of a list, in their order; `None` where the server has no manifest.
///
/// # Errors
/// As [`Client::get`]; a manifest that names none of the list's epochs.
pub fn read(client: &Client<'_>, list: &Base) -> Result<Option<Vec<Epoch>>, FetchError> {
    let answer = match client.get(list.join("manifest.js.gz").as_str()) {
        Ok(answer) => answer,
        Err(FetchError::NotThere { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = Vec::new();
    if answer.body.starts_with(&[0x1f, 0x8b]) {
        let inflated = GzDecoder::new(answer.body.as_slice()).take(LARGEST + 1).read_to_end(&mut text);
        inflated.map_err(|source| FetchError::Damaged { url: answer.url.clone(), source })?;
    } else {
        let what = format!("{}, not with a manifest", if answer.media.is_empty() { "bytes" } else { &answer.media });
        return Err(FetchError::OtherThing { url: answer.url, what });
    }
    parse(&text, list).map(Some).map_err(|why| FetchError::Manifest { url: list.as_str().to_owned(), why })
}

fn parse(text: &[u8], list: &Base) -> Result<Vec<Epoch>, String> {
    if text.len() as u64 > LARGEST {
        return Err(format!("it has more than {} MB", LARGEST >> 20));
    }
    let entries: BTreeMap<String, Entry> = serde_json::from_slice(text).map_err(|e| e.to_string())?;
    let mut epochs: Vec<Epoch> = entries
        .iter()
        .filter_map(|(path, entry)| {
            let number = number(path, list.path())?;
            Some(Epoch { number: Some(number), url: format!("{}{path}", list.root()), state: entry.state() })
        })
        .collect();
    if epochs.is_empty() {
        let v1 = entries.get(list.path()).filter(|_| list.path().len() > 1);
        let entry = v1.ok_or_else(|| format!("it names neither `{0}/git/N.git` nor `{0}`", list.path()))?;
        epochs.push(Epoch { number: None, url: list.as_str().to_owned(), state: entry.state() });
    }
    epochs.sort_by_key(|epoch| epoch.number);
    Ok(epochs)
}

/// The number of an epoch of this list; everything else that a manifest may name is no business of ours.
fn number(path: &str, list: &str) -> Option<u32> {
    let digits = path.strip_prefix(list)?.strip_prefix("/git/")?.strip_suffix(".git")?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    digits.parse().ok().filter(|number| plain && *number < MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_of_the_list_and_nothing_else() {
        let list = Base::parse("https://h/bpf").unwrap();
        let text = br#"{"/bpf/git/1.git":{"modified":5,"owner":null},"/bpf/git/0.git":{"fingerprint":"ab","modified":1},
            "/bpf/git/../../x.git":{},"/netdev/git/2.git":{},"/bpf/git/007.git":{},"/bpf/git/4000000000.git":{},"https://evil/bpf/git/3.git":{}}"#;
        let epochs = parse(text, &list).unwrap();
        let seen: Vec<_> = epochs.iter().map(|e| (e.number, e.url.as_str(), e.state.as_str())).collect();
        assert_eq!(seen, [(Some(0), "https://h/bpf/git/0.git", "ab"), (Some(1), "https://h/bpf/git/1.git", "5")]);
        let v1 = parse(br#"{"/bpf":{"modified":7},"/bpf/x":{}}"#, &list).unwrap();
        assert_eq!(v1, [Epoch { number: None, url: "https://h/bpf".to_owned(), state: "7".to_owned() }]);
        for bad in ["", "[]", "{}", "{\"/x/git/0.git\":{}}", "{\"/bpf/git/0.git\":7}"] {
            assert!(parse(bad.as_bytes(), &list).is_err(), "{bad}");
        }
    }
}
