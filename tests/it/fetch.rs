//! `fetch` against a real public-inbox-httpd on loopback, and against servers that misbehave.

mod httpd;
mod server;

use httpd::Httpd;
use server::{Reply, Server};

use crate::harness::{Inbox, User, archives, mail};

/// Mails that are indexed.
fn mails(user: &User) -> u64 {
    let said = user.run(["status", "-f", "json"]);
    serde_json::from_str::<serde_json::Value>(&said.out).map_or(0, |value| value["mails"].as_u64().expect("a number"))
}

fn made(dir: &std::path::Path) -> Inbox {
    let mut inbox = Inbox::new(dir);
    inbox.add(mail("root@made.example", "[PATCH] made: root", &[], "A root.\n"));
    inbox.add(mail("odd/id+1%2@made.example", "Re: [PATCH] made: root", &["root@made.example"], "An answer.\n"));
    inbox.add(mail("other@made.example", "another matter", &[], "Elsewhere.\n"));
    inbox
}

#[test]
fn threads_and_lists_of_a_real_server() {
    let user = User::new();
    let mut inbox = made(&user.path("made"));
    let Some(httpd) = Httpd::start(&user, "made", &inbox.dir) else { return };
    let list = format!("{}/made", httpd.url);
    let said = user.run(["fetch", "--server", &list, "odd/id+1%2@made.example"]).ok();
    assert!(said.err.contains("2 mails imported"), "{}", said.err);
    assert!(said.err.contains("provenance thread 'odd/id+1%2@made.example'"), "{}", said.err);
    assert_eq!(mails(&user), 2);
    let thread = user.run(["thread", "root@made.example"]).ok();
    assert!(thread.out.contains("made: root"), "{}", thread.out);

    let again = user.run(["fetch", &format!("{list}/root@made.example/T/#u")]).ok();
    assert!(again.err.contains("0 mails imported, 2 known already"), "{}", again.err);

    let whole = user.run(["fetch", &list]).ok();
    assert!(whole.err.contains("made: 1 epoch (1 new)"), "{}", whole.err);
    assert_eq!(mails(&user), 5, "two imported before, three of the list");
    let same = user.run(["fetch", "--server", &httpd.url, "made"]).ok();
    assert!(same.err.contains("1 epoch (1 as before)") && same.err.contains("nothing new"), "{}", same.err);
    inbox.add(mail("new@made.example", "news", &[], "New.\n"));
    httpd.index(&inbox.dir);
    let more = user.run(["fetch", &list]).ok();
    assert!(more.err.contains("1 epoch (1 changed)"), "{}", more.err);
    user.run(["show", "new@made.example"]).ok();

    let gone = user.run(["fetch", "--server", &list, "nobody@made.example"]).ends(3);
    assert!(gone.err.contains("is not there (404)") && gone.err.contains("hint: check the id"), "{}", gone.err);
    let nowhere = user.run(["fetch", &format!("{}/nolist", httpd.url)]).ends(3);
    assert!(nowhere.err.contains("git could not read") || nowhere.err.contains("404"), "{}", nowhere.err);
    let host = httpd.url.trim_start_matches("http://").replace(':', "_");
    let lists = user.path(".local/share/provenance/lists").join(host);
    assert!(lists.join("made").is_dir() && !lists.join("nolist").exists());
}

/// Makes the tree of a v1 inbox hold one more mail.
fn add_v1(repository: &git2::Repository, name: &str, text: String) {
    let tip = repository.head().ok().and_then(|head| head.peel_to_commit().ok());
    let mut builder = git2::build::TreeUpdateBuilder::new();
    let blob = repository.blob(text.as_bytes()).expect("a blob");
    builder.upsert(format!("{}/{}", &name[..2], &name[2..]), blob, git2::FileMode::Blob);
    let empty = repository.treebuilder(None).and_then(|tree| tree.write()).expect("a tree");
    let base = tip.as_ref().map_or(empty, git2::Commit::tree_id);
    let base = repository.find_tree(base).expect("a tree");
    let tree = builder.create_updated(repository, &base).and_then(|id| repository.find_tree(id)).expect("a tree");
    let who = git2::Signature::new("Ada", "ada@example.org", &git2::Time::new(1_700_000_000, 0)).expect("a signature");
    let parents: Vec<&git2::Commit<'_>> = tip.iter().collect();
    repository.commit(Some("HEAD"), &who, &who, "mail", &tree, &parents).expect("a commit");
}

