#!/usr/bin/env python3
"""Writes every mail of the clones below a directory into a maildir: export.py ARCHIVES MAILDIR"""

import pathlib
import subprocess
import sys


def mails(git):
    """The raw mails of an epoch, oldest first."""
    log = subprocess.run(
        ["git", "-C", git, "log", "--reverse", "--first-parent", "--format=%H:m", "HEAD"],
        check=True, capture_output=True).stdout
    batch = subprocess.Popen(["git", "-C", git, "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for name in log.splitlines():
        batch.stdin.write(name + b"\n")
        batch.stdin.flush()
        header = batch.stdout.readline().split()
        if header[-1] == b"missing":
            continue
        body = batch.stdout.read(int(header[2]))
        batch.stdout.read(1)
        yield body
    batch.stdin.close()


def main():
    archives, maildir = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    for part in ("new", "tmp"):
        (maildir / part).mkdir(parents=True)
    # One folder a thousand mails deep is slow to list for everybody.
    for epoch in sorted(archives.glob("*/git/[0-9]*.git")):
        folder = maildir / epoch.parent.parent.name / "cur"
        for part in ("cur", "new", "tmp"):
            (folder.parent / part).mkdir(parents=True, exist_ok=True)
        for number, mail in enumerate(mails(str(epoch))):
            (folder / f"{number:06}:2,S").write_bytes(mail)


main()
