use std::collections::BTreeSet;

use insta::assert_snapshot;
use tantivy::collector::DocSetCollector;
use tantivy::schema::Value as _;
use tantivy::{Index, Searcher, TantivyDocument, doc};

use super::*;
use crate::query::{explain::explain, parse};
use crate::terms;

/// 2020-01-10 12:00:00.
const NOW: i64 = 1_578_657_600;

struct Shelf {
    fields: Fields,
    searcher: Searcher,
    ident: bool,
    commits: bool,
}

impl Shelf {
    fn numbers(&self, query: &dyn Query, name: &str) -> tantivy::Result<BTreeSet<u64>> {
        let mut out = BTreeSet::new();
        for at in self.searcher.search(query, &DocSetCollector)? {
            let column = self.searcher.segment_reader(at.segment_ord).fast_fields().u64(name)?;
            out.extend(column.first(at.doc_id));
        }
        Ok(out)
    }

    fn find(&self, query: &str) -> String {
        let lowered = parse(query).and_then(|ast| lower(&ast, self));
        let lowered = match lowered {
            Ok(lowered) => lowered,
            Err(error) => return format!("{error}\n{}", error.render(query)),
        };
        let mut names = BTreeSet::new();
        for at in self.searcher.search(&*lowered.query, &DocSetCollector).unwrap() {
            let doc: TantivyDocument = self.searcher.doc(at).unwrap();
            let name = doc.get_first(self.fields.stored).and_then(|v| v.as_bytes()).unwrap();
            names.insert(String::from_utf8(name.to_vec()).unwrap());
        }
        names.into_iter().collect::<Vec<_>>().join(" ")
    }
}

impl Context for Shelf {
    fn fields(&self) -> &Fields {
        &self.fields
    }

    fn now(&self) -> i64 {
        NOW
    }

    fn keys_of(&self, query: &dyn Query) -> tantivy::Result<IdSet> {
        Ok(Arc::new(self.numbers(query, "key")?.into_iter().collect()))
    }

    /// Threads here are tens of hashes.
    fn threads_of(&self, query: &dyn Query) -> tantivy::Result<IdSet> {
        let roots: FxHashSet<u64> = self.numbers(query, "mid_hash")?.into_iter().map(|n| n / 10).collect();
        Ok(Arc::new((0..100).filter(|n| roots.contains(&(n / 10))).collect()))
    }

    fn mechanism(&self, name: &str) -> Result<MechanismMacro, Option<String>> {
        let list = |items: &[&str]| items.iter().map(|&item| item.to_owned()).collect();
        match name {
            "site-call" => Ok(MechanismMacro {
                id: "site-call".into(),
                aliases: list(&["call of sites"]),
                symbols: list(&["site_call", "scall"]),
                paths: list(&["kernel/site_call.c"]),
                message_ids: list(&["root@x"]),
            }),
            _ => Err(Some("site-call".into())),
        }
    }

    fn landed(&self, yes: bool) -> Option<IdSet> {
        self.commits.then(|| Arc::new((if yes { [10] } else { [11] }).into_iter().collect()))
    }

    fn commit(&self, hash: &str) -> Option<IdSet> {
        self.commits.then(|| Arc::new(hash.starts_with("abcdef0").then_some(20).into_iter().collect()))
    }

    fn ident_in_default(&self) -> bool {
        self.ident
    }
}

