use super::*;
use proptest::prelude::*;

/// A mail from `ID<PARENT AUTHOR DATE vV.M N/T FLAGS`, the way the tests write it down.
fn mail(text: &'static str) -> Mail<'static> {
    let mut mail = Mail {
        message_id: "",
        stem: "",
        in_reply_to: None,
        author: "a@x",
        date: 0,
        reply: false,
        version: (1, 0),
        number: None,
        total: None,
        title: "t",
        rfc: false,
        resend: false,
        diff: true,
    };
    for (at, word) in text.split(' ').enumerate() {
        if at == 0 {
            let (id, parent) = word.split_once('<').unwrap_or((word, ""));
            mail.message_id = id;
            mail.in_reply_to = Some(parent).filter(|parent| !parent.is_empty());
        } else if let Some(version) = word.strip_prefix('v') {
            let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
            mail.version = (major.parse().unwrap(), minor.parse().unwrap());
        } else if let Some((number, total)) = word.split_once('/') {
            (mail.number, mail.total) = (number.parse().ok(), total.parse().ok());
            mail.diff = mail.number != Some(0);
        } else if let Some(stem) = word.strip_prefix('~') {
            mail.stem = stem;
        } else if let Some(date) = word.strip_prefix('@') {
            mail.date = date.parse().unwrap();
        } else {
            match word {
                "Re" => mail.reply = true,
                "RFC" => mail.rfc = true,
                "RESEND" => mail.resend = true,
                "prose" => mail.diff = false,
                word if word.contains('@') => mail.author = word,
                word => mail.title = word,
            }
        }
    }
    mail
}

fn outline(mails: &[Mail<'_>]) -> String {
    let all = find(mails);
    let mut out = String::new();
    for series in &all {
        let id = |at: &u32| mails[*at as usize].message_id;
        out += &format!("v{}.{}", series.version.0, series.version.1);
        out += if series.rfc { " RFC" } else { "" };
        out += if series.resend { " RESEND" } else { "" };
        out += &format!(" of {}, cover {}:", series.total, series.cover.as_ref().map_or("none", id));
        for (number, slot) in series.slots(&all) {
            out += &match slot {
                Slot::Present(mails) => format!(" {number}={}", mails.iter().map(id).collect::<Vec<_>>().join("+")),
                Slot::Kept(base, mails) => format!(" {number}={}({base})", id(mails.last().unwrap())),
                Slot::Missing => format!(" {number}=?"),
            };
        }
        for (number, mails) in &series.beyond {
            out += &format!(" !{number}={}", id(&mails[0]));
        }
        out.push('\n');
    }
    out
}

fn outline_of(mails: &[&'static str]) -> String {
    outline(&mails.iter().map(|text| mail(text)).collect::<Vec<_>>())
}

#[test]
fn belonging_is_evidence_and_not_spelling() {
    // The cover letter alone has the version or the tag, or one part has another.
    insta::assert_snapshot!(outline_of(&["c v3 0/2", "p<c 1/2 @60", "q<c 2/2 @120"]), @"v3.0 of 2, cover c: 1=p 2=q");
    insta::assert_snapshot!(outline_of(&["c RFC 0/2", "p<c 1/2 @1", "q<p 2/2 @2"]), @"v1.0 RFC of 2, cover c: 1=p 2=q");
    insta::assert_snapshot!(outline_of(&["c 0/2", "p<c v2 1/2 @1", "q<c RFC 2/2 @2"]), @"v1.0 of 2, cover c: 1=p 2=q");
    // No cover letter: most parts say it.
    insta::assert_snapshot!(outline_of(&["p RFC 1/3", "q<p RFC 2/3 @1", "r<p 3/3 @2"]), @"v1.0 RFC of 3, cover none: 1=p 2=q 3=r");
    insta::assert_snapshot!(outline_of(&["p ~s v2 1/3", "q ~s v2 2/3 @1", "r ~s 3/3 @2"]), @"v2.0 of 3, cover none: 1=p 2=q 3=r");
    // A cover letter that counts wrong, and one whose parts have their authors in From.
    insta::assert_snapshot!(outline_of(&["c 0/3", "p<c 1/2 @1", "q<c 2/2 @2"]), @"v1.0 of 2, cover c: 1=p 2=q");
    insta::assert_snapshot!(outline_of(&["c 0/2", "p<c b@y 1/2 @1", "q<c z@y 2/2 @2"]), @"v1.0 of 2, cover c: 1=p 2=q");
    // A reroll of one part is none of the first, even if it comes soon; a day later it is not looked at the hour.
    insta::assert_snapshot!(outline_of(&["c 0/2", "p<c 1/2 @1", "q<c 2/2 @2", "r<p v2 1/2 @90"]), @r"
    v1.0 of 2, cover c: 1=p 2=q
    v2.0 of 2, cover none: 1=r 2=q(0)
    ");
    // Two series in one minute, told apart by their ids.
    insta::assert_snapshot!(outline_of(&["c ~s 0/2", "d ~t 0/2", "p ~s 1/2 @1", "u ~t 1/2 @1", "q ~s 2/2 @2", "v ~t 2/2 @2"]), @r"
    v1.0 of 2, cover c: 1=p 2=q
    v1.0 of 2, cover d: 1=u 2=v
    ");
}

#[test]
fn shallow_deep_and_no_threading() {
    insta::assert_snapshot!(outline_of(&["c 0/2", "p<c 1/2 @1", "q<c 2/2 @2", "r<q 2/2 Re @3"]), @"v1.0 of 2, cover c: 1=p 2=q");
    insta::assert_snapshot!(outline_of(&["c v3 0/2", "p<c v3 1/2 @1", "q<p v3 2/2 @2"]), @"v3.0 of 2, cover c: 1=p 2=q");
    insta::assert_snapshot!(outline_of(&["c 0/2", "p 1/2 @1", "q 2/2 @2"]), @"v1.0 of 2, cover c: 1=p 2=q");
    insta::assert_snapshot!(outline_of(&["p 1/2 @1", "q<p 2/2 @2"]), @"v1.0 of 2, cover none: 1=p 2=q");
}

#[test]
fn what_is_missing_is_named() {
    let mails = ["p<c v4 2/6 @1", "q<c v4 5/6 @2"].map(mail);
    insta::assert_snapshot!(outline(&mails), @"v4.0 of 6, cover none: 1=? 2=p 3=? 4=? 5=q 6=?");
    let all = find(&mails);
    assert_eq!(all[0].missing(&all), [1, 3, 4, 6]);
    assert_eq!((all[0].doubled(), all[0].is_complete(), all[0].head()), (vec![], false, Some(0)));
}

#[test]
fn patches_that_stand_alone() {
    insta::assert_snapshot!(outline_of(&["a one", "b<a v2 one @1", "c two @2", "d three prose @3", "e one Re @4"]), @r"
    v1.0 of 1, cover none: 1=a
    v1.0 of 1, cover none: 1=c
    v2.0 of 1, cover none: 1=b
    ");
}

#[test]
fn versions_in_one_thread() {
    let mails = ["c RFC 0/1", "p<c RFC 1/1 @1", "d<c v2 0/2 @2", "q<d v2 1/2 @3", "r<d v2 2/2 @4"];
    insta::assert_snapshot!(outline_of(&mails), @r"
    v1.0 RFC of 1, cover c: 1=p
    v2.0 of 2, cover d: 1=q 2=r
    ");
}

#[test]
fn a_part_sent_again() {
    insta::assert_snapshot!(
        outline_of(&["c 0/2", "p<c 1/2 @1", "q<c 2/2 @2", "s<r 2/2 @9", "t<q RESEND 2/2 @10"]),
        @"v1.0 of 2, cover c: 1=p 2=q+s+t"
    );
    insta::assert_snapshot!(
        outline_of(&["p<c 1/3 @1", "q<c RESEND 2/3 @9"]),
        @"v1.0 of 3, cover none: 1=p 2=q 3=?"
    );
}

#[test]
fn a_series_sent_again() {
    let marked = ["c 0/1", "p<c 1/1 @1", "d<c RESEND 0/1 @5", "q<d RESEND 1/1 @6"];
    insta::assert_snapshot!(outline_of(&marked), @r"
    v1.0 of 1, cover c: 1=p
    v1.0 RESEND of 1, cover d: 1=q
    ");
    let unmarked = ["c 0/1", "p<c 1/1 @1", "d 0/1 @5", "q<d 1/1 @6"];
    insta::assert_snapshot!(outline_of(&unmarked), @r"
    v1.0 of 1, cover c: 1=p
    v1.0 of 1, cover d: 1=q
    ");
    let unthreaded = ["c 0/1", "p 1/1 @1", "d 0/1 @5", "q 1/1 @6"];
    insta::assert_snapshot!(outline_of(&unthreaded), @r"
    v1.0 of 1, cover c: 1=p
    v1.0 of 1, cover d: 1=q
    ");
}

#[test]
fn a_reroll_of_some_parts() {
    let minor = ["c v5 0/3", "p<c v5 1/3 @1", "q<c v5 2/3 @2", "r<c v5 3/3 @3", "s<q v5.1 2/3 @8", "t<s v5.2 2/3 @9"];
    insta::assert_snapshot!(outline_of(&minor), @r"
    v5.0 of 3, cover c: 1=p 2=q 3=r
    v5.1 of 3, cover none: 1=p(0) 2=s 3=r(0)
    v5.2 of 3, cover none: 1=p(0) 2=t 3=r(0)
    ");
    let major = ["c 0/2", "p<c 1/2 @1", "q<c 2/2 @2", "s<q v2 2/2 @8"];
    insta::assert_snapshot!(outline_of(&major), @r"
    v1.0 of 2, cover c: 1=p 2=q
    v2.0 of 2, cover none: 1=p(0) 2=s
    ");
    // Of another sender, or another length, it is a series with a part missing.
    let other = ["c 0/2", "p<c 1/2 @1", "q<c 2/2 @2", "s<q v2 2/2 b@x @8", "t<q v3 2/3 @9"];
    insta::assert_snapshot!(outline_of(&other), @r"
    v1.0 of 2, cover c: 1=p 2=q
    v2.0 of 2, cover none: 1=? 2=s
    v3.0 of 3, cover none: 1=? 2=t 3=?
    ");
}

#[test]
fn two_senders_in_one_thread() {
    let mails = ["c 0/1", "p<c 1/1 @1 A@x", "d<p 0/1 b@x @2", "q<d 1/1 b@x @3"];
    insta::assert_snapshot!(outline_of(&mails), @r"
    v1.0 of 1, cover c: 1=p
    v1.0 of 1, cover d: 1=q
    ");
}

#[test]
fn numbers_that_cannot_be() {
    insta::assert_snapshot!(outline_of(&["p 3/2", "q 1/4294967295 @1", "r 0/0 @2 prose"]), @r"
    v1.0 of 2, cover none: 1=? 2=? !3=p
    v1.0 of 1, cover none: 1=q
    ");
    // Mails that claim to answer each other.
    insta::assert_snapshot!(outline_of(&["p<q 1/2", "q<p 2/2 @1"]), @"v1.0 of 2, cover none: 1=p 2=q");
    insta::assert_snapshot!(outline_of(&["p<p 1/1"]), @"v1.0 of 1, cover none: 1=p");
}

/// A thread of a hundred thousand parts that answer each other.
#[test]
fn a_long_chain() {
    let ids: Vec<String> = (0..100_000).map(|at| at.to_string()).collect();
    let mails: Vec<Mail<'_>> = (0..ids.len())
        .map(|at| Mail {
            message_id: &ids[at],
            in_reply_to: at.checked_sub(1).map(|up| ids[up].as_str()),
            number: Some(at as u32 % 10_000 + 1),
            total: Some(10_000),
            date: at as i64,
            ..mail("x")
        })
        .collect();
    let all = find(&mails);
    assert_eq!((all.len(), all[0].doubled().len()), (1, 10_000));
}

type Made = (u8, u8, u8, i64, (u32, u32), u32, u32, u8);

fn made() -> impl Strategy<Value = Vec<Made>> {
    let one = (0u8..30, 0u8..34, 0u8..2, 0i64..20, (1u32..3, 0u32..2), 0u32..5, 0u32..4, any::<u8>());
    prop::collection::vec(one, 0..25)
}

/// The mails of `made`, whose ids are all different.
fn mails<'a>(made: &[Made], ids: &'a [String]) -> Vec<Mail<'a>> {
    let mut taken = std::collections::HashSet::new();
    made.iter()
        .filter(|made| taken.insert(made.0))
        .map(|&(id, parent, author, date, version, number, total, flags)| Mail {
            message_id: &ids[id as usize],
            stem: if flags & 32 == 32 { ["", "s", "t"][usize::from(id % 3)] } else { "" },
            in_reply_to: ids.get(parent as usize).map(String::as_str),
            author: ["a@x", "b@x"][author as usize],
            // Some in one go, some not.
            date: date * 1_000,
            reply: flags & 7 == 0,
            version,
            number: (total > 0).then_some(number),
            total: (total > 0).then_some(total),
            title: "t",
            rfc: false,
            resend: flags & 24 == 24,
            diff: number != 0,
        })
        .collect()
}

proptest! {
    #[test]
    fn every_patch_is_in_one_series_at_its_number(made in made()) {
        let ids: Vec<String> = (0..40).map(|at| format!("m{at:02}")).collect();
        let mails = mails(&made, &ids);
        let all = find(&mails);
        let mut seen: Vec<u32> = all.iter().flat_map(Series::mails).collect();
        seen.sort_unstable();
        let wanted: Vec<u32> = (0..mails.len() as u32)
            .filter(|at| !mails[*at as usize].reply && (mails[*at as usize].number.is_some() || mails[*at as usize].diff))
            .collect();
        prop_assert_eq!(seen, wanted);
        for (at, series) in all.iter().enumerate() {
            prop_assert!(series.rerolls.is_none_or(|base| (base as usize) < at));
            prop_assert!(series.cover.is_none_or(|cover| mails[cover as usize].number == Some(0)));
            for (number, slot) in series.slots(&all) {
                if let Slot::Present(here) = slot {
                    prop_assert!(here.iter().all(|at| mails[*at as usize].number.unwrap_or(1) == number));
                    for mail in here.iter().map(|at| mails[*at as usize]).filter(|mail| mail.version != series.version) {
                        // It follows one that bears the version, sent with it: by the stem, or within one go of a third.
                        let followed = mails.iter().any(|other| {
                            other.version == series.version
                                && !other.reply
                                && (other.number == Some(0) || other.total == mail.total)
                                && ((other.date - mail.date).abs() <= 7_200
                                    || !mail.stem.is_empty() && other.stem == mail.stem)
                        });
                        prop_assert!(followed, "nothing sent with {} bears its version", mail.message_id);
                    }
                    prop_assert!(here.is_sorted_by_key(|at| mails[*at as usize].date));
                }
            }
            let slots = series.slots(&all).filter(|(_, slot)| *slot != Slot::Missing).count();
            prop_assert_eq!(slots + series.missing(&all).len(), series.total as usize);
        }
    }

    #[test]
    fn the_order_of_the_mails_does_not_matter(made in made(), seed: u64) {
        let ids: Vec<String> = (0..40).map(|at| format!("m{at:02}")).collect();
        let straight = mails(&made, &ids);
        let mut shuffled = straight.clone();
        shuffled.sort_by_key(|mail| std::hash::BuildHasher::hash_one(&rustc_hash::FxBuildHasher, (seed, mail.message_id)));
        prop_assert_eq!(outline(&straight), outline(&shuffled));
    }
}
