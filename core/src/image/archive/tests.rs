//! Archives made here: what is in them comes out, and what is wrong with them is said.

use std::io::Write;

use proptest::prelude::*;

use super::*;

const MODULE: &[u8] = include_bytes!("../../../fuzz/seeds/image/module.ko");

fn cpio(files: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    let trailer = [("TRAILER!!!", 0, &[][..])];
    for (name, mode, bytes) in files.iter().chain(&trailer) {
        let fields = [1, *mode, 0, 0, 1, 0, bytes.len() as u32, 0, 0, 0, 0, name.len() as u32 + 1, 0];
        out.extend_from_slice(b"070701");
        fields.iter().for_each(|f| out.extend_from_slice(format!("{f:08X}").as_bytes()));
        out.extend_from_slice(name.as_bytes());
        out.push(0);
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend_from_slice(bytes);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut to = liblzma::write::XzEncoder::new(Vec::new(), 0);
    to.write_all(bytes).and_then(|()| to.finish()).expect("memory")
}

fn deb(data: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = AR.to_vec();
    for (name, bytes) in [("debian-binary", &b"2.0\n"[..]), ("control.tar.xz", b"odd"), (data, bytes)] {
        out.extend_from_slice(
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100644, bytes.len()).as_bytes(),
        );
        out.extend_from_slice(bytes);
        if bytes.len() % 2 == 1 {
            out.push(b'\n');
        }
    }
    out
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut to = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        to.append_data(&mut header, name, *bytes).expect("memory");
    }
    to.into_inner().expect("memory")
}

type Found = Vec<(String, Result<usize, String>)>;

fn read(bytes: &[u8], limit: u64) -> (Found, Result<(), String>) {
    let mut found = Vec::new();
    let done = members(Path::new("a"), &mut &*bytes, Limits { inflated: limit }, &mut |(path, result)| {
        let path = path.to_str().expect("text").to_owned();
        found.push((path, result.map(|b| b.len()).map_err(|e| e.to_string())));
        true
    });
    (found, done.map_err(|e| e.to_string()))
}

#[test]
fn the_modules_of_a_package_come_out() {
    let names = ["./usr/lib/modules/7.3/kernel/a.ko", "./usr/lib/modules/7.3/kernel/b.ko.xz", "./usr/share/doc/readme"];
    let tar = tar(&[(names[0], MODULE), (names[1], b"any bytes"), (names[2], b"words")]);
    for (name, bytes) in [
        ("data.tar", tar.clone()),
        ("data.tar.xz", xz(&tar)),
        ("data.tar.zst", zstd::stream::encode_all(&tar[..], 1).expect("memory")),
    ] {
        let deb = deb(name, &bytes);
        assert!(is_archive(&deb));
        let (found, done) = read(&deb, 1 << 30);
        assert_eq!(done, Ok(()));
        let expected = [
            ("a/usr/lib/modules/7.3/kernel/a.ko".to_owned(), Ok(MODULE.len())),
            ("a/usr/lib/modules/7.3/kernel/b.ko.xz".to_owned(), Ok(9)),
        ];
        assert_eq!(found, expected, "{name}");
        // A file that is too large is named, and the others are read.
        let (found, done) = read(&deb, MODULE.len() as u64 - 1);
        assert_eq!(done, Ok(()));
        assert!(found[0].1.as_ref().expect_err("too large").contains("bytes; raise the limit"), "{found:?}");
        assert_eq!(found[1], expected[1]);
        // The archive as a whole is bounded too, and ends with a word.
        assert!(read(&deb, 64).1.is_err());
    }
}

#[test]
fn the_modules_of_an_initramfs_come_out() {
    const FILE: u32 = 0o100_644;
    let early = cpio(&[("kernel/x86/microcode/GenuineIntel.bin", FILE, b"microcode")]);
    let main = cpio(&[
        ("usr/lib/modules", 0o040_755, b""),
        ("usr/lib/modules/a.ko", FILE, MODULE),
        ("usr/lib/modules/link.ko", 0o120_777, b"a.ko"),
        ("usr/lib/modules/b.ko", FILE, MODULE),
    ]);
    let expected = [
        ("a/usr/lib/modules/a.ko".to_owned(), Ok(MODULE.len())),
        ("a/usr/lib/modules/b.ko".to_owned(), Ok(MODULE.len())),
    ];
    let zeros = vec![0; 512];
    for main in [main.clone(), zstd::stream::encode_all(&main[..], 1).expect("memory"), xz(&main)] {
        let whole = [&early[..], &zeros, &main, &zeros].concat();
        assert!(is_archive(&whole) && is_archive(&main));
        assert_eq!(read(&whole, 1 << 30), (expected.to_vec(), Ok(())));
        assert_eq!(read(&main, 1 << 30), (expected.to_vec(), Ok(())));
    }
    // A compressed archive with another behind it.
    let twice = [xz(&main), xz(&early)].concat();
    assert_eq!(read(&twice, 1 << 30), (expected.to_vec(), Ok(())));
}

#[test]
fn what_is_wrong_with_an_archive_is_said() {
    let files = cpio(&[("a.ko", 0o100_644, MODULE)]);
    let said = |bytes: &[u8]| read(bytes, 1 << 30).1.expect_err("refused");
    assert!(said(&files[..files.len() / 2]).contains("damaged as cpio"));
    assert!(said(&cpio(&[("words", 0o100_644, b"words")])).contains("holds no vmlinux"));
    assert!(
        said(&deb("data.tar", b"no tar")).contains("holds no vmlinux")
            || said(&deb("data.tar", b"no tar")).contains("tar")
    );
    assert!(said(&deb("other.tar", b"words")).contains("it has no data.tar"));
    let mut hex = files.clone();
    hex[20] = b'x';
    assert!(said(&hex).contains("not in hexadecimal"));
    assert!(said(&[&files[..], b"words"].concat()).contains("damaged as cpio"));
    assert!(!is_archive(b"\x7fELF") && !is_archive(b"") && !is_archive(&xz(MODULE)));
    // Bombs: an archive inflates to a bounded size, whatever the members say.
    let large = cpio(&[("words", 0o100_644, &vec![7; 1 << 20])]);
    let bomb = zstd::stream::encode_all(&large[..], 1).expect("memory");
    assert!(read(&bomb, 1 << 10).1.is_err());
}

proptest! {
    #[test]
    fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0_usize..900, flip in 1_u8..) {
        let _ = read(&bytes, 1 << 20);
        let mut damaged = [cpio(&[("a.ko", 0o100_644, b"words")]), deb("data.tar", &tar(&[("a.ko", b"words")]))].concat();
        let at = at % damaged.len();
        damaged[at] ^= flip;
        let _ = read(&damaged, 1 << 20);
        let _ = read(&damaged[at..], 1 << 20);
    }
}
