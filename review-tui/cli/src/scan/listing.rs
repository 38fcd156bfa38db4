//! `--at`: one function, byte by byte.

use std::fmt::Write as _;
use std::io::Write;

use provenance_engine::image::{Image, Limits, Line, Listing, Rank, running};
use provenance_review::failure::{Exit, Failure};
use provenance_review::json::{self, FORMAT};
use provenance_review::look::{Look, Style};
use provenance_review::owners::owners;
use provenance_review::text::{line, pad};
use serde_json::json;

use super::{Arguments, Format, failure, release, single};
use crate::Context;

/// Columns of bytes: eight, as long as most instructions.
const BYTES: usize = 24;
/// Columns of an instruction.
const TEXT: usize = 44;

/// `scan --at PLACE`: one function, byte by byte.
///
/// # Errors
/// An image that cannot be read, or a place that is not in it.
pub fn run(context: &Context, arguments: &Arguments, place: &str, limits: Limits) -> Result<Exit, Failure> {
    let (path, image, listing) = if arguments.running {
        let path = std::path::Path::new("the running kernel");
        let image = running::read(&arguments.root).map_err(|e| failure(path, &e))?;
        let listing = image.function(place).map_err(|e| failure(path, &e))?;
        (path, image, listing)
    } else {
        let path = single(&arguments.paths, "a function")?;
        let (image, listing) = Image::open_at(path, limits, place).map_err(|e| failure(path, &e))?;
        (path, image, listing)
    };
    let mut out = context.paged();
    match arguments.format {
        Format::Text => out.write_all(text(&image, &listing, &context.look).as_bytes())?,
        Format::Json => {
            let value = json!({
                "format": FORMAT,
                "path": path.to_string_lossy(),
                "version": image.version,
                "build_id": image.build_id,
                "function": listing,
            });
            json::pretty(&mut out, &value)?;
        }
        Format::Svg => {
            return Err(Failure::new(Exit::Usage, "a function is shown as text or JSON; leave out -f svg"));
        }
    }
    out.finish()?;
    Ok(Exit::Done)
}

fn text(image: &Image, listing: &Listing, look: &Look) -> String {
    let mut out = String::new();
    let head = format!("{}  {} bytes in {}", listing.name, listing.size, listing.section);
    let _ = writeln!(
        out,
        "{}  {}",
        look.paint(Style::Strong, &line(&head)),
        look.paint(Style::Dim, &line(&release(image.version.as_deref())))
    );
    for one in &listing.lines {
        instruction(&mut out, one, look);
    }
    if !listing.others.is_empty() {
        let others: Vec<String> = listing.others.iter().map(|a| format!("{a:#x}")).collect();
        let _ = writeln!(out, "# other functions of this name: {}", others.join(", "));
    }
    out
}

fn instruction(out: &mut String, one: &Line, look: &Look) {
    let hex: Vec<String> = one.bytes.iter().map(|b| format!("{b:02x}")).collect();
    let owners = owners(one);
    let style = match one.worst {
        Some(Rank::Conflict) => Style::Warning,
        _ if one.padding => Style::Dim,
        _ => Style::Name,
    };
    let row = format!("{:016x}  {} {}", one.addr, pad(&hex.join(" "), BYTES), pad(&line(&one.text), TEXT));
    if owners.is_empty() {
        let _ = writeln!(out, "{}", row.trim_end());
    } else {
        let _ = writeln!(out, "{row} {}", look.paint(style, &line(&owners)));
    }
}
