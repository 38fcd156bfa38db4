use super::*;

const ID: &str = "20300102.a+b=c-1-ann@example.org";

#[test]
fn every_form_that_a_user_types() {
    for form in [
        "{}",
        "<{}>",
        "id:{}",
        "mid:<{}>",
        " {} ",
        "Message-ID: <{}>",
        "https://lore.kernel.org/r/{}",
        "https://lore.kernel.org/all/{}/",
        "lore.kernel.org/bpf/{}/raw",
        "https://lore.kernel.org/linux-mm/{}/T/#u",
        "http://lore.kernel.org/all/{}/t/",
        "https://lore.kernel.org/all/{}/T/#mabc",
        "https://lore.kernel.org/all/{}#r",
        "https://lore.kernel.org/all/{}/t.mbox.gz",
        "https://lkml.kernel.org/r/{}",
        "https://patch.msgid.link/{}",
        "https://msgid.link/{}",
        "msgid.link/{}",
        "https://inbox.example.org/list/{}/",
    ] {
        assert_eq!(message_name(&form.replace("{}", ID)).as_deref(), Some(ID), "{form}");
        let escaped = ID.replace('@', "%40").replace('+', "%2B").replace('=', "%3d");
        if form.contains('/') {
            assert_eq!(message_name(&form.replace("{}", &escaped)).as_deref(), Some(ID), "{form}");
        }
    }
    for nothing in [
        "",
        "HEAD",
        "0001-x.patch",
        "https://lore.kernel.org/all/",
        "a@b c@d",
        "@",
        "<>",
        "https://example.org/",
        "lore.kernel.org/all/?q=a@b",
    ] {
        assert_eq!(message_name(nothing), None, "{nothing}");
    }
}

#[test]
fn in_running_text() {
    let text = "See https://lore.kernel.org/all/a.1@example.org/, and (https://lkml.kernel.org/r/b@c.d).\n\
        Link: https://patch.msgid.link/e%2Bf@g.h # [1]\n\
        > https://lore.kernel.org/lkml/20200101.X@xxxxxxx/\n\
        Message-ID: <i@j.k>\nAnn <ann@example.org> wrote <20200102030405.GA1@l.m>:\n\
        https://git.kernel.org/x@y/ https://www.kernel.org/a@b <CAabcdefghijklmnopqrstuvwxyz0123456@mail.gmail.com>";
    let found: Vec<_> = citations(text).map(|c| (text[c.span].to_owned(), c.message_id, c.masked)).collect();
    let expected = [
        ("https://lore.kernel.org/all/a.1@example.org/", "a.1@example.org", false),
        ("https://lkml.kernel.org/r/b@c.d", "b@c.d", false),
        ("https://patch.msgid.link/e%2Bf@g.h", "e+f@g.h", false),
        ("https://lore.kernel.org/lkml/20200101.X@xxxxxxx/", "20200101.X@xxxxxxx", true),
        ("i@j.k", "i@j.k", false),
        ("20200102030405.GA1@l.m", "20200102030405.GA1@l.m", false),
        (
            "CAabcdefghijklmnopqrstuvwxyz0123456@mail.gmail.com",
            "CAabcdefghijklmnopqrstuvwxyz0123456@mail.gmail.com",
            false,
        ),
    ];
    assert_eq!(found, expected.map(|(span, id, masked)| (span.to_owned(), id.to_owned(), masked)));
}

proptest::proptest! {
    #[test]
    fn an_escaped_id_comes_back(id in "[a-zA-Z0-9.+=_~-]{1,20}@[a-z0-9.-]{1,12}[a-z]") {
        let escaped: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        proptest::prop_assert_eq!(message_name(&format!("https://lore.kernel.org/r/{escaped}/")), Some(id.clone()));
        let text = format!("x <https://msgid.link/{escaped}>, Message-Id: <{id}>");
        let found: Vec<_> = citations(&text).map(|citation| citation.message_id).collect();
        proptest::prop_assert_eq!(found, vec![id.clone(), id]);
    }

    #[test]
    fn any_text(text in "(lore.kernel.org/|msgid.link/|https://|<|>|@|%4|a|8{8}|r/| |\\PC){0,30}") {
        for citation in citations(&text) {
            proptest::prop_assert!(is_id(&citation.message_id));
            let span = &text[citation.span];
            proptest::prop_assert!(span.contains(&citation.message_id) || span.contains('%'));
        }
        message_name(&text);
    }
}
