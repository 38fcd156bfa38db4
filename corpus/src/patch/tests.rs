use super::*;

mod damaged;
mod forms;
mod generated;

/// Everything of a patch in a few lines, to compare at a glance.
fn outline(text: &str) -> String {
    let Some(patch) = Patch::parse(text) else { return "no patch\n".to_owned() };
    let mut out = String::new();
    for file in &patch.files {
        out += &format!(
            "{:?} {:?} {} -> {} +{} -{}",
            file.format,
            file.status,
            file.old_path.as_deref().unwrap_or("none"),
            file.new_path.as_deref().unwrap_or("none"),
            file.added,
            file.removed
        );
        if file.changes_mode() {
            out += &format!(" mode {:o} -> {:o}", file.old_mode.unwrap(), file.new_mode.unwrap());
        }
        if let Some(binary) = file.binary {
            out += &format!(" {binary:?}");
        }
        out.push('\n');
        for hunk in patch.hunks(file) {
            let Hunk { old_start, old_len, new_start, new_len, .. } = hunk;
            out += &format!("  {old_start},{old_len} {new_start},{new_len} [{}]\n", patch.slice(hunk.section));
            for line in patch.lines(hunk) {
                let marker = match line.kind {
                    LineKind::Context => ' ',
                    LineKind::Added => '+',
                    LineKind::Removed => '-',
                };
                let end = if line.no_newline { " (no newline)" } else { "" };
                out += &format!("    {marker} {} {} {:?}{end}\n", line.old, line.new, patch.slice(line.span));
            }
        }
    }
    for defect in &patch.defects {
        out += &format!("! {defect}\n");
    }
    out
}