#[test]
fn a_v1_list_is_one_repository() {
    let user = User::new();
    let inbox = user.path("old.git");
    let mut options = git2::RepositoryInitOptions::new();
    let repository = git2::Repository::init_opts(&inbox, options.bare(true).initial_head("master")).expect("bare");
    add_v1(&repository, "00112233445566778899aabbccddeeff00112233", mail("one@old.example", "old news", &[], "One.\n"));
    let Some(httpd) = Httpd::start(&user, "old", &inbox) else { return };
    let list = format!("{}/old", httpd.url);
    let said = user.run(["fetch", &list]).ok();
    assert!(said.err.contains("old: a v1 repository (1 new)"), "{}", said.err);
    user.run(["show", "one@old.example"]).ok();
    let same = user.run(["fetch", &list]).ok();
    assert!(same.err.contains("(1 as before)") && same.err.contains("nothing new"), "{}", same.err);
    add_v1(&repository, "ff112233445566778899aabbccddeeff00112233", mail("two@old.example", "newer", &[], "Two.\n"));
    httpd.index(&inbox);
    let more = user.run(["fetch", &list]).ok();
    assert!(more.err.contains("(1 changed)"), "{}", more.err);
    user.run(["show", "two@old.example"]).ok();
    assert_eq!(mails(&user), 2);
}

#[test]
fn a_real_list_is_fetched_by_its_epochs() {
    let Some(archives) = archives() else { return };
    let user = User::new();
    let clone = user.path("xdp-newbies");
    let copied = std::process::Command::new("cp").arg("-r").arg(archives.join("xdp-newbies")).arg(&clone).status();
    assert!(copied.expect("cp starts").success());
    let Some(httpd) = Httpd::start(&user, "xdp-newbies", &clone) else { return };
    let lists = user.path(".local/share/provenance/lists");
    std::fs::create_dir_all(&lists).expect("made");
    let other = std::fs::File::create(lists.join("index.lock")).expect("made");
    other.lock().expect("locked");
    let refused = user.run(["fetch", "--server", &httpd.url, "xdp-newbies"]);
    assert!(refused.code == 19 && refused.err.contains("another process is fetching a list"), "{}", refused.err);
    drop(other);
    let said = user.run(["fetch", "--server", &httpd.url, "xdp-newbies"]).ok();
    assert!(said.err.contains("xdp-newbies: 1 epoch (1 new)"), "{}", said.err);
    let direct = User::new();
    direct.run(["index".as_ref(), archives.join("xdp-newbies").as_os_str()]).ok();
    assert_eq!(mails(&user), mails(&direct));
}

#[test]
fn what_the_catalogue_names_is_fetched_once() {
    let user = User::new();
    let id = "20220815111658.58d75672@gandalf.local.home";
    let mut inbox = Inbox::new(&user.path("made"));
    inbox.add(mail(id, "a mail that the catalogue names", &[], "Not the real one.\n"));
    let Some(httpd) = Httpd::start(&user, "made", &inbox.dir) else { return };
    let fetch = ["fetch", "--catalogue", "--pause", "0", "--server", &format!("{}/made", httpd.url)];
    let said = user.run(fetch).ends(3);
    assert!(said.err.contains("0 here before, 1 with their threads fetched"), "{}", said.err);
    let again = user.run(fetch).ends(3);
    assert!(again.err.contains("1 here before, 0 with their threads fetched"), "{}", again.err);
}

/// A mbox of one mail, compressed.
fn mbox(id: &str) -> Vec<u8> {
    mbox_of(id, "made", &[])
}

fn mbox_of(id: &str, subject: &str, answers: &[&str]) -> Vec<u8> {
    let text = format!("From mboxrd@z Thu Jan  1 00:00:00 1970\n{}\n", mail(id, subject, answers, "Words.\n"));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, text.as_bytes()).expect("memory");
    gzip.finish().expect("memory")
}

const ID: &str = "one@made.example";

