#!/usr/bin/env python3
"""Runs a command and prints `wall cpu anon total`: seconds, seconds, and the peaks of anonymous and of all
resident memory in MB, summed over the process and its children, sampled every 10 ms."""

import os
import subprocess
import sys
import time


def family(pid):
    """The process and all its descendants."""
    pids, at = [pid], 0
    while at < len(pids):
        try:
            for task in os.listdir(f"/proc/{pids[at]}/task"):
                with open(f"/proc/{pids[at]}/task/{task}/children") as children:
                    pids += [int(p) for p in children.read().split()]
        except OSError:
            pass
        at += 1
    return pids


def resident(pid):
    anon = total = 0
    try:
        with open(f"/proc/{pid}/status") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    anon = int(line.split()[1])
                elif line.startswith("VmRSS:"):
                    total = int(line.split()[1])
    except OSError:
        pass
    return anon, total


def main():
    start = time.monotonic()
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    peak_anon = peak_total = 0
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            break
        sums = [sum(column) for column in zip(*(resident(p) for p in family(child.pid)))]
        peak_anon, peak_total = max(peak_anon, sums[0]), max(peak_total, sums[1])
        time.sleep(0.01)
    wall = time.monotonic() - start
    print(f"{wall:.2f} {usage.ru_utime + usage.ru_stime:.2f} {peak_anon / 1024:.0f} {peak_total / 1024:.0f}")
    sys.exit(os.waitstatus_to_exitcode(status))


main()
