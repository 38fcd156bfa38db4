//! `--at`: one function, byte by byte.

use std::fmt::Write as _;
use std::io::Write;

use provenance_engine::image::{Image, Limits, Line, Listing, Rank, running};
use serde_json::json;

use super::{Arguments, Format, failure, release, single};
use crate::cli::Context;
use crate::cli::failure::{Exit, Failure};
use crate::cli::json::FORMAT;
use crate::cli::terminal::{Look, Style};
use crate::cli::text::{line, pad};

/// Columns of bytes: eight, as long as most instructions.
const BYTES: usize = 24;
/// Columns of an instruction.
const TEXT: usize = 44;

/// Runs `--at`.
///
/// # Errors
/// An image that cannot be read, a place that it has not.
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
            serde_json::to_writer_pretty(&mut out, &value).map_err(std::io::Error::from)?;
            writeln!(out)?;
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

/// Who owns bytes of an instruction, in words: `ftrace  ×  bpf-dispatcher` where two live owners meet.
pub fn owners(one: &Line) -> String {
    if one.padding {
        return "padding".to_owned();
    }
    let mark = match one.worst {
        Some(Rank::Conflict) => "  ×  ",
        _ => "  +  ",
    };
    let mut owners: Vec<String> = Vec::new();
    for held in &one.held {
        let mut word = held.owner.name().to_owned();
        // What begins elsewhere, or is no whole instruction, says which bytes it is.
        if held.addr != one.addr || (held.len as usize) < one.bytes.len() {
            let from = held.addr as i128 - one.addr as i128;
            let _ = write!(word, " [{from}..{}]", from + i128::from(held.len));
        }
        if !held.detail.is_empty() {
            let _ = write!(word, " ({})", held.detail);
        }
        if !held.fits {
            word.push_str(" (odd)");
        }
        if !owners.contains(&word) {
            owners.push(word);
        }
    }
    owners.join(mark)
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