/// Four mails: `root` in two copies of two lists, its reply `re`, and `late` and `other` in threads of their own.
fn shelf() -> Shelf {
    let (schema, f) = Fields::build();
    let index = Index::create_in_ram(schema);
    terms::register(index.tokenizers());
    let mut writer = index.writer_with_num_threads(1, 20_000_000).unwrap();
    let text = |doc: &mut TantivyDocument, field: Text, value: &str| {
        doc.add_text(field.exact, value);
        doc.add_text(field.stem, value);
    };
    let day = 86_400;
    // Name, hash of the Message-ID, list, day of January 2020, bytes.
    for (name, hash, list, at, bytes) in [
        ("root", 10u64, "one.example.org", 5, 1000u64),
        ("root'", 10, "two.example.org", 5, 1100),
        ("re", 11, "two.example.org", 6, 500),
        ("late", 20, "one.example.org", 9, 70_000),
        ("other", 30, "one.example.org", 1, 300),
    ] {
        let when = 1_577_836_800 + (at - 1) * day;
        let key = if hash == 10 { 1 } else { hash };
        let mid = format!("{}@x", name.trim_end_matches('\''));
        let mut d = doc!(f.stored => name.as_bytes(), f.key => key, f.mid_hash => hash, f.bytes => bytes);
        d.add_i64(f.date, when);
        d.add_i64(f.received, when + day);
        d.add_text(f.mid, &mid);
        d.add_text(f.lid, list);
        text(&mut d, f.mid_words, &mid);
        text(&mut d, f.list_words, list);
        match hash {
            10 => {
                text(&mut d, f.subject, "[PATCH v2] Rewriting sites");
                text(&mut d, f.from, "Ada Lovelace <ada@example.org>");
                text(&mut d, f.to, "Charles <c@example.org>");
                text(&mut d, f.cc, "list <list@example.org>");
                text(&mut d, f.body, "This patches all of the running text.\u{1e}change-id: 2020-thing-1");
                text(&mut d, f.dfn, "kernel/site_call.c");
                text(&mut d, f.dfa, "old_call(x);\u{1e}goto done;");
                text(&mut d, f.dfb, "err = site_call_reserved(start, 1);\u{1e}return err;");
                text(&mut d, f.dfhh, "static int rewriteSite(void)");
                text(&mut d, f.dfctx, "int err;");
                d.add_text(f.ident, "site_call_reserved rewriteSite old_call");
                d.add_text(f.dfpre, "0123456789ab");
                d.add_text(f.dfpost, "1bcdef012345");
                d.add_text(f.patchid, "00112233445566778899aabbccddeeff00112233");
                d.add_text(f.changeid, "2020-thing-1");
                d.add_text(f.trailer, "fixes");
                d.add_text(f.trailer, "fixes:0123 (\"a b\")");
                d.add_text(f.is, "patch");
                d.add_u64(f.rev, 2);
            }
            11 => {
                text(&mut d, f.subject, "Re: [PATCH v2] Rewriting sites");
                text(&mut d, f.quoted, "> This patches all of the running text.");
                text(&mut d, f.body, "Patching it is the site call of the day.");
                text(&mut d, f.filename, "log.txt");
                d.add_text(f.references, "root@x");
                d.add_text(f.forpatchid, "00ff");
                d.add_text(f.is, "reply");
            }
            20 => text(&mut d, f.subject, "Call of sites, a plan"),
            _ => text(&mut d, f.body, "far one two three four near"),
        }
        writer.add_document(d).unwrap();
    }
    writer.commit().unwrap();
    let searcher = index.reader().unwrap().searcher();
    Shelf { fields: f, searcher, ident: false, commits: false }
}

#[test]
fn every_prefix_finds_its_own() {
    let shelf = shelf();
    for (query, expected) in [
        ("s:rewrite", "re root root'"),
        ("s:Rewrite", ""),
        ("s:Rewriting s:\"rewriting sites\"", "re root root'"),
        ("f:ada t:charles c:list tc:charles a:lovelace tcf:ada@example.org", "root root'"),
        ("f:charles", ""),
        ("patching", "re root root'"),
        ("q:patch", "re"),
        ("nq:patch", "re root root'"),
        ("nq:running", "root root'"),
        ("b:running bs:rewriting", "re root root'"),
        ("n:log.txt", "re"),
        ("log", "re"),
        ("charles", ""),
        ("dfn:kernel/site_call.c", "root root'"),
        ("dfa:done dfb:return dfhh:rewritesite dfctx:err", "root root'"),
        ("dfb:\"1 return\"", ""),
        ("dfb:site_call*", "root root'"),
        ("dfpre:0123456", "root root'"),
        ("dfpre:012345", ""),
        ("dfpost:1bcdef0 dfblob:0123456789AB", "root root'"),
        ("dfpost:1bcdef0123456", ""),
        ("1bcdef01 nq:0011*", "root root'"),
        ("patchid:00112233445566778899aabbccddeeff00112233 AND d:..20200105", "root root'"),
        ("nq:\"change-id:2020-thing-1\" changeid:2020-thing-1", "root root'"),
        ("forpatchid:00ff references:<root@x>", "re"),
        ("m:root", "root root'"),
        ("mid:root@x", "root root'"),
        ("mid:root@x mid:re@x", "re root root'"),
        ("mid:root@x AND mid:re@x", ""),
        ("l:two", "re root root'"),
        ("lid:<TWO.example.org>", "re root root'"),
        ("lid:one.example.org l:two", "root root'"),
        ("NOT l:two", "late other"),
        ("d:20200105", "re root root'"),
        ("d:20200105..20200105", "root root'"),
        ("d:..20200105", "other root root'"),
        ("d:2.days.ago..", "late"),
        ("d:202001 -d:2020-01-06..", "other root root'"),
        ("dt:20200105000000..20200105000000 rt:20200106..20200106", "root root'"),
        ("z:..300", "other"),
        ("z:64k..", "late"),
        ("thread:{q:patch}", "re root root'"),
        ("thread:re@x s:rewriting", "re root root'"),
        ("rev:2 rev:v2.. is:patch trailer:fixes trailer:Fixes:\"0123 (\"\"a b\"\")\"", "root root'"),
        ("id:\"call reserved\"", "root root'"),
        ("id:call_reserved id:rewr*", "root root'"),
        ("id:\"reserved rewrite\"", ""),
        ("reserved", ""),
        ("is:event", ""),
        ("mech:site-call", "late re root root'"),
        ("mech:site-call -references:root@x", "late root root'"),
    ] {
        assert_eq!(shelf.find(query), expected, "{query}");
    }
}

