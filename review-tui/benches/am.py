#!/usr/bin/env python3
"""`provenance am` beside `b4 am` on real series: how many come out equal, and why the others do not.

    review-tui/benches/am.py PROVENANCE DATA_DIR [--b4 B4] [--series N] [--verbose]

Both get the same mails: b4 the mbox that `provenance thread -f mboxrd` makes of the thread, offline. The version that b4
takes is asked of us too. What `git mailinfo` reads from each mail is compared: author, title, message and diff; trailers as
a set. A difference is told with what each of the two says of it; one that nothing explains is counted as such.
"""

import argparse
import collections
import email
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile

TRAILER = re.compile(r"^([A-Za-z][A-Za-z-]*-by|Fixes|Link|Closes|Cc|Message-Id): *(\S.*)$", re.I)


def run(words, **more):
    return subprocess.run(words, capture_output=True, **more)


def mails(raw, work):
    """Splits an mbox as git does; for each mail what git reads from it."""
    os.makedirs(work)
    box = os.path.join(work, "box")
    with open(box, "wb") as file:
        file.write(raw)
    split = run(["git", "mailsplit", f"-o{work}", box])
    found = []
    for number in range(1, int(split.stdout or b"0") + 1):
        path = os.path.join(work, f"{number:04}")
        with open(path, "rb") as file:
            mail = file.read()
        message, patch = path + ".msg", path + ".patch"
        info = run(["git", "mailinfo", message, patch], input=mail, cwd=work)
        fields = dict(line.split(": ", 1) for line in info.stdout.decode("utf-8", "replace").splitlines() if ": " in line)
        with open(message, encoding="utf-8", errors="replace") as file:
            text = file.read()
        with open(patch, "rb") as file:
            diff = file.read()
        lines = text.splitlines()
        trailers = [line for line in lines if TRAILER.match(line)]
        lines = [line for line in lines if not TRAILER.match(line)]
        found.append({
            "id": (email.message_from_bytes(mail)["message-id"] or "").strip("<> \n"),
            "author": (fields.get("Author"), fields.get("Email")),
            "title": fields.get("Subject"),
            "text": " ".join("\n".join(lines).split()),
            "trailers": {key(line): line for line in trailers},
            "diff": diff[max(diff.find(b"diff --git"), 0):].split(b"\n-- \n")[0].rstrip(),
        })
    return found


def key(line):
    """What two trailers are one by: name, and address or value."""
    name, value = TRAILER.match(line).groups()
    address = re.search(r"<([^>]*@[^>]*)>", value)
    return name.lower(), (address.group(1) if address else value.split(" #")[0]).strip().lower()


def version(subject):
    number = re.search(r"\[[^\]]*\bv(\d+(?:\.\d+)?)\b", subject or "", re.I)
    return number.group(1) if number else "1"


