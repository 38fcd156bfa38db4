#!/usr/bin/env python3
"""Counts the records of each table by other means, and compares them with what `provenance scan` says.

    count.py vmlinux FILE PROGRAM [SAME...]    SAME: the same kernel in another form, stripped or as a vmlinuz
    count.py modules DIRECTORY PROGRAM

In a vmlinux the distance of the symbols around a table (nm) is divided by the size of its records, zero records left out;
sections are those that readelf lists. In a module a table has so many relocations for each record; they are counted with
an ELF reader of this file's own, which applies none, where scan decodes the relocated bytes. Compressed modules are
inflated with xz, zstd or gzip.
"""
import collections
import json
import lzma
import gzip
import os
import re
import struct
import subprocess
import sys

# table: (start, stop, bytes of a record) in a vmlinux
TABLES = {
    "__mcount_loc": ("__start_mcount_loc", "__stop_mcount_loc", 8),
    ".static_call_sites": ("__start_static_call_sites", "__stop_static_call_sites", 8),
    ".static_call_tramp_key": ("__start_static_call_tramp_key", "__stop_static_call_tramp_key", 8),
    "__jump_table": ("__start___jump_table", "__stop___jump_table", 16),
    ".altinstructions": ("__alt_instructions", "__alt_instructions_end", None),
    ".retpoline_sites": ("__retpoline_sites", "__retpoline_sites_end", 4),
    ".return_sites": ("__return_sites", "__return_sites_end", 4),
    ".call_sites": ("__call_sites", "__call_sites_end", 4),
    ".cfi_sites": ("__cfi_sites", "__cfi_sites_end", 4),
    ".ibt_endbr_seal": ("__ibt_endbr_seal", "__ibt_endbr_seal_end", 4),
    ".smp_locks": ("__smp_locks", "__smp_locks_end", 4),
    ".parainstructions": ("__parainstructions", "__parainstructions_end", 16),
    "_kprobe_blacklist": ("__start_kprobe_blacklist", "__stop_kprobe_blacklist", 8),
    "__bug_table": ("__start___bug_table", "__stop___bug_table", None),
    "__ex_table": ("__start___ex_table", "__stop___ex_table", 12),
}
# relocations that one record has, by table, in a module; of None the section's size counts
RELOCATIONS = {
    "__mcount_loc": 1,
    ".static_call_sites": 2,
    ".static_call_tramp_key": 2,
    "__jump_table": 3,
    ".altinstructions": 2,
    ".retpoline_sites": 1,
    ".return_sites": 1,
    ".call_sites": 1,
    "__patchable_function_entries": 1,
    ".cfi_sites": 1,
    ".ibt_endbr_seal": 1,
    ".smp_locks": 1,
    ".parainstructions": 1,
    "__bug_table": None,
    "__ex_table": 2,
    "_kprobe_blacklist": 1,
}


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def bug_size(version):
    """`struct bug_entry` has a format from 6.19 on."""
    return 16 if version >= (6, 19) else 12


def alternative_size(data):
    """The one size of a record for which every length is plausible, the replacement not longer than the site: stable
    kernels carry the layout of later ones."""
    fits = []
    for size, at in ((12, 10), (13, 10), (14, 12)):
        if len(data) % size == 0:
            records = (data[i : i + size] for i in range(0, len(data), size))
            if all(0 < r[at] and r[at + 1] <= r[at] for r in records):
                fits.append(size)
    assert len(fits) == 1, f"records of {fits} bytes"
    return fits[0]