#[test]
fn answers_that_are_no_thread_are_refused_and_nothing_is_kept() {
    let whole = mbox(ID);
    let bomb = {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        for _ in 0..300 {
            std::io::Write::write_all(&mut gzip, &vec![b'\n'; 1 << 20]).expect("memory");
        }
        gzip.finish().expect("memory")
    };
    let cases = [
        (Reply::ok("text/html", b"<html>search</html>".to_vec()), "text/html, not with a compressed mbox"),
        (Reply::ok("application/gzip", Vec::new()), "not with a compressed mbox"),
        (Reply::ok("application/gzip", whole[..whole.len() - 9].to_vec()), "is damaged"),
        (
            Reply::ok("application/gzip", mbox("two@made.example")),
            "another thread: none of its 1 mails is one@made.example or refers to it",
        ),
        (Reply::ok("application/gzip", bomb), "is larger than 256 MB"),
        (Reply::ok("application/gzip", whole.clone()).cut(40), "broke off after 40 bytes"),
        (Reply::status(500), "refused by the server: 500"),
        (Reply::status(404), "is not there (404)"),
        (Reply::redirect("/all/again"), "more than 5 times"),
        (Reply::redirect("file:///etc/passwd"), "is redirected to what is no address"),
        (Reply::nothing(), "cannot be read"),
        (Reply::silence(), "cannot be read"),
    ];
    for (reply, why) in cases {
        let user = User::new();
        let server = Server::start(move |_| reply.clone());
        let said = user.run(["fetch", "--timeout", "2", "--server", &server.url, ID]).ends(3);
        let (error, hint) = said.err.split_once("hint: ").unwrap_or((&said.err, ""));
        assert!(error.contains(why) && !hint.is_empty(), "{why}: {}", said.err);
        assert_eq!(mails(&user), 0, "{why}");
        let left = std::fs::read_dir(user.path(".local/share/provenance")).into_iter().flatten().flatten();
        assert!(left.count() == 0, "{why}");
        assert!(!user.path(".local/share/provenance/mail").exists(), "{why}");
    }
}

#[test]
fn a_server_without_time_is_asked_again() {
    let user = User::new();
    let server = Server::start(|n| match n {
        0 => Reply::status(429).header("Retry-After", "0"),
        1 => Reply::status(503).header("Retry-After", "0"),
        _ => Reply::ok("application/gzip", mbox(ID)),
    });
    let said = user.run(["fetch", "--server", &server.url, ID]).ok();
    assert!(
        said.err.contains("(429)") && said.err.contains("(503)") && said.err.contains("1 mail imported"),
        "{}",
        said.err
    );
    let asked = server.asked();
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(asked[0].starts_with(&format!("GET /all/{ID}/t.mbox.gz HTTP/1.1")), "{asked:?}");
    assert!(asked[0].to_lowercase().contains("user-agent: provenance/"), "{asked:?}");

    let busy = Server::start(|_| Reply::status(503).header("Retry-After", "0"));
    let said = user.run(["fetch", "--server", &busy.url, ID]).ends(3);
    assert!(said.err.contains("the server is busy (503), gave up after 5 tries"), "{}", said.err);
    assert_eq!(busy.asked().len(), 5);
}

#[test]
fn a_wait_without_end_is_not_waited() {
    let user = User::new();
    let busy = Server::start(|_| Reply::status(503).header("Retry-After", "86400"));
    let said = user.run(["fetch", "--server", &busy.url, ID]).ends(3);
    assert!(said.err.contains("after 1 try; it asks for 86400 s"), "{}", said.err);
    assert_eq!(busy.asked().len(), 1);
}

#[test]
fn another_host_is_followed_only_where_that_was_asked_for() {
    let user = User::new();
    let there = Server::start(|_| Reply::ok("application/gzip", mbox(ID)));
    let elsewhere = there.url.replace("127.0.0.1", "localhost");
    let server = Server::start(move |_| Reply::redirect(&format!("{elsewhere}/x/t.mbox.gz")));
    let said = user.run(["fetch", "--server", &server.url, ID]).ends(3);
    assert!(said.err.contains("is redirected to another host: http://localhost:"), "{}", said.err);
    assert!(said.err.contains("--redirects") && there.asked().is_empty(), "{}", said.err);
    let said = user.run(["fetch", "--redirects", "--server", &server.url, ID]).ok();
    assert!(
        said.err.contains("is redirected to http://localhost:") && said.err.contains("1 mail imported"),
        "{}",
        said.err
    );
}

