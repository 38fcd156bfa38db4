#!/usr/bin/env python3
"""Compares whom our reading of MAINTAINERS names with what the tree's own scripts/get_maintainer.pl names.

usage: maintainers.py PROGRAM DATA TREE [PATCHES [EVERY]]

PROGRAM is ours, DATA a data directory with patches indexed, TREE an unpacked kernel tree (Debian's linux-source packages hold
one) with its script, which is run and not copied. Of the indexed patches one of EVERY (8) is taken, and of these PATCHES (500) are given to both; printed is for how many the
sets of addresses are equal, and each difference.
"""
import email
import os
import re
import subprocess
import sys
import tempfile

program, data, tree = sys.argv[1:4]
wanted = int(sys.argv[4]) if len(sys.argv) > 4 else 500
every = sys.argv[5] if len(sys.argv) > 5 else "8"
# The script looks for these, to know that it is in a kernel tree.
for name in ["Documentation", "arch", "include", "drivers", "fs", "init", "ipc", "kernel", "lib", "scripts"]:
    os.makedirs(os.path.join(tree, name), exist_ok=True)
ours = subprocess.run(
    [program, "--data-dir", data, "__score", "maintainers", "--tree", tree, "--every", every], capture_output=True, text=True, check=True
).stdout.splitlines()
step = max(1, len(ours) // wanted)
equal = different = refused = 0
for line in ours[::step][:wanted]:
    message_id, ours_say = line.split("\t")
    raw = subprocess.run([program, "--data-dir", data, "show", message_id, "-f", "raw"], capture_output=True).stdout
    mail = email.message_from_bytes(raw)
    parts = [part for part in mail.walk() if part.get_content_maintype() == "text"]
    text = b"".join(part.get_payload(decode=True) or b"" for part in parts).replace(b"\r\n", b"\n")
    with tempfile.NamedTemporaryFile(suffix=".patch") as file:
        file.write(text)
        file.flush()
        run = subprocess.run(
            ["perl", "scripts/get_maintainer.pl", "--no-git", "--no-git-fallback", "--no-rolestats", "--no-n", file.name],
            cwd=tree, capture_output=True, text=True, errors="replace",
        )
    theirs = sorted({re.sub(r"^.*<(.*)>.*$", r"\1", a).strip().lower() for a in run.stdout.splitlines() if a.strip()})
    if run.returncode and not theirs:
        refused += 1
    elif theirs == ours_say.split():
        equal += 1
    else:
        different += 1
        more, less = set(ours_say.split()) - set(theirs), set(theirs) - set(ours_say.split())
        print(f"{message_id}\n  ours alone {' '.join(sorted(more)) or '-'}\n  theirs alone {' '.join(sorted(less)) or '-'}")
print(f"equal {equal}, different {different}, refused by the script {refused}")
