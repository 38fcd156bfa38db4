//! Kernel images that were attached: a vmlinux or modules whose tables say who owns which byte. Only their paths are kept;
//! the files are read in place whenever somebody asks about a function.

use std::io;
use std::path::{Path, PathBuf};

use provenance_engine::image::{Image, ImageError, Kind, Limits, Listing, Severity};
use provenance_index::container::{self, Kind as FileKind};
use provenance_index::store::Lock;
use serde::{Deserialize, Serialize};

/// An attached image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// Where it lies.
    pub path: PathBuf,
    /// The kernel's release, `6.1.0-56-amd64`; empty if the image does not say.
    pub release: String,
    /// Its build id, in hexadecimal; empty if it has none.
    pub build_id: String,
    /// Whether it is a linked kernel, and not a module.
    pub kernel: bool,
}

/// The file of the list.
const FILE: FileKind = FileKind { name: *b"images\0\0", version: 1 };

/// All attached images, in the order in which they were attached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Images {
    /// The images.
    pub images: Vec<Attached>,
}

/// What an image says of the functions that were asked for, in their order.
pub type Listings = Vec<Result<Listing, ImageError>>;

impl Attached {
    /// As it is called in a sentence: `Linux 6.1.0-56-amd64`, and for a module its file.
    pub fn name(&self) -> String {
        let file = self.path.file_name().unwrap_or_default().to_string_lossy();
        match (self.release.as_str(), self.kernel) {
            ("", _) => file.into_owned(),
            (release, true) => format!("Linux {release}"),
            (release, false) => format!("{file} of Linux {release}"),
        }
    }

    /// These functions with the owners of their bytes.
    ///
    /// # Errors
    /// The file is gone or cannot be read any more.
    pub fn functions(&self, names: &[&str]) -> Result<Listings, ImageError> {
        Ok(Image::open_places(&self.path, Limits::default(), names)?.1)
    }
}

/// A place where two live owners meet, and who they are.
pub type Meeting = (String, Vec<&'static str>);

impl Attached {
    /// The functions whose names a macro makes out of such pieces (`name##_func`), and at whose bytes two live owners meet.
    ///
    /// # Errors
    /// The file is gone or cannot be read any more.
    pub fn made_by(&self, pattern: &str) -> Result<Vec<Meeting>, ImageError> {
        let image = Image::open(&self.path, Limits::default())?;
        let (first, last) = pattern.split_once("##").unwrap_or((pattern, pattern));
        let last = last.rsplit("##").next().unwrap_or(last);
        let findings = image.findings();
        let named = findings.iter().filter(|finding| {
            let name = finding.place.split('+').next().unwrap_or_default();
            // Of the pieces one is the macro's parameter; which, its body alone does not say.
            finding.severity == Severity::Conflict
                && (!last.is_empty() && name.ends_with(last) || !first.is_empty() && name.starts_with(first))
        });
        Ok(named.map(|f| (f.place.clone(), f.owners.iter().map(|(owner, _)| owner.name()).collect())).collect())
    }
}

impl Images {
    fn file(data: &Path) -> PathBuf {
        data.join("images")
    }

    /// Reads the list; a data directory without one has no images.
    ///
    /// # Errors
    /// What the file system says; `InvalidData` where both copies of the list are damaged.
    pub fn load(data: &Path) -> io::Result<Images> {
        Ok(container::load(&Images::file(data), FILE)?.map_or_else(Images::default, |kept| kept.value))
    }

    /// Writes the list, where one of its two copies is damaged, from the other; tells whether one was.
    ///
    /// # Errors
    /// As [`Images::load`], and what the file system says.
    pub fn mend(lock: &Lock) -> io::Result<bool> {
        let place = Images::file(lock.data());
        let Some(kept) = container::load::<Images>(&place, FILE)? else { return Ok(false) };
        let whole = container::is_whole(&place);
        if !whole {
            kept.value.save(lock)?;
        }
        Ok(!whole)
    }

    /// Writes the list beside the old one and puts it in its place.
    ///
    /// # Errors
    /// What the file system says.
    pub fn save(&self, lock: &Lock) -> io::Result<()> {
        container::save(&Images::file(lock.data()), FILE, self)
    }

    /// Attaches an image; of one that is attached already, what it is now is kept. Returns what it is, and whether it is new.
    ///
    /// # Errors
    /// The file is no image that can be read.
    pub fn attach(&mut self, path: &Path) -> Result<(Attached, bool), ImageError> {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let (image, _) = Image::open_places(&path, Limits::default(), &[])?;
        let attached = Attached {
            release: image.version.as_deref().and_then(|v| v.split_whitespace().next()).unwrap_or_default().to_owned(),
            build_id: image.build_id.unwrap_or_default(),
            kernel: image.kind == Kind::Vmlinux,
            path,
        };
        let before = self.images.iter().position(|known| known.path == attached.path);
        match before {
            Some(at) => self.images[at] = attached.clone(),
            None => self.images.push(attached.clone()),
        }
        Ok((attached, before.is_none()))
    }
}
