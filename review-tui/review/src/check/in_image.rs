//! Who owns a function's first bytes in the kernels whose images are attached.

use std::path::Path;

use provenance_engine::image::{ImageError, Listing};

use super::Fact;
use super::outcome::{Broken, Look};
use crate::session::images::{Attached, Images};

/// Images that are asked, the last attached first.
const ASKED: usize = 3;

/// Functions that are named of one image.
const NAMED: usize = 3;

/// A fact for each image that could be read, and what was wrong with the others. A name that a macro makes has `##` in it.
/// `None` where no image is attached.
///
/// # Errors
/// The list of images cannot be read.
pub fn owners(data: &Path, function: &str) -> Look<Option<(Vec<Fact>, Vec<Broken>)>> {
    let images = Images::load(data)
        .map_err(|error| Broken(format!("the list of images cannot be read: {}", Broken::from(error).0)))?
        .images;
    if images.is_empty() {
        return Ok(None);
    }
    let (mut facts, mut broken) = (Vec::new(), Vec::new());
    for image in images.iter().rev().take(ASKED) {
        let kernel = image.name();
        let said = if function.contains("##") { made_by_macro(image, function) } else { named(image, function) };
        match said {
            Ok(says) => facts.push(Fact::Image { kernel, says }),
            Err(error) => broken.push(Broken(format!("{kernel}: {}", Broken::from(error).0))),
        }
    }
    Ok(Some((facts, broken)))
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
    Ok(if said.is_empty() { format!("no function {pattern} where two owners meet") } else { said.join("; ") })
}
