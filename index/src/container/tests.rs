use std::io::Write;

use proptest::prelude::*;

use super::*;

const KIND: Kind = Kind { name: *b"test\0\0\0\0", version: 1 };

fn made(sections: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = Writer::new(io::Cursor::new(Vec::new()), KIND, sections.len(), 7, 3).unwrap();
    for (at, section) in sections.iter().enumerate() {
        if at > 0 {
            writer.next_section();
        }
        writer.write_all(section).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn opened(dir: &Path, bytes: &[u8]) -> io::Result<Container> {
    let path = dir.join("file");
    std::fs::write(&path, bytes).unwrap();
    Container::open(&path, KIND)
}

/// All that a container says, read as its users read it.
fn said(dir: &Path, bytes: &[u8]) -> io::Result<(u64, u64, Vec<Vec<u8>>)> {
    let container = opened(dir, bytes)?;
    let sections = (0..container.sections()).map(|at| container.all(at)).collect::<io::Result<_>>()?;
    Ok((container.generation(), container.onto(), sections))
}

fn any_sections() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let section = (0..3 * BODY, any::<u8>()).prop_map(|(len, seed)| (0..len).map(|at| (at as u8) ^ seed).collect());
    prop::collection::vec(section, 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_is_written_is_read(sections in any_sections(), at in any::<prop::sample::Index>(), len in 0usize..5_000) {
        let dir = tempfile::tempdir().unwrap();
        let bytes = made(&sections);
        prop_assert_eq!(said(dir.path(), &bytes).unwrap(), (7, 3, sections.clone()));
        let container = opened(dir.path(), &bytes).unwrap();
        container.verify().unwrap();
        let mut window = container.window();
        for (number, section) in sections.iter().enumerate().filter(|(_, s)| !s.is_empty()) {
            let from = at.index(section.len());
            let wanted = &section[from..(from + len).min(section.len())];
            let mut found = vec![0; wanted.len()];
            window.read(number, from as u64, &mut found).unwrap();
            prop_assert_eq!(found, wanted);
        }
        prop_assert!(window.read(0, sections[0].len() as u64, &mut [0]).is_err());
        prop_assert!(window.read(9, 0, &mut [0]).is_err());
    }

    #[test]
    fn no_flipped_byte_is_silent(sections in any_sections(), at in any::<prop::sample::Index>(), flip in 1u8..) {
        let dir = tempfile::tempdir().unwrap();
        let mut bytes = made(&sections);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let error = said(dir.path(), &bytes).unwrap_err();
        prop_assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{}", error);
        prop_assert!(error.to_string().contains("damaged"));
    }

    #[test]
    fn neither_is_a_cut_nor_an_addition(sections in any_sections(), at in any::<prop::sample::Index>()) {
        let dir = tempfile::tempdir().unwrap();
        let bytes = made(&sections);
        prop_assert!(said(dir.path(), &bytes[..at.index(bytes.len())]).is_err());
        prop_assert!(said(dir.path(), &[bytes.as_slice(), b"\0"].concat()).is_err());
    }

    #[test]
    fn any_bytes_are_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let dir = tempfile::tempdir().unwrap();
        prop_assert!(said(dir.path(), &bytes).is_err());
    }
}

#[test]
fn the_block_of_another_file_or_place_does_not_pass() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (made(&[vec![1; 3 * BODY]]), made(&[vec![1; 3 * BODY]]));
    let start = one.len() - 3 * (BODY + SUM);
    let mut mixed = one.clone();
    mixed[start..start + BODY + SUM].copy_from_slice(&other[start..start + BODY + SUM]);
    assert!(said(dir.path(), &mixed).is_err());
    let mut turned = one.clone();
    turned[start..].rotate_left(BODY + SUM);
    assert!(said(dir.path(), &turned).is_err());
    assert!(said(dir.path(), &one).is_ok());
}

#[test]
fn a_later_version_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, made(&[vec![]])).unwrap();
    let error = Container::open(&path, Kind { version: 2, ..KIND }).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    let error = Container::open(&path, Kind { name: *b"other\0\0\0", ..KIND }).unwrap_err();
    assert!(error.to_string().contains("another kind"), "{error}");
}

#[test]
fn a_kept_list_survives_damage_to_one_of_its_copies() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("list");
    std::fs::write(path.with_extension("json"), "[1]").unwrap();
    assert_eq!(load::<Vec<u32>>(&path, KIND).unwrap().unwrap().value, [1]);
    save(&path, KIND, &[1, 2]).unwrap();
    assert!(!path.with_extension("json").exists());
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        std::fs::write(&path, &bytes).unwrap();
        let kept = load::<Vec<u32>>(&path, KIND).unwrap().unwrap();
        assert_eq!(kept.value, [1, 2]);
        assert!(kept.damage.is_some());
    }
    std::fs::write(dir.path().join("list.copy"), b"").unwrap();
    assert!(load::<Vec<u32>>(&path, KIND).is_err());
}

#[test]
fn sealed_bytes_come_back_and_others_are_none() {
    let path = Path::new("meta");
    for bytes in [&b""[..], b"{}", &[7; 10_000]] {
        let sealed = seal(KIND, bytes).unwrap();
        assert_eq!(unseal(KIND, path, &sealed).unwrap().as_deref(), Some(bytes));
        for at in [0, 20, 41, sealed.len() - 1] {
            let mut sealed = sealed.clone();
            sealed[at] ^= 1;
            assert!(unseal(KIND, path, &sealed).is_err());
        }
    }
}

#[test]
fn a_temporary_name_is_of_one_process_and_one_call() {
    let path = Path::new("/x/sources");
    let (one, other) = (temporary(path), temporary(path));
    assert_ne!(one, other);
    assert!(one.to_str().unwrap().contains(&std::process::id().to_string()));
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("sources.1-0.new"), "half").unwrap();
    std::fs::write(dir.path().join(".tmpAbC123"), "half").unwrap();
    std::fs::write(dir.path().join("sources"), "whole").unwrap();
    sweep(dir.path());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}
