//! A list: its epochs, mirrored by the user's own git. What changed since the last time is asked of the manifest first.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::address::Base;
use super::http::{Client, NAME};
use super::manifest::{self, Epoch};
use super::{FetchError, Tell};

/// Epochs that are tried one by one where there is no manifest.
const MOST: u32 = 1_000;

/// Which states of which epochs are here, by the names of their repositories.
type States = BTreeMap<String, String>;

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirrored {
    /// Where the epochs lie, or the repository of a v1 list: to be attached.
    pub dir: PathBuf,
    /// The list has no epochs.
    pub v1: bool,
    /// Epochs that are new here.
    pub cloned: usize,
    /// Epochs in which something changed.
    pub changed: usize,
    /// Epochs that were as they are on the server.
    pub same: usize,
}

/// Mirrors a list below `lists` (one directory for each server, one for each list).
///
/// # Errors
/// As [`Client::get`] for the manifest; git's own failures. What was mirrored before stays.
pub fn mirror(client: &Client<'_>, list: &Base, lists: &Path, tell: Tell<'_>) -> Result<Mirrored, FetchError> {
    let path = list.path().trim_start_matches('/');
    let dir = lists.join(list.host()).join(path);
    let file = dir.join("fetched.json");
    let mut states: States =
        fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let mut done = Mirrored { dir: dir.clone(), ..Mirrored::default() };
    let epochs = manifest::read(client, list)?;
    let guessed = epochs.is_none();
    let all: Box<dyn Iterator<Item = Epoch>> = match epochs {
        Some(epochs) => Box::new(epochs.into_iter()),
        None => {
            tell("the server has no manifest of this list; its epochs are tried one by one");
            let list = list.clone();
            Box::new((0..MOST).map(move |number| {
                let url = format!("{}/git/{number}.git", list.as_str());
                Epoch { number: Some(number), url, state: String::new() }
            }))
        }
    };
    for epoch in all {
        // As public-inbox lays them out: the directory of a v1 list is its repository, named after it.
        let name = epoch.number.map_or_else(|| "v1".to_owned(), |number| number.to_string());
        let place = match epoch.number {
            Some(number) => dir.join("git").join(format!("{number}.git")),
            None => dir.join(Path::new(path).file_name().unwrap_or_default()).with_added_extension("git"),
        };
        if epoch.number.is_none() {
            (done.v1, done.dir) = (true, place.clone());
        }
        let known = place.is_dir();
        if known && !epoch.state.is_empty() && states.get(&name) == Some(&epoch.state) {
            done.same += 1;
            continue;
        }
        // Behind the last epoch there is none; everything else that goes wrong is an error.
        if guessed && epoch.number > Some(0) && !known {
            match client.get(&format!("{}/info/refs?service=git-upload-pack", epoch.url)) {
                Err(FetchError::NotThere { .. }) => break,
                other => drop(other?),
            }
        }
        tell(&format!("{} {}", if known { "updating" } else { "cloning" }, epoch.url));
        let git = Git { client };
        let result = if known { git.update(&place, &epoch) } else { git.clone(&place, &epoch) };
        match result {
            Ok(changed) if known => *(if changed { &mut done.changed } else { &mut done.same }) += 1,
            Ok(_) => done.cloned += 1,
            Err(error) => return Err(error),
        }
        states.insert(name, epoch.state);
        let text = serde_json::to_vec_pretty(&states).unwrap_or_default();
        provenance_index::replace_file(&file, &text).map_err(io(&file))?;
    }
    Ok(done)
}

/// The user's git, as far as it reads epochs.
struct Git<'c, 't> {
    client: &'c Client<'t>,
}

