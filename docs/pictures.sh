#!/bin/sh
# Draws the pictures of the review desk: the real program, its built-in archive, no terminal.
# Usage: docs/pictures.sh [PROGRAM]
set -eu
cd "$(dirname "$0")/.."
program=${1:-target/release/provenance}
data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT
draw() { # NAME KEYS [ARGUMENT]
    name=$1 keys=$2
    shift 2
    TERM=xterm-256color COLORTERM=truecolor NO_COLOR='' "$program" review --data-dir "$data" --theme dark \
        --size 120x36 --picture svg --press "$keys" "$@" > "docs/pictures/$name.svg"
    echo "docs/pictures/$name.svg"
}
draw find 'j j' 'mech:static-call'
draw thread 'f ctrl-u "s:crowded" enter wait enter wait ] wait @ @ j j j'
draw lineage ':lineage space bpf-dispatcher enter wait j j'
draw lab ':lab space bpf-dispatcher enter wait r wait'
# A patch of our own that takes what is another's.
cat > "$data/takes.eml" << 'MAIL'
From: Ada Example <ada@example.org>
To: netdev@vger.kernel.org
Date: Mon, 2 Mar 2020 10:00:00 +0000
Subject: [PATCH bpf-next] bpf: jump from the entry of a function
Message-ID: <takes@provenance.example>

Let the entry jump to what was generated.

Signed-off-by: Ada Example <ada@example.org>
---
diff --git a/kernel/bpf/taker.c b/kernel/bpf/taker.c
new file mode 100644
--- /dev/null
+++ b/kernel/bpf/taker.c
@@ -0,0 +1,15 @@
+// SPDX-License-Identifier: GPL-2.0
+#include <linux/bpf.h>
+
+/* What everybody calls, until somebody attaches. */
+int taken(void *context)
+{
+	return 0;
+}
+
+int take(void *image)
+{
+	/* One jump instead of an indirect call. */
+	return bpf_arch_text_poke(&taken, BPF_MOD_JUMP,
+				  NULL, image);
+}
-- 
2.39
MAIL
"$program" --data-dir "$data" -q index "$data/takes.eml"
draw checks 'c wait' takes@provenance.example
