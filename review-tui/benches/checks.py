#!/usr/bin/env python3
"""What one `check` costs: time and reads, over real patches, beside an older program where one is given.

usage: checks.py PROGRAM DATA [PATCHES [OLD-PROGRAM]]

Each of PATCHES (500) patches, the same each time, is checked in a process of its own, without the engine. Printed are median and
worst time, and for one in ten the number of reads and their bytes as strace counts them.
"""
import re
import statistics
import subprocess
import sys
import time

program, data = sys.argv[1:3]
count = int(sys.argv[3]) if len(sys.argv) > 3 else 500
programs = [program] + sys.argv[4:5]
READS = "trace=read,pread64,readv,preadv"


def ids():
    found = subprocess.run(
        [program, "--data-dir", data, "query", "is:patch", "--mail-only", "-n", "1000000", "-f", "jsonl"],
        capture_output=True, text=True, check=True,
    ).stdout
    found = sorted(re.findall(r'"message_id":"([^"]+)"', found))
    return found[:: max(1, len(found) // count)][:count]


def check(one, message_id):
    return [one, "--data-dir", data, "check", "--no-engine", message_id]


for one in programs:
    times, reads, size = [], [], []
    for at, message_id in enumerate(ids()):
        start = time.monotonic()
        run = subprocess.run(check(one, message_id), capture_output=True)
        if run.returncode not in (0, 1):
            continue
        times.append((time.monotonic() - start, message_id))
        if at % 10 == 0:
            traced = subprocess.run(
                ["strace", "-f", "-e", READS, "-o", "/dev/stdout"] + check(one, message_id), capture_output=True
            ).stdout.decode(errors="replace")
            got = [int(n) for n in re.findall(r"^.*(?:read|read64|readv|preadv)\(.* = (\d+)$", traced, re.M)]
            reads.append((len(got), message_id))
            size.append((sum(got), message_id))
    seconds = [t for t, _ in times]
    print(f"{one}: {len(times)} patches, median {statistics.median(seconds) * 1000:.0f} ms, worst {max(times)[0] * 1000:.0f} ms ({max(times)[1]})")
    print(f"  reads of {len(reads)}: median {statistics.median([n for n, _ in reads]):.0f}, most {max(reads)[0]} ({max(reads)[1]})")
    print(f"  bytes: median {statistics.median([n for n, _ in size]) / 1e6:.2f} MB, most {max(size)[0] / 1e6:.2f} MB")
