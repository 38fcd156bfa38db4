#!/usr/bin/env python3
"""Counts the records of each table with readelf and nm alone, and compares them with what `provenance scan` says.

    count.py vmlinux FILE PROGRAM
    count.py modules DIRECTORY PROGRAM

In a module a table has one relocation for each address that it holds, so relocations are counted; that is another
way than scan's, which decodes the relocated bytes. In a vmlinux the distance of the symbols around a table is divided by the size of
its records, zero records left out where the linker script pads.
"""
import collections
import json
import os
import struct
import subprocess
import sys

# owner: (start, stop, bytes of a record) in a vmlinux
TABLES = {
    "__mcount_loc": ("__start_mcount_loc", "__stop_mcount_loc", 8),
    ".static_call_sites": ("__start_static_call_sites", "__stop_static_call_sites", 8),
    ".static_call_tramp_key": ("__start_static_call_tramp_key", "__stop_static_call_tramp_key", 8),
    "__jump_table": ("__start___jump_table", "__stop___jump_table", 16),
    ".retpoline_sites": ("__retpoline_sites", "__retpoline_sites_end", 4),
    ".return_sites": ("__return_sites", "__return_sites_end", 4),
    ".call_sites": ("__call_sites", "__call_sites_end", 4),
    ".ibt_endbr_seal": ("__ibt_endbr_seal", "__ibt_endbr_seal_end", 4),
    ".smp_locks": ("__smp_locks", "__smp_locks_end", 4),
    "_kprobe_blacklist": ("__start_kprobe_blacklist", "__stop_kprobe_blacklist", 8),
    "__bug_table": ("__start___bug_table", "__stop___bug_table", 12),
    "__ex_table": ("__start___ex_table", "__stop___ex_table", 12),
}
# relocations that one record has, by table, in a module
RELOCATIONS = {
    "__mcount_loc": 1,
    ".static_call_sites": 2,
    "__jump_table": 3,
    ".altinstructions": 2,
    ".retpoline_sites": 1,
    ".return_sites": 1,
    ".call_sites": 1,
    ".ibt_endbr_seal": 1,
    ".smp_locks": 1,
    ".parainstructions": 1,
    "__bug_table": 2,
    "__ex_table": 2,
    "_kprobe_blacklist": 1,
}


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def sections(path):
    """name -> (address, offset, size), as readelf says."""
    out = {}
    for line in run("readelf", "-SW", path).splitlines():
        fields = line.partition("]")[2].split()
        if len(fields) > 5 and line.lstrip().startswith("["):
            try:
                out[fields[0]] = (int(fields[2], 16), int(fields[3], 16), int(fields[4], 16))
            except ValueError:
                pass
    return out


def contents(path, table, start, stop):
    for address, offset, size in table.values():
        if address <= start and stop <= address + size:
            with open(path, "rb") as file:
                file.seek(offset + start - address)
                return file.read(stop - start)
    return b""


def alternatives(data, bug_names):
    """The one size of a record for which every length is plausible: replacement not longer than the site."""
    fits = []
    for size, at in ((12, 10), (13, 10), (14, 12)):
        if len(data) % size == 0:
            records = [data[i : i + size] for i in range(0, len(data), size)]
            if all(0 < r[at] and r[at + 1] <= r[at] for r in records):
                fits.append(len(records))
    return fits[0] if len(fits) == 1 else f"ambiguous {fits}"


def vmlinux(path):
    names = {}
    dispatchers = []
    for line in run("nm", path).splitlines():
        fields = line.split()
        if len(fields) == 3:
            names[fields[2]] = int(fields[0], 16)
            name = fields[2]
            if name.startswith("bpf_dispatcher_") and name.endswith("_func") and fields[1] in "tT":
                dispatchers.append(name)
    table = sections(path)
    counts = {}
    for name, (start, stop, size) in TABLES.items():
        if start in names and stop in names:
            data = contents(path, table, names[start], names[stop])
            records = (data[i : i + size] for i in range(0, len(data) - size + 1, size))
            counts[name] = sum(any(r) for r in records)
    if ".altinstructions" in table:
        address, _, size = table[".altinstructions"]
        counts[".altinstructions"] = alternatives(contents(path, table, address, address + size), names)
    if ".parainstructions" in table:
        counts[".parainstructions"] = (table[".parainstructions"][2] + 15) // 16
    counts["rule: __SCT__*"] = sum(n.startswith("__SCT__") for n in names)
    # Trapping instructions by disassembling them, where BUG() and WARN() are told apart from nothing else.
    return counts


def modules(path):
    counts = collections.Counter()
    relative = {f".rela{name}": name for name in RELOCATIONS}
    files = []
    for folder, _, names in os.walk(path):
        files += [os.path.join(folder, n) for n in names if n.endswith(".ko")]
    for at in range(0, len(files), 200):
        for line in run("readelf", "-rW", *files[at : at + 200]).splitlines():
            # Relocation section '.rela.return_sites' at offset 0x... contains 12 entries:
            if line.startswith("Relocation section"):
                section = line.split("'")[1]
                if section in relative:
                    name = relative[section]
                    counts[name] += int(line.split("contains ")[1].split()[0]) / RELOCATIONS[name]
    return {name: round(count) for name, count in counts.items()}


def main():
    kind, path, program = sys.argv[1:]
    expected = vmlinux(path) if kind == "vmlinux" else modules(path)
    said = json.loads(run(program, "scan", "-q", path, "-f", "json"))
    found = collections.Counter()
    zero = 0
    for image in said["images"]:
        for table in image["tables"]:
            found[table["name"]] += table["records"]
            zero += table["zero"]
    wrong = 0
    for name, count in sorted(expected.items()):
        equal = found[name] == count
        wrong += not equal
        print(f"  {name:26} {count!s:>10} {found[name]:>10}  {'equal' if equal else 'DIFFERENT'}")
    odd = collections.Counter(f["what"] for i in said["images"] for f in i["findings"] if f["severity"] == "unexpected")
    for what, times in odd.items():
        print(f"  {times} unexpected: {what}")
    for image in said["images"]:
        for finding in image["findings"]:
            if finding["severity"] in ("conflict", "table"):
                print(f"  {finding['severity']}: {finding['place']}: {finding['what'][:100]}")
    print(f"  {zero} zero records left out; {len(said['not_read'])} files not read")
    return 1 if wrong or said["not_read"] else 0


if __name__ == "__main__":
    sys.exit(main())
