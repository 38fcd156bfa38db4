use super::*;

fn catalogue() -> Catalogue {
    Catalogue::built_in().unwrap_or_else(|e| panic!("{e}"))
}

fn day(text: &str) -> Day {
    Day(text.parse().expect("a day"))
}

fn of<'c>(c: &'c Catalogue, name: &str, as_of: Option<&str>) -> Lineage<'c> {
    let mechanism = c.mechanism(name).unwrap_or_else(|e| panic!("{e}"));
    Lineage::new(c, Some(&mechanism.slug), as_of.map(day))
}

fn ids<'a>(l: &'a Lineage<'_>) -> Vec<&'a str> {
    l.entries.iter().map(|e| e.event.id.as_str()).collect()
}

#[test]
fn all_holds_everything() {
    let c = catalogue();
    let l = Lineage::new(&c, None, None);
    assert_eq!(
        (l.entries.len(), l.links.len(), l.lanes.len()),
        (c.events().len(), c.edges().len(), c.mechanisms().len())
    );
    assert_eq!((l.later, l.elsewhere), (0, 0));
    assert!(l.entries.is_sorted_by_key(|e| e.event.happened));
}

#[test]
fn the_dispatcher_has_its_story() {
    let c = catalogue();
    let l = of(&c, "bpf-dispatcher", None);
    let lanes: Vec<_> = l.lanes.iter().map(|l| l.mechanism.slug.as_str()).collect();
    for lane in ["nop5", "ftrace", "static-call", "bpf-trampoline", "bpf-dispatcher"] {
        assert!(lanes.contains(&lane), "{lane} is not in {lanes:?}");
    }
    let ids = ids(&l);
    for id in [
        "ftrace-core",
        "static-call-biesheuvel-2018",
        "static-call-poc-2018",
        "dispatcher-rfc",
        "dispatcher-static-call",
    ] {
        assert!(ids.contains(&id), "{id}");
    }
    let rows = l.rows();
    let place =
        |id: &str| rows.iter().position(|r| matches!(r, Row::Entry(i) if l.entries[*i].event.id.as_str() == id));
    let conflict =
        rows.iter().position(|r| matches!(r, Row::Judgement(i) if l.links[*i].edge.kind == EdgeKind::ConflictsWith));
    assert!(place("static-call-poc-2018") < place("dispatcher-rfc"));
    assert!(place("dispatcher-v5") < conflict && conflict < place("dispatcher-static-call"));
    assert!(conflict.is_some());
}

#[test]
fn a_day_hides_what_was_written_later() {
    let c = catalogue();
    let l = of(&c, "bpf-dispatcher", Some("2019-12-11"));
    assert!(ids(&l).contains(&"dispatcher-v4-2-of-6"));
    assert!(!ids(&l).contains(&"dispatcher-v5"));
    assert!(l.links.iter().all(|l| !l.edge.kind.is_judgement()));
    assert!(l.later > 10);
    let before = of(&c, "bpf-dispatcher", Some("2022-07-21"));
    let after = of(&c, "bpf-dispatcher", Some("2022-07-22"));
    let conflicts = |l: &Lineage<'_>| l.links.iter().filter(|l| l.edge.kind == EdgeKind::ConflictsWith).count();
    assert_eq!((conflicts(&before), conflicts(&after)), (0, 1));
}

#[test]
fn as_of_is_a_filter_and_nothing_more() {
    let c = catalogue();
    for m in c.mechanisms() {
        for as_of in [None, Some(day("2012-01-01")), Some(day("2020-12-31"))] {
            let l = Lineage::new(&c, Some(&m.slug), as_of);
            for e in &l.entries {
                assert!(as_of.is_none_or(|d| e.event.recorded() <= d));
            }
            for link in &l.links {
                assert!(as_of.is_none_or(|d| link.edge.recorded.is_some_and(|r| r <= d)));
            }
            for (i, lane) in l.lanes.iter().enumerate() {
                assert!(l.entries.iter().any(|e| e.lane == i), "{} of {} is empty", lane.mechanism.slug, m.slug);
            }
        }
    }
    assert!(of(&c, "bpf-dispatcher", Some("2000-01-01")).entries.is_empty());
}

#[test]
fn mails_are_marked() {
    let c = catalogue();
    let mut l = of(&c, "bpf-dispatcher", None);
    l.mark_indexed(|mid| mid.as_str() == "20191211123017.13212-3-bjorn.topel@gmail.com");
    let marked: Vec<_> = l.entries.iter().filter(|e| e.indexed == Some(true)).map(|e| e.event.id.as_str()).collect();
    assert_eq!(marked, ["dispatcher-v4-2-of-6"]);
}

#[test]
fn edges_in_a_circle_end() {
    let file = |a: &str, b: &str| {
        format!(
            "slug = \"{a}\"\nname = \"{a}\"\nsummary = \"s\"\n[[event]]\nid = \"e-{a}\"\nhappened = 2020-01-01\nkind = \"merge\"\ntext = \"t\"\nevidence = [{{ commit = \"0123456\" }}]\n[[edge]]\nfrom = \"{a}\"\nkind = \"builds-on\"\nto = \"{b}\"\nevidence = [{{ commit = \"0123456\" }}]\n"
        )
    };
    let (x, y) = (file("x", "y"), file("y", "x"));
    let c = Catalogue::from_toml([("x.toml", x.as_str()), ("y.toml", y.as_str())]).expect("loads");
    let l = of(&c, "x", None);
    assert_eq!((l.lanes.len(), l.links.len()), (2, 2));
}
