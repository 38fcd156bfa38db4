#!/usr/bin/env python3
"""A git repository in the shape of a kernel tree, for timing `index --repo`: tree.py DIRECTORY [FILES COMMITS].

As many files in as deep and as wide directories as linux.git has; each commit changes some lines of one to three files, and
has a message with trailers. The same numbers give the same repository."""

import random
import subprocess
import sys

TOPS = ["arch", "block", "drivers", "fs", "include", "kernel", "lib", "mm", "net", "sound", "tools"]


def main():
    place = sys.argv[1]
    files, commits = (int(n) for n in (sys.argv[2:4] or (70_000, 20_000)))
    chance = random.Random(1)
    subprocess.run(["git", "init", "-q", "--bare", place], check=True)
    pipe = subprocess.Popen(["git", "-C", place, "fast-import", "--quiet"], stdin=subprocess.PIPE)
    out = pipe.stdin

    def data(text):
        raw = text.encode()
        out.write(b"data %d\n%s\n" % (len(raw), raw))

    def body(number):
        return [f"static int value_{number}_{line}(void); /* {chance.getrandbits(64):016x} */\n" for line in range(40)]

    # A hundred wide directories below each top, deep ones below some of those.
    paths = []
    for number in range(files):
        top, wide = TOPS[number % len(TOPS)], f"part{number // len(TOPS) % 100}"
        deep = f"/sub{number % 7}" if number % 3 else ""
        paths.append(f"{top}/{wide}{deep}/file{number}.c")
    contents = {}

    def commit(at, subject, changed):
        when = 1_500_000_000 + at * 600
        out.write(b"commit refs/heads/master\n")
        out.write(b"author Ada Example <ada@example.org> %d +0000\n" % when)
        out.write(b"committer Bob Example <bob@example.org> %d +0000\n" % (when + 60))
        data(f"{subject}\n\nWhat was wrong is told here in a few lines, as it is in most commits;\nand why it is right now.\n\n"
             f"Fixes: {chance.getrandbits(48):012x} (\"something older\")\nSigned-off-by: Ada Example <ada@example.org>\n"
             f"Reviewed-by: Eve Example <eve@example.org>\nSigned-off-by: Bob Example <bob@example.org>\n"
             f"Link: https://lore.kernel.org/r/{at}.made@example.org\n")
        for number in changed:
            out.write(f"M 100644 inline {paths[number]}\n".encode())
            data("".join(contents[number]))
        out.write(b"\n")

    for number in range(files):
        contents[number] = body(number)
    commit(0, "all of it", range(files))
    for at in range(1, commits):
        changed = [chance.randrange(files) for _ in range(chance.choice([1, 1, 2, 3]))]
        for number in changed:
            line = chance.randrange(40)
            contents[number][line:line + 2] = body(number)[line:line + 2]
        top = paths[changed[0]].split("/")
        commit(at, f"{top[0]}/{top[1]}: change number {at} of what file{changed[0]} does", changed)
    out.close()
    sys.exit(pipe.wait())


main()
