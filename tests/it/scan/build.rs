//! Small images, built by gcc, and ways to break them.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::harness::{User, needs};

/// An object file of the kernel in small, with assembler symbols defined.
fn object(user: &User, name: &str, symbols: &[&str]) -> PathBuf {
    let (source, object) = (user.write("kernel.s", include_str!("kernel.s")), user.path(name));
    std::fs::create_dir_all(object.parent().expect("below home")).expect("a directory");
    let mut command = Command::new("gcc");
    command.arg("-c").args(symbols.iter().map(|s| format!("-Wa,--defsym,{s}"))).arg(source).arg("-o").arg(&object);
    run(&mut command);
    object
}

fn run(command: &mut Command) {
    let output = command.output().expect("gcc starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A linked kernel; `None` without gcc.
pub fn vmlinux(user: &User, name: &str, symbols: &[&str]) -> Option<PathBuf> {
    needs("gcc").then(|| {
        let (object, linked) = (object(user, "kernel.o", symbols), user.path(name));
        let options =
            ["-nostdlib", "-static", "-no-pie", "-Wl,-Ttext-segment=0xffffffff81000000", "-Wl,--build-id", "-o"];
        run(Command::new("gcc").args(options).arg(&linked).arg(object));
        linked
    })
}

/// A module; `None` without gcc.
pub fn module(user: &User, name: &str) -> Option<PathBuf> {
    needs("gcc").then(|| object(user, name, &["MODULE=1"]))
}

/// A field of a section header, as the ELF specification numbers its bytes.
#[derive(Clone, Copy)]
pub enum Field {
    Flags = 8,
    Address = 16,
    Offset = 24,
    Size = 32,
}

/// The bytes of an image, to be damaged.
pub struct Damaged(pub Vec<u8>);

impl Damaged {
    pub fn new(path: &Path) -> Damaged {
        Damaged(std::fs::read(path).expect("the image"))
    }

    fn number(&self, at: usize, len: usize) -> usize {
        let mut word = [0; 8];
        word[..len].copy_from_slice(&self.0[at..at + len]);
        u64::from_le_bytes(word) as usize
    }

    /// Where a section's header stands.
    fn header(&self, name: &str) -> usize {
        let (table, count, strings) = (self.number(40, 8), self.number(60, 2), self.number(62, 2));
        let names = self.number(table + 64 * strings + 24, 8);
        let named = |header: &usize| {
            let from = &self.0[names + self.number(*header, 4)..];
            from.starts_with(name.as_bytes()) && from[name.len()] == 0
        };
        (0..count).map(|n| table + 64 * n).find(named).unwrap_or_else(|| panic!("no section {name}"))
    }

    pub fn field(&self, section: &str, field: Field) -> u64 {
        self.number(self.header(section) + field as usize, 8) as u64
    }

    pub fn set(mut self, section: &str, field: Field, value: u64) -> Damaged {
        let at = self.header(section) + field as usize;
        self.0[at..at + 8].copy_from_slice(&value.to_le_bytes());
        self
    }

    /// Overwrites bytes of a section's contents.
    pub fn poke(mut self, section: &str, at: usize, bytes: &[u8]) -> Damaged {
        let at = self.field(section, Field::Offset) as usize + at;
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// Overwrites bytes of the file.
    pub fn put(mut self, at: usize, bytes: &[u8]) -> Damaged {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }
}