impl Git<'_, '_> {
    /// Clones beside the place and moves the clone there when it is whole.
    fn clone(&self, place: &Path, epoch: &Epoch) -> Result<bool, FetchError> {
        let part = place.with_extension("part");
        let above = place.parent().unwrap_or(place);
        fs::create_dir_all(above).map_err(io(above))?;
        if part.exists() {
            fs::remove_dir_all(&part).map_err(io(&part))?;
        }
        let mut command = self.command();
        command.args(["clone", "--mirror", "--template=", "--quiet", "--"]);
        let cloned = run(command.arg(&epoch.url).arg(&part), epoch).and_then(|()| self.holds_mail(&part, epoch));
        if cloned.is_err() {
            let _ = fs::remove_dir_all(&part);
            // Of a list that is not there nothing stays; what holds another epoch is not empty, and stays.
            let _ = place.ancestors().skip(1).take(2).try_for_each(fs::remove_dir);
        }
        cloned?;
        fs::rename(&part, place).map_err(io(place))?;
        Ok(true)
    }

    /// Fetches what is new; returns whether there was anything.
    fn update(&self, place: &Path, epoch: &Epoch) -> Result<bool, FetchError> {
        let refs = || {
            let mut command = self.command();
            command.arg("--git-dir").arg(place).args(["for-each-ref", "--format=%(objectname) %(refname)"]);
            command.stdout(Stdio::piped()).output().map(|said| said.stdout).unwrap_or_default()
        };
        let before = refs();
        let mut command = self.command();
        command.arg("--git-dir").arg(place).args(["fetch", "--prune", "--quiet"]);
        // A force-pushed history is followed: what is gone from it is gone from the index, and said there.
        run(command.arg("--").arg(&epoch.url).arg("+refs/*:refs/*"), epoch)?;
        Ok(before != refs())
    }

    /// The newest commit of an epoch holds one mail, `m`, or the mark of a deleted one, `d`; that of a v1 list a folder for each
    /// beginning of a hash. Either may still be empty.
    fn holds_mail(&self, repository: &Path, epoch: &Epoch) -> Result<(), FetchError> {
        let mut command = self.command();
        command.arg("--git-dir").arg(repository).args(["ls-tree", "--name-only", "HEAD"]).stdout(Stdio::piped());
        let names = command.output().map(|said| said.stdout).unwrap_or_default();
        let is_hex = |name: &[u8]| name.len() == 2 && name.iter().all(u8::is_ascii_hexdigit);
        match names.as_slice() {
            b"" => Ok(()),
            b"m\n" | b"d\n" if epoch.number.is_some() => Ok(()),
            names if epoch.number.is_none() && names.trim_ascii_end().split(|b| *b == b'\n').all(is_hex) => Ok(()),
            _ => Err(FetchError::OtherThing {
                url: epoch.url.clone(),
                what: "a repository that holds no mail".to_owned(),
            }),
        }
    }

    /// The user's git: no questions, no other transports, no hooks, nothing of a repository around the current directory.
    fn command(&self) -> Command {
        let mut command = Command::new("git");
        let agent = format!("http.userAgent={NAME}");
        // As patient as with our own requests: less than a byte a second for so long is silence.
        let silence = format!("http.lowSpeedTime={}", self.client.patience().as_secs().max(1));
        let redirects = format!("http.followRedirects={}", if self.client.redirects() { "initial" } else { "false" });
        let allowed = ["protocol.allow=never", "protocol.http.allow=always", "protocol.https.allow=always"];
        for setting in allowed.into_iter().chain([
            "core.hooksPath=/dev/null",
            "http.lowSpeedLimit=1",
            &agent,
            &silence,
            &redirects,
        ]) {
            command.args(["-c", setting]);
        }
        command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_ASKPASS", "true").env("LC_ALL", "C").stdin(Stdio::null());
        provenance_index::child::apart(&mut command);
        command.current_dir("/").stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }
}

fn run(command: &mut Command, epoch: &Epoch) -> Result<(), FetchError> {
    let failed = |said: String| FetchError::Git { url: epoch.url.clone(), said };
    let output = command.output().map_err(|e| failed(format!("it cannot be started: {e}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let end = lines[lines.len().saturating_sub(3)..].join("; ");
    Err(failed(if end.is_empty() { output.status.to_string() } else { end }))
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> FetchError {
    let path = path.to_owned();
    move |source| FetchError::Io { path: path.clone(), source }
}