def number(text):
    found = re.search(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


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


def vmlinux(path):
    names = {}
    for line in run("nm", path).splitlines():
        fields = line.split()
        if len(fields) == 3:
            names[fields[2]] = int(fields[0], 16)
    table = sections(path)
    banner = contents(path, table, names["linux_banner"], names["linux_banner"] + 64)
    version = number(banner.decode("ascii", "replace").split("version ")[1])
    counts = {}
    for name, (start, stop, size) in TABLES.items():
        if start in names and stop in names:
            data = contents(path, table, names[start], names[stop])
            size = size or (bug_size(version) if name == "__bug_table" else alternative_size(data))
            # The last record of .parainstructions lacks its padding.
            records = (data[i : i + size] for i in range(0, len(data), size))
            counts[name] = sum(any(r) for r in records)
    for name, (_, _, size) in table.items():
        if name.startswith("runtime_"):
            counts[name] = size // 4
    counts["rule: __SCT__*"] = sum(n.startswith("__SCT__") for n in names)
    return counts


def inflated(path):
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data)
    if data[:4] == b"\xfd7zX":
        return lzma.decompress(data)
    if data[:4] == b"\x28\xb5\x2f\xfd":
        return subprocess.run(["zstd", "-dcq", path], capture_output=True, check=True).stdout
    return data


def module(data, counts):
    """Adds what the section headers of one module say."""
    (table,), (count, names) = struct.unpack_from("<Q", data, 40), struct.unpack_from("<HH", data, 60)
    headers = [struct.unpack_from("<IIQQQQIIQQ", data, table + 64 * n) for n in range(count)]
    strings = headers[names][4]
    name = lambda header: data[strings + header[0] : data.index(b"\0", strings + header[0])].decode()
    named = [(name(h), h) for h in headers]
    info = next((data[h[4] : h[4] + h[5]] for n, h in named if n == ".modinfo"), b"")
    version = number(info.partition(b"vermagic=")[2].decode("ascii", "replace"))
    for section, header in named:
        base = section.removeprefix(".rela")
        kind = next((k for k in RELOCATIONS if base == k or base.startswith(k + ".")), None)
        if kind == "__bug_table" and section == base:
            counts[kind] += header[5] // bug_size(version)
        elif header[1] == 4 and kind and RELOCATIONS[kind]:
            counts[base] += header[5] // 24 / RELOCATIONS[kind]
        elif header[1] == 4 and base.startswith("runtime_"):
            counts[base] += header[5] // 24


def modules(path):
    counts = collections.Counter()
    for folder, _, names in os.walk(path):
        for file in names:
            if ".ko" in file:
                module(inflated(os.path.join(folder, file)), counts)
    return {name: round(count) for name, count in counts.items()}


def compare(expected, path, program):
    said = json.loads(run(program, "scan", "-q", path, "-f", "json"))
    found = collections.Counter()
    zero = 0
    for image in said["images"]:
        for table in image["tables"]:
            found[table["name"]] += table["records"]
            zero += table["zero"]
    wrong = 0
    for name, count in sorted(expected.items()):
        if found[name] != count:
            wrong += 1
            print(f"  {name:26} {count!s:>10} {found[name]:>10}  DIFFERENT")
    for name in sorted(found.keys() - expected.keys()):
        if found[name] and not name.startswith("rule:"):
            wrong += 1
            print(f"  {name:26} {'none':>10} {found[name]:>10}  NOT COUNTED")
    print(f"  {path}: {len(expected) - wrong} of {len(expected)} tables equal, {sum(expected.values()):,} records; {zero} zero records left out")
    kinds = collections.Counter()
    for image in said["images"]:
        for finding in image["findings"]:
            kinds[finding["severity"], finding["what"]] += finding["times"]
    for (severity, what), times in kinds.items():
        print(f"    {severity}: {times} x {what[:150]}")
    for table in said["total"]["not_read"]:
        wrong += 1
        print(f"    not read: {table['table']}: {table['why']}")
    for file in said["not_read"]:
        wrong += 1
        print(f"    not read: {file['path']}: {file['reason']}")
    return wrong


def main():
    kind, path, program, *same = sys.argv[1:]
    expected = vmlinux(path) if kind == "vmlinux" else modules(path)
    for name, count in sorted(expected.items()):
        print(f"    {name:26} {count:>10}")
    return min(1, sum(compare(expected, p, program) for p in [path, *same]))


if __name__ == "__main__":
    sys.exit(main())
