//! Who owns the bytes of a kernel's text: `owners VMLINUX [PLACE]` prints a line for each owner, or the instructions of a
//! function with theirs.

use std::io::{self, Write};
use std::process::ExitCode;

use provenance_engine::image::{Image, ImageError, Limits};

fn owners(path: &str, place: Option<&str>) -> Result<String, ImageError> {
    let mut out = String::new();
    let image = Image::open(path.as_ref(), Limits::default())?;
    if let Some(place) = place {
        for line in image.function(place)?.lines {
            let owners: Vec<&str> = line.held.iter().map(|held| held.owner.name()).collect();
            out += &format!("{:016x}  {:<32} {}\n", line.addr, line.text, owners.join(" and "));
        }
        return Ok(out);
    }
    out += &format!("{}\n", image.version.as_deref().unwrap_or("a kernel that does not say its version"));
    for (owner, share) in image.census().owners {
        out += &format!("{:<18} {:>8} sites {:>10} bytes\n", owner.name(), share.sites, share.bytes);
    }
    Ok(out)
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (Some(path), None) = (args.first(), args.get(2)) else {
        eprintln!("usage: owners VMLINUX [PLACE]");
        return ExitCode::from(2);
    };
    match owners(path, args.get(1).map(String::as_str)) {
        // A reader that has seen enough closes the pipe.
        Ok(out) => match io::stdout().write_all(out.as_bytes()) {
            Err(e) if e.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
            _ => ExitCode::SUCCESS,
        },
        Err(e) => {
            eprintln!("{path}: {e}");
            ExitCode::FAILURE
        }
    }
}
