use super::*;

const MAIL: &str = "From: =?UTF-8?q?Bj=C3=B6rn?= Example <b@example.org>\nTo: list@lists.example, me@example.org\n\
    Cc: \"C, D\" <c@example.org>, B@example.org, hidden@xxxxxxxxxxx\nSubject: [PATCH 2/3] x: y\nMessage-ID: <two@example.org>\n\
    References: <zero@example.org>\n <one@example.org>\nIn-Reply-To: <one@example.org>\n\
    Date: Wed, 11 Dec 2019 13:30:13 +0100\n\nWhy.\n\nSigned-off-by: B <b@example.org>\n---\n a.c | 1 +\n\n\
    diff --git a/a.c b/a.c\n--- a/a.c\n+++ b/a.c\n@@ -1 +1,2 @@\n a\n+b\n-- \n2.20\n";

fn me() -> Identity {
    let from = Address { name: Some("Me Myself".into()), address: "me@example.org".into() };
    Identity { from, signature: "me".into() }
}

#[test]
fn a_group_reply_threads_and_quotes() {
    let message = Message::parse(MAIL.as_bytes());
    let draft = compose(
        &Original { message: &message, remarks: &[(10, "why b?".into())], endorsement: None, trimmed: false },
        &me(),
    );
    insta::assert_snapshot!(draft, @r#"
From: Me Myself <me@example.org>
To: =?UTF-8?q?Bj=C3=B6rn_Example?= <b@example.org>
Cc: list@lists.example,
 "C, D" <c@example.org>
Subject: Re: [PATCH 2/3] x: y
In-Reply-To: <two@example.org>
References: <zero@example.org>
 <one@example.org>
 <two@example.org>
MIME-Version: 1.0
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: 8bit

On 2019-12-11 12:30 UTC, Björn Example wrote:
> Why.
>
> Signed-off-by: B <b@example.org>
> ---
>  a.c | 1 +
>
> diff --git a/a.c b/a.c
> --- a/a.c
> +++ b/a.c
> @@ -1 +1,2 @@
>  a

why b?

> +b

-- 
me
"#);
    let again = Message::parse(draft.as_bytes());
    assert_eq!(again.references, ["zero@example.org", "one@example.org", "two@example.org"]);
    assert_eq!(again.subject, "Re: [PATCH 2/3] x: y");
    assert_eq!(again.cc.len(), 2);
}

#[test]
fn an_endorsement_quotes_the_message_alone() {
    let message = Message::parse(MAIL.as_bytes());
    let original = Original { message: &message, remarks: &[], endorsement: Some(Endorsement::Acked), trimmed: false };
    let draft = compose(&original, &me());
    assert!(draft.contains("\nAcked-by: Me Myself <me@example.org>\n"), "{draft}");
    assert!(draft.contains("> Why.") && !draft.contains("diff --git"), "{draft}");
}

#[test]
fn a_hostile_mail_adds_no_header() {
    let raw = "From: x <x@example.org>\nSubject: =?UTF-8?q?a=0ABcc:_evil@example.org?=\nMessage-ID: <a@b>\n\nhi\n";
    let message = Message::parse(raw.as_bytes());
    let draft = compose(&Original { message: &message, remarks: &[], endorsement: None, trimmed: false }, &me());
    let head = draft.split("\n\n").next().expect("a header");
    assert!(!head.lines().any(|line| line.to_ascii_lowercase().starts_with("bcc")), "{head}");
}

#[test]
fn encoded_words_decode_to_what_they_encode() {
    let subject = "Re: [PATCH] Übergröße — 日本語の件名 ".repeat(4);
    let raw = format!("Subject: {}\n\n", encoded_word::encode(subject.trim()));
    assert!(raw.lines().all(|line| line.len() <= 78 + "Subject: ".len()), "{raw}");
    assert_eq!(Message::parse(raw.as_bytes()).subject, subject.trim());
}
