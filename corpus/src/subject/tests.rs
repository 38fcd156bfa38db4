use super::*;

fn shown(text: &str) -> String {
    let s = Subject::parse(text);
    let mut out = Vec::new();
    for (set, word) in [
        (s.reply, "re"),
        (s.forward, "fwd"),
        (s.is_patch, "patch"),
        (s.is_rfc, "rfc"),
        (s.is_resend, "resend"),
        (s.is_pull, "pull"),
        (s.is_cover(), "cover"),
    ] {
        if set {
            out.push(word.to_owned());
        }
    }
    out.extend(s.version.map(|version| version.to_string()));
    out.extend(s.number.map(|number| format!("{}/{}", place(number), s.total.unwrap())));
    out.extend(s.stable.map(|kernel| format!("for={kernel}")));
    out.extend(s.trees.iter().map(|tree| format!("tree={tree}")));
    out.extend(s.tip.map(|tip| format!("tip={tip}")));
    format!("{} | {}", out.join(" "), s.title)
}

#[test]
fn forms_of_the_lists() {
    for (text, expected) in [
        ("[PATCH bpf-next v4 2/6] bpf: x", "patch v4 2/6 tree=bpf-next | bpf: x"),
        ("[RFC][PATCH] x", "patch rfc | x"),
        ("[RFC PATCH v2 00/13] x: [y] z", "patch rfc cover v2 0/13 | x: [y] z"),
        ("[PATCH v5.1 10/12] x", "patch v5.1 10/12 | x"),
        ("[RESEND] x", "resend | x"),
        ("[RESEND PATCH] x", "patch resend | x"),
        ("[PATCHv3 bpf] x", "patch v3 tree=bpf | x"),
        ("[PATCH -v5 00/17] x", "patch cover v5 0/17 | x"),
        ("[PATCH V6 0/6] x", "patch cover v6 0/6 | x"),
        ("Re: RE[2]: Aw: [PATCH] x", "re patch | x"),
        ("Fwd: Re: x: y", "re fwd | x: y"),
        ("[tip: x86/core] x86: y", "tip=x86/core | x86: y"),
        ("[tip:x86/mm] x86: y", "tip=x86/mm | x86: y"),
        ("[GIT PULL] x for v6.1", "pull | x for v6.1"),
        ("[GIT PULL v2 1/3] x", "pull v2 1/3 | x"),
        ("[bug#60788] x v2", " | x v2"),
        ("[list-tag] [PATCH 5.10 001/120] x", "patch 1/120 for=5.10 tree=5.10 | x"),
        ("[PATCH stable v5.10] x", "patch for=5.10 tree=stable tree=v5.10 | x"),
        ("[PATCH for 6.1.y 1/2] x", "patch 1/2 for=6.1 tree=6.1.y | x"),
        ("[PATCH AUTOSEL 6.6 03/20] x", "patch 3/20 for=6.6 tree=AUTOSEL tree=6.6 | x"),
        ("[PATCH AUTOSEL] x", "patch for=stable tree=AUTOSEL | x"),
        ("[PATCH v6.1 v2 1/3] x", "patch v2 1/3 for=6.1 tree=v6.1 | x"),
        ("[PATCH v4.19 1/3] x", "patch 1/3 for=4.19 tree=v4.19 | x"),
        ("[PATCH linux-5.15.y v2] x", "patch v2 for=5.15 tree=linux-5.15.y | x"),
        ("[SPARSE v2 1/2] x", "patch v2 1/2 tree=SPARSE | x"),
        ("[bpf-next v3 12/12] x", "patch v3 12/12 tree=bpf-next | x"),
        ("[iproute2-next 0/3] x", "patch cover 0/3 tree=iproute2-next | x"),
        ("[net v4] x", "v4 tree=net | x"),
        ("[5/7 done] x", " | x"),
        ("[24/7] x", " | x"),
        ("[PATCH1/3] x", "patch 1/3 | x"),
        ("[PATCH 01 of 10] x", "patch 1/10 | x"),
        ("[PATCH 2 of 3 v4] x", "patch v4 2/3 | x"),
        ("--bla-- [PATCH 1/2] x", "patch 1/2 | x"),
        ("[PATCH --bla-- 1/2] x", "patch 1/2 tree=--bla-- | x"),
        ("[PATCH 0.5/3] x", "patch 0.5/3 | x"),
        ("[PATCH v2 1.5/2] x", "patch v2 1.5/2 | x"),
        ("[PATCH 3/2] x", "patch 3/2 | x"),
        ("[PATCH 9/9] [RFC] x", "patch rfc 9/9 | x"),
        ("[PATCH 0/1] x: y (v4)", "patch cover v4 0/1 | x: y"),
        ("[PATCH] x: y [V2]", "patch v2 | x: y"),
        ("[PATCH v3] x: y (v2)", "patch v3 | x: y"),
        ("[PATCH] x: y (take 2)", "patch v2 | x: y"),
        ("[PATCH take 3] x", "patch v3 | x"),
        ("[PATCH] x: IPv6 (RFC 8200)", "patch | x: IPv6 (RFC 8200)"),
        ("x: y (v4)", " | x: y (v4)"),
        ("[v2,3/4] x", "patch v2 3/4 | x"),
        ("[v2 of it] x", " | x"),
        ("[PATCH/RFC tip/master] x", "patch rfc tree=tip/master | x"),
        ("[PATCH 7/5] x", "patch 7/5 | x"),
        ("[PATCH net,v2] x", "patch v2 tree=net | x"),
        ("re: [ PATCH ] x", "re patch | x"),
        ("[PATCH", " | [PATCH"),
        ("Reply: x", " | Reply: x"),
        ("", " | "),
        ("回复：x", "re | x"),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

proptest::proptest! {
    // No title begins with the word that some mailer writes before an answer.
    #[test]
    fn what_git_writes_is_read(rfc: bool, reply: bool, major in 1u32..30, number in 0u32..40, more in 0u32..40,
                               tree in "(net|bpf|tip)(-next)?", title in "x[a-z/_]{0,8}: [a-z ]{0,9}[a-z]") {
        let total = number + more;
        let text = format!("{}[{}PATCH {tree} v{major} {number:02}/{total:02}] {title}",
            if reply { "Re: " } else { "" }, if rfc { "RFC " } else { "" });
        let read = Subject::parse(&text);
        proptest::prop_assert_eq!((read.reply, read.is_rfc, read.is_patch), (reply, rfc, true));
        proptest::prop_assert_eq!((read.version, read.number, read.total), (Some(Version(major, 0)), Some(number), Some(total)));
        proptest::prop_assert_eq!((read.trees, read.title), (vec![tree], title));
    }

    #[test]
    fn a_title_is_part_of_its_subject(text in "(\\[|\\]|Re:|PATCH|v[0-9]{1,7}|[0-9]{0,9}/[0-9]|tip:| |\\PC){0,20}") {
        let title = Subject::parse(&text).title;
        proptest::prop_assert!(text.contains(&title));
    }
}
