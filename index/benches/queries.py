#!/usr/bin/env python3
"""Times ten queries as whole processes, ours, notmuch's and mu's in turn, and prints the medians and ratios.

queries.py PROVENANCE RUNS MESSAGE-ID [--alone]; notmuch and mu as their environment says; at most 50 results each, as
lines of date, sender and subject. `ids` is notmuch printing Message-IDs and nothing else, which it has at hand without
opening a mail. With --alone only ours."""

import statistics
import subprocess
import sys
import time

US, RUNS, ID = sys.argv[1], int(sys.argv[2]), sys.argv[3]

# What each is called; ours, notmuch's, mu's. The peers have no diff fields: the phrase is the nearest they have.
QUERIES = [
    ("word", "trampoline", "trampoline", "trampoline"),
    ("phrase", '"static call"', '"static call"', '"static call"'),
    ("from", "f:peterz", "from:peterz", "from:peterz"),
    ("date range", "d:20200801..20201001", "date:2020-08-01..2020-10-01", "date:20200801..20201001"),
    ("subject", "s:ftrace", "subject:ftrace", "subject:ftrace"),
    ("diff file", "dfn:arch/x86/kernel/ftrace.c", '"arch/x86/kernel/ftrace.c"', '"arch/x86/kernel/ftrace.c"'),
    ("added line", "dfb:text_poke_bp", "text_poke_bp", "text_poke_bp"),
    ("hunk header", "dfhh:ftrace_modify_all_code", "ftrace_modify_all_code", "ftrace_modify_all_code"),
    ("thread", "thread:{mid:%s}" % ID, "thread:{id:%s}" % ID, "msgid:%s" % ID),
    ("conjunction", "f:rostedt s:ftrace d:2019..2021 trampoline",
     "from:rostedt subject:ftrace date:2019..2021 trampoline",
     "from:rostedt and subject:ftrace and date:20190101..20211231 and trampoline"),
]


def timed(command):
    start = time.perf_counter()
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    return (time.perf_counter() - start) * 1000, result.stdout.count(b"\n")


def main():
    alone = "--alone" in sys.argv
    heads = f"{'ours_ms':>8} {'notmuch':>8} {'mu':>8} {'ids':>8} {'notmuch/ours':>13} {'mu/ours':>8} {'ids/ours':>9}"
    print(f"\n{'query':<14} {heads}   lines")
    for name, ours, notmuch, mu in QUERIES:
        related = ["--include-related"] if name == "thread" else []
        commands = [
            [US, "query", "-n", "50", ours],
            ["notmuch", "search", "--limit=50", "--output=summary", notmuch],
            ["mu", "find", "--maxnum=50", "--nocolor", *related, mu],
            ["notmuch", "search", "--limit=50", "--output=messages", notmuch],
        ]
        if alone:
            commands = commands[:1]
        times = [[] for _ in commands]
        lines = [0] * len(commands)
        for run in range(RUNS + 1):
            for at, command in enumerate(commands):
                ms, lines[at] = timed(command)
                if run:
                    times[at].append(ms)
        if alone:
            print(f"{name:<14} {statistics.median(times[0]):8.1f}   {lines[0]} lines")
            continue
        a, b, c, d = (statistics.median(t) for t in times)
        ratios = f"{b / a:13.1f} {c / a:8.1f} {d / a:9.1f}"
        print(f"{name:<14} {a:8.1f} {b:8.1f} {c:8.1f} {d:8.1f} {ratios}   {'/'.join(map(str, lines))}")


main()
