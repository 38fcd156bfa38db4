//! Looks the functions of a patch up in an attached kernel image.

use provenance_corpus::message::Message;
use provenance_corpus::patch::Patch;
use provenance_engine::image::{ImageError, Line, Listing, Owner, Rank};
use provenance_review::check::functions::{Changed, changed};
use provenance_review::owners::owners;
use provenance_review::session::images::{Attached, Images};

use crate::facts::{MapFunction, MapRow, TextMap};
use crate::library::Library;
use crate::text::clean;

/// Instructions of one function that are shown.
const LONGEST: usize = 20_000;

/// Functions that are looked up.
const MOST: usize = 60;

/// Who owns the bytes of the functions that a mail's patch changes; `image` counts from the one attached last.
///
/// # Errors
/// What to tell the reader.
pub(crate) fn look_up(library: &Library, id: &str, image: usize) -> Result<TextMap, String> {
    let images = Images::load(library.place().data()).map_err(|e| format!("the list of images cannot be read: {e}"))?;
    let count = images.images.len();
    let Some(attached) = images.images.iter().rev().nth(image.checked_rem(count).unwrap_or(0)) else {
        return Err("no kernel image is attached. `provenance index --image VMLINUX` attaches one: the vmlinux of your own \
             build, or of a package with debug symbols (on Debian linux-image-VERSION-dbg: /usr/lib/debug/boot/vmlinux-VERSION)"
            .to_owned());
    };
    let shelf = library.shelf();
    let bytes = shelf.bytes(&shelf.copies(id)?)?;
    let message = Message::parse(&bytes);
    let text = message.text();
    let patch = Patch::parse(&text).ok_or("there is no patch in this mail")?;
    let functions = changed(&patch);
    if functions.is_empty() {
        return Err("no function name is visible in the hunks of this patch".to_owned());
    }
    let functions = resolve(attached, &functions).map_err(|e| format!("{}: {e}", attached.path.display()))?;
    let kernel = clean(&attached.name());
    Ok(TextMap { subject: clean(&message.subject), kernel, images: count, functions })
}

/// The functions in the image. A name that a macro makes stands for those that are at issue there.
fn resolve(image: &Attached, functions: &[Changed]) -> Result<Vec<MapFunction>, ImageError> {
    let mut wanted: Vec<(&Changed, String)> = Vec::new();
    for function in functions.iter().take(MOST) {
        let made = if function.name.contains("##") { image.made_by(&function.name)? } else { Vec::new() };
        if made.is_empty() {
            wanted.push((function, function.name.clone()));
        }
        for (place, _) in made.into_iter().take(8) {
            let name = place.split('+').next().unwrap_or_default().to_owned();
            if !wanted.iter().any(|(_, known)| *known == name) {
                wanted.push((function, name));
            }
        }
    }
    let names: Vec<&str> = wanted.iter().map(|(_, name)| name.as_str()).collect();
    let listings = image.functions(&names)?;
    Ok(wanted.iter().zip(listings).map(|((changed, name), listing)| function(changed, name, listing)).collect())
}

fn function(changed: &Changed, name: &str, listing: Result<Listing, ImageError>) -> MapFunction {
    let mut found = MapFunction {
        name: clean(name),
        path: clean(&changed.path),
        change: format!("+{} −{}", changed.added, changed.removed),
        ..MapFunction::default()
    };
    match listing {
        Ok(listing) => {
            found.place = format!("{} bytes in {}", listing.size, clean(&listing.section));
            found.rows = listing.lines.iter().take(LONGEST).map(|line| row(line, listing.addr)).collect();
        }
        Err(_) if name.contains("##") => found.missing = "a macro makes its name".to_owned(),
        Err(_) => found.missing = "not in this kernel: new, inlined, configured out, or in a module".to_owned(),
    }
    found
}

fn row(line: &Line, start: u64) -> MapRow {
    let lane = |owner: Owner| Owner::ALL.iter().position(|o| *o == owner).and_then(|at| u8::try_from(at).ok());
    let of = |at: u64| {
        let mut lanes: Vec<u8> = Vec::new();
        for held in line.held.iter().filter(|h| h.addr <= at && at < h.addr.saturating_add(u64::from(h.len))) {
            lanes.extend(lane(held.owner).filter(|lane| !lanes.contains(lane)));
        }
        lanes
    };
    MapRow {
        offset: line.addr.saturating_sub(start),
        bytes: line.bytes.iter().zip(line.addr..).map(|(byte, at)| (*byte, of(at))).collect(),
        text: clean(&line.text),
        owners: clean(&owners(line)),
        mechanism: line.held.iter().find_map(|held| held.owner.mechanism()).map(|id| id.to_string()),
        conflict: line.worst == Some(Rank::Conflict),
        padding: line.padding,
    }
}
