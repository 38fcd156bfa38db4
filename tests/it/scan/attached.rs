//! Images that are attached: listed, asked by the ownership rule, refused where they are none.

use super::build;
use crate::harness::{User, mail};

const TAKES: &str = "Take it.\n\nSigned-off-by: Ada Example <ada@example.org>\n---\n\
    diff --git a/kernel/bpf/taker.c b/kernel/bpf/taker.c\nnew file mode 100644\n--- /dev/null\n+++ b/kernel/bpf/taker.c\n\
    @@ -0,0 +1,8 @@\n+int busy(void)\n+{\n+\treturn 0;\n+}\n+int attach(void *to)\n+{\n\
    +\treturn bpf_arch_text_poke(&busy, BPF_MOD_JUMP, NULL, to);\n+}\n-- \n2.39\n";

#[test]
fn an_attached_image_is_listed_and_asked() {
    let user = User::new();
    let Some(_) = build::vmlinux(&user, "vmlinux", &[]) else { return };
    user.run(["index", "--image", "vmlinux"]).ok();
    let again = user.run(["index", "--image", "vmlinux"]).ok().all();
    assert!(again.contains("already attached"), "{again}");
    let patch = mail("takes@made.example", "[PATCH] bpf: take it", &[], TAKES).replace("Date: ", "X-Date: ").replacen(
        "X-Date: ",
        "Date: Mon, 02 Mar 2020 10:00:00 +0000\nX-Date: ",
        1,
    );
    user.write("takes.eml", patch);
    let said = user.run(["check", "takes.eml"]).ends(1);
    assert!(said.out.contains("takes five bytes that"), "{}", said.out);
    let flat = said.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("image Linux 6.1.0-made: busy+0: ftrace"), "{}", said.out);
    user.run(["index", "takes.eml"]).ok();
    let status = user.run(["status"]).ok().out;
    assert!(status.contains("6.1.0-made") && status.contains("vmlinux"), "{status}");
}

#[test]
fn what_is_no_image_is_not_attached() {
    let user = User::new();
    user.write("words", "words");
    let said = user.run(["index", "--image", "words"]).ends(3);
    assert!(said.err.contains("provenance scan PATH"), "{}", said.err);
    let said = user.run(["index", "--image", "nowhere"]).ends(3);
    assert!(said.err.contains("nowhere"), "{}", said.err);
    assert!(!user.path(".local/share/provenance/images.json").exists());
}
