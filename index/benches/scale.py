#!/usr/bin/env python3
"""Repeats the mails of some clones with rewritten ids: scale.py ARCHIVES OUT COPIES EPOCHS

Makes OUT/scale/git/0.git .. with COPIES times the mails, whose Message-ID, In-Reply-To and References carry the
number of the copy, so that each copy is a set of mails and threads of its own."""

import pathlib
import re
import subprocess
import sys

from export import mails

IDS = re.compile(rb"^(message-id|in-reply-to|references):((?:[^\n]|\n[ \t])*)", re.I | re.M)


def rewritten(mail, copy):
    end = mail.find(b"\n\n")
    head, body = (mail, b"") if end < 0 else (mail[:end], mail[end:])
    mark = b"<%d." % copy
    return IDS.sub(lambda m: m[1] + b":" + m[2].replace(b"<", mark), head) + body


def main():
    archives, out, copies, epochs = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    sources = [str(e) for e in sorted(archives.glob("*/git/[0-9]*.git"))]
    for epoch in range(epochs):
        git = out / "scale" / "git" / f"{epoch}.git"
        subprocess.run(["git", "init", "--quiet", "--bare", "-b", "master", str(git)], check=True)
        importer = subprocess.Popen(["git", "-C", str(git), "fast-import", "--quiet"], stdin=subprocess.PIPE)
        write, number = importer.stdin.write, 0
        for copy in range(epoch, copies, epochs):
            for source in sources:
                for mail in mails(source):
                    mail = rewritten(mail, copy) if copy else mail
                    number += 1
                    write(b"commit refs/heads/master\ncommitter a <a@example.org> %d +0000\ndata 1\nm\n" % (1500000000 + number))
                    write(b"M 100644 inline m\ndata %d\n" % len(mail))
                    write(mail)
                    write(b"\n")
        importer.stdin.close()
        if importer.wait():
            sys.exit("fast-import failed")
        print(f"# epoch {epoch}: {number} mails", file=sys.stderr)


main()
