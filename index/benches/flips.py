#!/usr/bin/env python3
"""Flips single bytes of a data directory, and prints by kind of file what came of it: flips.py PROVENANCE DATA MSGID [FLIPS]

DATA is copied; the copy is damaged one byte at a time (with the times of the file put back) and restored. For each flip:
  same     every question was answered as before
  error    some question was refused, and none was answered otherwise
  silent   some question was answered otherwise than before, and ended well
  panic    the program panicked, or was killed
  verify   `status --verify` named something
  healed   after `index` every question was answered as before, and `status --verify` found nothing
Healing is tried for each flip that --verify named in a file that can be made anew. MSGID is a mail with a thread."""

import collections
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

US, DATA, ID = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
FLIPS = int(sys.argv[4]) if len(sys.argv) > 4 else 1_000
QUESTIONS = [
    ["query", "-n", "20", "-f", "jsonl", "trampoline"],
    ["query", "-n", "0", "-f", "jsonl", "s:ftrace"],
    ["query", "-n", "5", "dfb:text_poke_bp OR \"static call\""],
    ["query", "-n", "5", "mech:bpf-dispatcher"],
    ["thread", ID],
    ["show", ID],
    ["series", ID],
    ["dig", ID],
    ["status"],
]


def run(data, words):
    return subprocess.run([US, "--data-dir", str(data), *words], stdin=subprocess.DEVNULL, capture_output=True)


def answers(data):
    return [run(data, words) for words in QUESTIONS]


def panicked(said):
    return said.returncode < 0 or said.returncode == 101 or b"panicked at" in said.stderr


def kind(path):
    name = path.name
    if "events" in path.parts:
        return "events " + path.suffix
    if "mail" in path.parts and "git" in path.parts:
        return "store " + (path.suffix or name)
    return path.suffix if path.suffix not in ("", ".json", ".copy") else name


def main():
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as top:
        data, clean = pathlib.Path(top) / "data", pathlib.Path(top) / "clean"
        for place in (data, clean):
            shutil.copytree(DATA, place, symlinks=True)
        files = [path for path in sorted(data.rglob("*")) if path.is_file() and path.stat().st_size > 0]
        files = [path for path in files if path.name not in ("index.lock", "inbox.lock", "import.pid")]
        # Half of the flips by size, half by file: small files count too.
        sizes = [path.stat().st_size for path in files]
        before = answers(data)
        table = collections.defaultdict(collections.Counter)
        for number in range(FLIPS):
            path = chance.choices(files, sizes if number % 2 else None)[0]
            stat = path.stat()
            at, flip = chance.randrange(stat.st_size), chance.randrange(1, 256)
            mode = stat.st_mode
            os.chmod(path, 0o644)
            with open(path, "r+b") as file:
                file.seek(at)
                byte = file.read(1)[0]
                file.seek(at)
                file.write(bytes([byte ^ flip]))
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            said = answers(data)
            row = table[kind(path.relative_to(data))]
            row["flips"] += 1
            other = [a for a, b in zip(said, before) if a.stdout != b.stdout or a.returncode != b.returncode]
            refused = [a for a in other if a.returncode not in (0, 1)]
            outcome = "same"
            if any(panicked(a) for a in said):
                outcome = "panic"
            elif len(refused) < len(other):
                outcome = "silent"
            elif refused:
                outcome = "error"
            row[outcome] += 1
            verified = run(data, ["status", "--verify"])
            named = verified.returncode == 3
            row["verify"] += named
            if panicked(verified):
                row["panic"] += 1
            if outcome == "silent" or outcome == "panic" or (outcome == "error" and not named):
                words = [" ".join(w) for w, a, b in zip(QUESTIONS, said, before) if a.stdout != b.stdout]
                print(f"# {outcome}: {path.relative_to(data)} at {at} ^ {flip:#x}; verify {named}; {words[:3]}", flush=True)
            if named and "mail/git" not in str(path.relative_to(data)) and "state/" not in str(path):
                healed = run(data, ["index"])
                after = answers(data)
                whole = all(a.stdout == b.stdout and a.returncode == b.returncode for a, b in zip(after, before))
                good = whole and run(data, ["status", "--verify"]).returncode == 0
                row["healed"] += good
                row["panic"] += panicked(healed)
                if not good:
                    print(f"# not healed: {path.relative_to(data)} at {at} ^ {flip:#x}: {healed.stderr[-300:]}", flush=True)
                shutil.rmtree(data)
                shutil.copytree(clean, data, symlinks=True)
            else:
                with open(path, "r+b") as file:
                    file.seek(at)
                    file.write(bytes([byte]))
                os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
                os.chmod(path, mode)
        columns = ["flips", "same", "error", "silent", "panic", "verify", "healed"]
        print(f"{'kind':<22}" + "".join(f"{column:>8}" for column in columns))
        total = collections.Counter()
        for name in sorted(table):
            total.update(table[name])
            print(f"{name:<22}" + "".join(f"{table[name][column]:>8}" for column in columns))
        print(f"{'all':<22}" + "".join(f"{total[column]:>8}" for column in columns))


main()
