use super::*;

fn read(text: &str) -> Vec<(Option<String>, String)> {
    let list = parse(text.as_bytes(), &mut Defects::default());
    list.into_iter().map(|one| (one.name, one.address)).collect()
}

fn one(name: &str, address: &str) -> (Option<String>, String) {
    ((!name.is_empty()).then(|| name.to_owned()), address.to_owned())
}

#[test]
fn forms() {
    for (text, expected) in [
        ("a@example.org", vec![one("", "a@example.org")]),
        ("Ann Example <ann@example.org>", vec![one("Ann Example", "ann@example.org")]),
        ("\"Example, Ann\" <a@b.c>, b@c.d", vec![one("Example, Ann", "a@b.c"), one("", "b@c.d")]),
        ("a@b.c (Ann (the) Example)", vec![one("Ann (the) Example", "a@b.c")]),
        ("=?UTF-8?B?QmrDtnJu?= <b@c.d>", vec![one("Björn", "b@c.d")]),
        ("\"=?utf-8?q?J=C3=B8rn?=\" <j@c.d>", vec![one("Jørn", "j@c.d")]),
        ("'Ann' <a@b.c>", vec![one("Ann", "a@b.c")]),
        ("friends: a@b.c, Bo <b@c.d>;, c@d.e", vec![one("", "a@b.c"), one("Bo", "b@c.d"), one("", "c@d.e")]),
        ("undisclosed-recipients:;", vec![]),
        ("tip-bot2 for Ann: x86 <a@b.c>", vec![one("tip-bot2 for Ann: x86", "a@b.c")]),
        ("Ann Example a@b.c", vec![one("Ann Example", "a@b.c")]),
        ("Ann <a@b.c, Bo <b@c.d>", vec![one("Ann", "a@b.c"), one("Bo", "b@c.d")]),
        ("Ann <a@b.c, b@c.d", vec![one("Ann", "a@b.c"), one("", "b@c.d")]),
        ("a @ b.c", vec![one("", "a@b.c")]),
        ("root", vec![one("", "root")]),
        ("Only Name", vec![one("Only Name", "")]),
        ("an \"open quote <a@b.c>", vec![one("an \"open quote", "a@b.c")]),
        ("ann (open <a@b.c>", vec![one("ann (open", "a@b.c")]),
        ("Example, Ann <a@b.c>", vec![one("Example, Ann", "a@b.c")]),
        (
            "Example, Ann, Dr. <a@b.c>, root, Bo <b@c.d>",
            vec![one("Example, Ann, Dr.", "a@b.c"), one("", "root"), one("Bo", "b@c.d")],
        ),
        ("One Name, Other Name", vec![one("One Name", ""), one("Other Name", "")]),
        (
            "A One, B Two, C Three, D Four <d@e.f>",
            vec![one("A One", ""), one("B Two", ""), one("C Three", ""), one("D Four", "d@e.f")],
        ),
        ("ann at example.org (Ann Example)", vec![one("Ann Example", "ann@example.org")]),
        (
            "ann.b at mail.example.org (=?UTF-8?Q?Ann_Ex=C3=A4mple?=)",
            vec![one("Ann Exämple", "ann.b@mail.example.org")],
        ),
        ("Ann Example <ann at example.org>", vec![one("Ann Example", "ann@example.org")]),
        ("ann at example.org, Bo at example.org", vec![one("", "ann@example.org"), one("", "Bo@example.org")]),
        ("Look at this", vec![one("Look at this", "")]),
        (" ,, ;", vec![]),
        ("", vec![]),
        ("<a@b.c>\n\t(folded\n name)", vec![one("folded name", "a@b.c")]),
        ("\"back\\\"slash\" <a@b.c>", vec![one("back\"slash", "a@b.c")]),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn masking() {
    let real = parse_one("Ann <ann@example.org>").unwrap();
    let masked = parse_one("Ann <ann@xxxxxxxxxxx>").unwrap();
    assert_eq!(real.masked(), masked.address);
    assert!(masked.is_masked() && !real.is_masked());
    assert!(real.masked_eq(&masked) && masked.masked_eq(&real) && masked.masked_eq(&masked));
    assert!(!masked_eq("ann@example.org", "ann@example.com"), "equal lengths are not enough unmasked");
    assert!(!masked_eq("ann@xxxxxxxxxxx", "ann@example.info"));
    assert!(!masked_eq("bob@xxxxxxxxxxx", "ann@example.org"));
}

#[test]
fn a_megabyte_of_openers_is_linear() {
    for piece in ["=?aa?q?", "(", "\"", "<", "a:", "((\"=?", "a@b,"] {
        let text = piece.repeat((1 << 20) / piece.len());
        let start = std::time::Instant::now();
        parse(text.as_bytes(), &mut Defects::default());
        assert!(start.elapsed().as_secs() < 5, "{piece}: {:?}", start.elapsed());
    }
}

proptest::proptest! {
    #[test]
    fn what_is_shown_reads_back(name in "[A-Za-z,.()\"@:; öß]{0,16}", local in "[a-z.+]{1,8}", domain in "[a-z]{1,6}\\.[a-z]{2,3}") {
        let name = tidy(&encoded_word::collapse(name.into())).to_owned();
        let written = Address { name: (!name.is_empty()).then_some(name), address: format!("{local}@{domain}") };
        let read = parse(written.to_string().as_bytes(), &mut Defects::default());
        proptest::prop_assert_eq!(read, vec![written]);
    }

    #[test]
    fn any_bytes(raw in proptest::collection::vec(proptest::sample::select(b"ab@.,;:<>()\"\\= ?\n\xff".to_vec()), 0..60)) {
        for address in parse(&raw, &mut Defects::default()) {
            proptest::prop_assert!(!address.address.contains(['\n', ' ']));
            proptest::prop_assert!(masked_eq(&address.address, &address.masked()) || !address.is_masked());
        }
    }
}
