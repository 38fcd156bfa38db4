//! Completions and manual pages, made from the one definition of the command line.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;
use provenance_index::query::prefix::{Kind, Prefix};
use provenance_review::failure::{Exit, Failure};
use roff::{Roff, bold, roman};

/// `completions SHELL`
#[derive(Args)]
pub struct CompletionsArguments {
    /// Shell to print completions for
    shell: Shell,
}

/// `man DIR`
#[derive(Args)]
pub struct ManArguments {
    /// Directory for provenance.1, provenance-query.1, ..., provenance-search-terms.7
    dir: PathBuf,
}

/// Prints the completions of all subcommands and options for a shell.
pub fn completions(mut command: clap::Command, arguments: CompletionsArguments) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "provenance", &mut text);
    std::io::Write::write_all(&mut std::io::stdout(), &text)?;
    Ok(Exit::Done)
}

/// Writes a manual page for the program, one for each subcommand, and one for the query language.
pub fn man(command: clap::Command, arguments: ManArguments) -> Result<Exit, Failure> {
    let write = || {
        std::fs::create_dir_all(&arguments.dir)?;
        let version = command.get_version().unwrap_or_default().to_owned();
        std::fs::write(arguments.dir.join("provenance-search-terms.7"), search_terms(&version))?;
        clap_mangen::generate_to(command, &arguments.dir)
    };
    write().map_err(|e| {
        let mut failure =
            Failure::new(Exit::Unreadable, format!("cannot write manual pages into {}", arguments.dir.display()));
        failure.causes.push(e.to_string());
        failure
    })?;
    Ok(Exit::Done)
}

/// The page of the query language: its prefixes from the table that the parser reads.
fn search_terms(version: &str) -> String {
    let mut page = Roff::new();
    let title = format!("provenance {version}");
    page.control("TH", ["provenance-search-terms", "7", "", title.as_str(), "Provenance"]);
    let section = |page: &mut Roff, name: &str| {
        page.control("SH", [name]);
    };
    let entry = |page: &mut Roff, name: String, text: &str| {
        page.control("TP", []);
        page.text([bold(name)]);
        page.text([roman(text)]);
    };
    section(&mut page, "NAME");
    page.text([roman("provenance-search-terms - what `provenance query` and the review desk search for")]);
    section(&mut page, "DESCRIPTION");
    page.text([roman(
        "The query language is that of public-inbox, as on lore.kernel.org: words, and prefixes with a value. Words side by side \
         are all demanded. A prefix that public-inbox knows means here what it means there; the others are additions.",
    )]);
    for (ours, name) in [(false, "PREFIXES OF PUBLIC-INBOX"), (true, "FURTHER PREFIXES")] {
        section(&mut page, name);
        for prefix in Prefix::ALL.iter().filter(|prefix| prefix.is_ours() == ours) {
            let value = match prefix.kind() {
                Kind::Text => "WORDS",
                Kind::Filter => "VALUE",
                Kind::Range => "A..B",
            };
            entry(&mut page, format!("{}:{value}", prefix.name()), prefix.meaning());
        }
    }
    section(&mut page, "WORDS, VALUES AND RANGES");
    for (form, meaning) in [
        ("word", "the word and what has its stem: patches finds patching"),
        ("Word", "with a capital letter the word itself, not its stem"),
        ("word*", "all words that begin so"),
        ("\"two words\"", "both, in this order, side by side"),
        ("s:\"two words\"", "the same behind a prefix; WORDS may be in parentheses too"),
        ("A..B, A.., ..B", "from A to B, both included; an end may be left open"),
        ("d:2020.., d:2.weeks.ago..", "dates are days, in git's words too"),
        ("a <Message-ID>, or a link to an archive", "alone, that mail"),
    ] {
        entry(&mut page, form.to_owned(), meaning);
    }
    section(&mut page, "OPERATORS");
    for (form, meaning) in [
        ("A AND B, A B", "both"),
        ("A OR B", "any; it binds less tightly than AND"),
        ("A XOR B", "one of them and not the other"),
        ("A NOT B, A -B", "A without B"),
        ("NOT A", "everything else; alone, public-inbox refuses it"),
        (
            "-A",
            "alone, A itself: there is nothing to take it from, and lore reads the words without the sign, so that a compiler's flag is found",
        ),
        ("+A", "A is demanded beside alternatives"),
        ("A NEAR B, A NEAR/3 B, A ADJ B", "words within a distance of 10, or so many; ADJ: in this order"),
        ("( )", "grouping"),
    ] {
        entry(&mut page, form.to_owned(), meaning);
    }
    section(&mut page, "ARGUMENTS");
    page.text([roman(
        "As with lei, an argument of the command line that has blanks in it, and no quotes, prefix or operator inside, is a phrase. \
         Where nothing has the phrase, it is said how many its words find.",
    )]);
    section(&mut page, "EXAMPLES");
    for (query, meaning) in [
        ("provenance query s:livepatch f:mladek d:2023..", "mails of one person about one thing"),
        ("provenance query dfn:kernel/bpf/ dfb:text_poke", "patches that add text_poke to files of a directory"),
        ("provenance query 'trailer:reviewed-by:\"Ada Example\"'", "what somebody reviewed"),
        ("provenance query 'thread:{is:cover s:objtool}' f:peterz", "what somebody said in the threads of a query"),
        ("provenance query -f threads mech:ftrace", "one line for each thread"),
    ] {
        entry(&mut page, query.to_owned(), meaning);
    }
    section(&mut page, "SEE ALSO");
    page.text([bold("provenance-query"), roman("(1); "), bold("lei-q"), roman("(1)")]);
    page.render()
}