#[test]
fn operators_combine() {
    let shelf = shelf();
    for (query, expected) in [
        ("s:plan OR q:patch", "late re"),
        ("s:rewriting NOT q:patch", "root root'"),
        ("s:rewriting -q:patch", "root root'"),
        ("NOT s:rewriting", "late other"),
        // A query of hated words alone wants them all, as on lore (tests/it/parity.rs asks public-inbox).
        ("-s:rewriting -s:plan", ""),
        ("-s:rewriting", "re root root'"),
        ("s:rewriting XOR q:patch", "root root'"),
        ("s:rewriting XOR q:patch XOR s:plan", "late root root'"),
        ("one NEAR/2 three", "other"),
        ("three NEAR/2 one", "other"),
        ("three NEAR/1 one", ""),
        ("one ADJ/2 three", "other"),
        ("three ADJ/2 one", ""),
        ("one ADJ/1 three", ""),
        ("far ADJ/4 one ADJ three", "other"),
        ("thr* AND \"two three\"", "other"),
        ("as-of:2020-01-06 s:plan", "late"),
    ] {
        assert_eq!(shelf.find(query), expected, "{query}");
    }
}

#[test]
fn parts_of_identifiers_on_demand() {
    let mut shelf = shelf();
    shelf.ident = true;
    assert_eq!(shelf.find("reserved"), "root root'");
    assert_eq!(shelf.find("s:reserved"), "");
}

#[test]
fn commits_are_asked_for() {
    let mut shelf = shelf();
    assert_snapshot!(shelf.find("landed:yes"), @r"
    `landed:` needs commits, and none are indexed; attach a tree with `provenance index --repo PATH`
      landed:yes
      ~~~~~~~~~^
    ");
    shelf.commits = true;
    assert_eq!(shelf.find("landed:yes"), "root root'");
    assert_eq!(shelf.find("landed:no"), "re");
    assert_eq!(shelf.find("commit:abcdef01"), "late");
}

#[test]
fn wrong_values_are_told() {
    let shelf = shelf();
    let queries = [
        "dfpre:xyz",
        "is:patches",
        "z:much",
        "rev:x",
        "landed:maybe",
        "commit:12",
        "mech:sight-call",
        "d:20201301",
        "s:x d:..31",
    ];
    let told: Vec<_> = queries.iter().map(|query| shelf.find(query)).collect();
    assert_snapshot!(told.join("\n"));
}

#[test]
fn lowering_tells_what_it_did() {
    let shelf = shelf();
    let ast = parse("mech:site-call d:2.days.ago.. as-of:2020-01-09 l:two -\"text poke\"").unwrap();
    let lowered = lower(&ast, &shelf).unwrap();
    assert!(lowered.uses_catalogue);
    assert_eq!(lowered.as_of, Some(1_577_836_800 + 9 * 86_400 - 1));
    assert!(lowered.words.contains(&Match::Exact(vec!["site_call".into()])));
    let told = explain(&ast, &lowered);
    assert!(told.lines().all(|line| line.chars().count() <= 80));
    assert_snapshot!(told.split("tantivy").next().unwrap());
}

#[test]
fn the_deepest_query_fits_the_stack() {
    let shelf = shelf();
    let deep = format!("{}b{}", "a OR NOT (".repeat(200), ")".repeat(200));
    // An even number of negations of nothing leaves the outermost word.
    assert_eq!(shelf.find(&deep), "late");
}