def differences(ours, theirs, said_ours, said_theirs, raw):
    """Each difference as (reason, detail)."""
    names = [one["id"] for one in theirs]
    if [one["id"] for one in ours] != names:
        extra = [one["id"] for one in ours if one["id"] not in names]
        lost = [name for name in names if name not in [one["id"] for one in ours]]
        if not extra and not lost:
            yield "the order of the patches", ""
        robot = [name for name in lost if "tip-bot" in name]
        if robot:
            yield "b4 takes a robot's word of a commit for the patch", robot[0]
            return
        if len(extra) == len(ours):
            yield "another sending of that version", f"{ours[0]['id']} / {names[0]}"
            return
        if extra:
            yield "patches that b4 leaves out", f"{len(extra)} of {len(ours)}: {extra[0]}"
        if lost:
            yield "patches that we leave out", f"{len(lost)} of {len(theirs)}: {lost[0]}"
    for one in ours:
        other = next((other for other in theirs if other["id"] == one["id"]), None)
        if other is None:
            continue
        if one["diff"] != other["diff"]:
            yield "the diff", one["id"]
        if one["title"] != other["title"]:
            yield "the title", f'{one["id"]}: {one["title"]} / {other["title"]}'
        if one["author"] != other["author"]:
            yield "the author", f'{one["id"]}: {one["author"]} / {other["author"]}'
        if one["text"] != other["text"]:
            yield "the message", one["id"]
        for lost in sorted(set(other["trailers"]) - set(one["trailers"])):
            line = other["trailers"][lost]
            why = next((said for said in said_ours if said.startswith("# not added") and lost[1] in said.lower()
                        and lost[0] + ":" in said.lower()), None)
            if why:
                reason = why.rsplit(": ", 1)[1]
                reason = re.sub(r"those of the sender, .*", "those of the sender", reason)
                reason = re.sub(r"the diff in .*", "a diff that somebody suggests", reason)
                yield f"b4 adds what we list: {reason}", f'{one["id"]}: {line}'
            else:
                yield "b4 adds, and we say nothing", f'{one["id"]}: {line}'
        for more in sorted(set(one["trailers"]) - set(other["trailers"])):
            line = one["trailers"][more]
            told = next((said for said in said_ours if line.lower() in said.lower()), "")
            if "given to v" in told or "given to RFC" in told:
                yield "we add what was given to an earlier version, patch-id equal", f'{one["id"]}: {line}'
            elif any(line.split(": ", 1)[1].lower() in said.lower() for said in said_theirs if "! Trailer" in said):
                yield "we add what b4 refuses by its address: the name is the sender's", f'{one["id"]}: {line}'
            else:
                yield "we add, and b4 does not", f'{one["id"]}: {line}   {told}'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("provenance")
    parser.add_argument("data")
    parser.add_argument("--b4", default="b4")
    parser.add_argument("--series", type=int, default=200)
    parser.add_argument("--verbose", action="store_true")
    asked = parser.parse_args()
    ours = [os.path.abspath(asked.provenance), "--data-dir", os.path.abspath(asked.data)]
    said = run(ours + ["query", "is:cover OR (is:patch NOT is:reply)", "--mail-only", "-n", "0", "-f", "jsonl"]).stdout
    hits = [json.loads(line) for line in said.splitlines()]
    # A robot's word of a commit is no series.
    ids = [hit["message_id"] for hit in hits if not hit["subject"].startswith("[tip")]
    # In an order that no list or year rules, the same in each run.
    ids.sort(key=lambda one: hashlib.sha1(one.encode()).digest())
    print(run([asked.b4, "--version"]).stdout.decode().strip() + ",", run(["git", "--version"]).stdout.decode().strip())
    reasons, examples = collections.Counter(), collections.defaultdict(list)
    equal = different = refused = neither = 0
    seen = set()
    with tempfile.TemporaryDirectory() as home:
        environment = dict(os.environ, HOME=home, XDG_CONFIG_HOME=home, XDG_DATA_HOME=home, XDG_CACHE_HOME=home)
        for number, name in enumerate(ids):
            if equal + different >= asked.series:
                break
            if name in seen:
                continue
            thread = os.path.join(home, "thread.mbox")
            with open(thread, "wb") as file:
                file.write(run(ours + ["thread", name, "-f", "mboxrd"]).stdout)
            b4 = run([asked.b4, "--offline-mode", "am", "-m", thread, "-o", "-", name], env=environment)
            start = b4.stdout.find(b"From git@z")
            theirs = mails(b4.stdout[max(start, 0):], os.path.join(home, f"{number}b")) if start >= 0 else []
            wanted = None
            if theirs:
                subject = email.message_from_bytes(b4.stdout[start:].split(b"\n", 1)[1])["subject"]
                wanted = version(str(email.header.make_header(email.header.decode_header(subject))))
            am = run(ours + ["am", theirs[0]["id"] if theirs else name] + (["-v", wanted] if wanted else []), env=environment)
            mine = mails(am.stdout, os.path.join(home, f"{number}p")) if am.returncode == 0 else []
            seen.update(one["id"] for one in theirs + mine)
            told_us = am.stderr.decode("utf-8", "replace").splitlines()
            told_b4 = b4.stderr.decode("utf-8", "replace").splitlines()
            if not mine and not theirs:
                neither += 1
                continue
            if not mine or not theirs:
                refused += 1
                which = f"b4 makes nothing of it: {told_b4[-1:]}" if mine else f"we refuse: {told_us[:1]}"
                reasons[which.split(":")[0]] += 1
                examples[which.split(":")[0]].append(f"{name} {which}")
                different += 1
                continue
            found = list(dict.fromkeys(differences(mine, theirs, told_us, told_b4, b4)))
            if found:
                different += 1
                for reason in dict.fromkeys(reason for reason, _ in found):
                    reasons[reason] += 1
                for reason, detail in found:
                    examples[reason].append(detail)
            else:
                equal += 1
    print(f"series {equal + different}: equal {equal}, different {different}; neither made a series of {neither} threads")
    for reason, count in reasons.most_common():
        print(f"{count:5}  {reason}")
        for example in examples[reason] if asked.verbose else []:
            print(f"         {example}")


if __name__ == "__main__":
    sys.exit(main())
