//! Who owns a function's first bytes in the kernels whose images are attached.

use std::path::Path;

use provenance_engine::image::{ImageError, Listing};

use crate::session::images::{Attached, Images};
use crate::text::line;

/// Images that are asked, the last attached first.
const ASKED: usize = 3;

/// Functions that are named of one image.
const NAMED: usize = 3;

/// Labelled facts, one for each image. A name that a macro makes has `##` in it.
pub fn owners(data: &Path, function: &str) -> Vec<(String, String)> {
    let images = match Images::load(data) {
        Ok(images) => images.images,
        Err(error) => return vec![("image".to_owned(), format!("the list of images cannot be read: {error}"))],
    };
    let asked = images.iter().rev().take(ASKED);
    asked.map(|image| ("image".to_owned(), format!("{}: {}", line(&image.name()), say(image, function)))).collect()
}

fn say(image: &Attached, function: &str) -> String {
    let said = if function.contains("##") { made_by_macro(image, function) } else { named(image, function) };
    said.unwrap_or_else(|error| format!("not read: {error}"))
}

fn named(image: &Attached, function: &str) -> Result<String, ImageError> {
    let listing = image.functions(&[function])?.pop();
    Ok(match listing {
        Some(Ok(listing)) => entry(&listing),
        _ => format!("no function {function}()"),
    })
}

/// Owners of the first instruction that has any.
fn entry(listing: &Listing) -> String {
    let Some(first) = listing.lines.iter().find(|l| !l.held.is_empty()).filter(|l| l.addr <= listing.addr + 8) else {
        return format!("nobody owns the first bytes of {}()", listing.name);
    };
    let mut owners: Vec<&str> = first.held.iter().map(|held| held.owner.name()).collect();
    owners.dedup();
    format!("{}+{}: {}", listing.name, first.addr - listing.addr, owners.join(" and "))
}

/// The functions of such a name at which two live owners meet.
fn made_by_macro(image: &Attached, pattern: &str) -> Result<String, ImageError> {
    let meetings = image.made_by(pattern)?;
    let said: Vec<String> =
        meetings.iter().take(NAMED).map(|(place, owners)| format!("{place}: {}", owners.join(" and "))).collect();
    Ok(if said.is_empty() { format!("no function {pattern} at which two owners meet") } else { said.join("; ") })
}