#[test]
fn what_belongs_to_no_thread_that_was_asked_for_is_left_out() {
    let user = User::new();
    let mut came =
        vec![mbox_of("below@made.example", "an answer", &[ID]), mbox_of("beside@made.example", "Re: an answer", &[])];
    for n in 0..50 {
        came.push(mbox_of(&format!("foreign-{n}@made.example"), "spam", &["nobody@made.example"]));
    }
    let came = came.concat();
    let server = Server::start(move |_| Reply::ok("application/gzip", came.clone()));
    // The mail itself is gone; an answer to it is not.
    let said = user.run(["fetch", "--server", &server.url, ID]).ok();
    assert!(said.err.contains("50 mails of other threads came along and were left out"), "{}", said.err);
    assert_eq!(mails(&user), 2);
}

#[test]
fn a_silent_server_does_not_keep_git_waiting() {
    let user = User::new();
    // No manifest; then git asks.
    let server = Server::start(|n| if n == 0 { Reply::status(404) } else { Reply::silence() });
    let said = user.run(["fetch", "--timeout", "1", &format!("{}/made", server.url)]).ends(3);
    assert!(said.err.contains("git could not read") && said.err.contains("too slow"), "{}", said.err);
}

#[test]
fn manifests_that_make_no_sense_are_refused() {
    let gz = |text: &[u8]| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, text).expect("memory");
        gzip.finish().expect("memory")
    };
    let outside = br#"{"/../../x.git":{},"/other/git/0.git":{},"ssh://h/made/git/0.git":{},"/made/git/-1.git":{}}"#;
    for (body, why) in [
        (gz(outside), "it names neither `/made/git/N.git` nor `/made`"),
        (gz(b"[1, 2]"), "makes no sense"),
        (gz(&vec![b' '; 20 << 20]), "it has more than 16 MB"),
        (b"<html>".to_vec(), "not with a manifest"),
    ] {
        let user = User::new();
        let server = Server::start(move |_| Reply::ok("application/octet-stream", body.clone()));
        let said = user.run(["fetch", &format!("{}/made", server.url)]).ends(3);
        assert!(said.err.contains(why), "{why}: {}", said.err);
    }
}

#[test]
fn nothing_of_the_tree_in_the_current_directory_counts() {
    let user = User::new();
    let server = Server::start(|_| Reply::ok("application/gzip", mbox(ID)));
    let git = |arguments: &[&str]| {
        let done = std::process::Command::new("git").arg("-C").arg(user.path("")).args(arguments).output();
        assert!(done.expect("git starts").status.success());
    };
    git(&["init", "-q"]);
    git(&["config", "provenance.server", "http://127.0.0.1:9/evil"]);
    user.write(".gitconfig", format!("[provenance]\n\tserver = {}\n", server.url));
    user.run(["fetch", ID]).ok();
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_thread_in_several_pieces_is_read_whole_and_a_search_is_no_list() {
    let user = User::new();
    let pieces = [mbox("two@made.example"), mbox(ID)].concat();
    let server = Server::start(move |_| Reply::ok("application/gzip", pieces.clone()));
    let said = user.run(["fetch", "--server", &server.url, ID]).ok();
    assert!(said.err.contains("2 mails imported"), "{}", said.err);
    user.run(["fetch", &format!("{}/made/?q=s:x", server.url)]).ends(2);
}

#[test]
fn names_that_name_nothing_are_usage_errors() {
    let user = User::new();
    for name in ["two words", "../etc", "--", "ftp://h/x"] {
        let said = user.run(["fetch", "--", name]).ends(2);
        assert!(
            said.err.contains("is neither a mail nor a list") || said.err.contains("not a server address"),
            "{}",
            said.err
        );
    }
    user.run(["fetch", "--server", "no address", "bpf"]).ends(2);
    user.run(["fetch"]).ends(2);
}
