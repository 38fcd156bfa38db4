//! The text map: the functions of a patch in attached kernels, byte by byte.

use super::screen;
use crate::harness::{Inbox, User, mail};
use crate::scan::build;

const PATCH: &str = "Three functions.\n\nSigned-off-by: Ada Example <ada@example.org>\n---\n\
    diff --git a/kernel/made.c b/kernel/made.c\n--- a/kernel/made.c\n+++ b/kernel/made.c\n\
    @@ -10,3 +10,4 @@ int busy(void)\n \tone();\n+\ttwo();\n \tthree();\n }\n\
    @@ -40,3 +41,9 @@ static int inlined(void)\n \tfour();\n-\tfive();\n \treturn 0;\n }\n \n\
    +#define DEFINE_IT(name)\t\\\n+\tint name##_func(int x)\t\\\n+\t{\t\\\n+\t\treturn x;\t\\\n+\t}\n+\n-- \n2.39\n";

/// A user with a mail and two kernels; `None` without gcc.
fn user() -> Option<User> {
    let user = User::new();
    build::vmlinux(&user, "old", &["OLD=1", "ALT=12"])?;
    build::vmlinux(&user, "new", &[])?;
    let mut inbox = Inbox::new(&user.path("made"));
    inbox.add(mail("map@made.example", "[PATCH] made: three functions", &[], PATCH));
    inbox.add(mail("words@made.example", "no patch at all", &[], "Words.\n"));
    user.run(["index".as_ref(), inbox.dir.as_os_str()]).ok();
    Some(user)
}

#[test]
fn the_functions_of_a_patch_in_the_kernels_that_are_attached() {
    let Some(user) = user() else { return };
    let none = screen(&user, "80x24", "M wait", &["map@made.example"]);
    assert!(none.contains("provenance index --image VMLINUX"), "{none}");
    let said = user.run(["index", "--image", "new", "--image", "old"]).ok().all();
    assert!(said.contains("Linux 6.1.0-made is attached"), "{said}");
    for size in super::SIZES {
        insta::assert_snapshot!(format!("text-map-{size}"), screen(&user, size, "M wait", &["map@made.example"]));
    }
    let size = "80x24";
    insta::assert_snapshot!("text-map-bytes", screen(&user, size, "M wait k k tab @ @", &["map@made.example"]));
    insta::assert_snapshot!("text-map-other", screen(&user, size, "M wait ] wait", &["map@made.example"]));
    insta::assert_snapshot!("text-map-missing", screen(&user, size, "M wait k", &["map@made.example"]));
    insta::assert_snapshot!("text-map-owner", screen(&user, size, "M wait tab m wait", &["map@made.example"]));
    let words = screen(&user, size, "M wait", &["words@made.example"]);
    assert!(words.contains("there is no patch in this mail"), "{words}");
    std::fs::remove_file(user.path("old")).expect("it was there");
    let gone = screen(&user, size, "M wait", &["map@made.example"]);
    assert!(gone.contains("old:"), "{gone}");
}
