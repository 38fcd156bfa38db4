#!/bin/sh
# Runs scenarios on a kernel and keeps what it did.
#
#   [PATCH=patch.ko] core/lab/witness/run.sh VMLINUZ [SCENARIO...]
#
# Needs qemu-system-x86_64, gcc with a static libc, cpio and gzip. The kernel is a Debian one as its package has it
# (linux-image-5.10.0-*-amd64 of bullseye, 6.1.0-* of bookworm, 6.12.* of trixie, 7.3.* of trixie-backports, whose files
# are in linux-binary-*; `dpkg-deb -x` unpacks it). Software emulation: 5 to 20 seconds a scenario, more on a busy machine.
# Scenarios with a live patch need patch.c built as a module for that kernel (linux-headers-*-amd64;
# `make -C HEADERS M=DIR modules` with `obj-m := patch.o`), and are left out without.
# Records go to core/lab/witness/records/VERSION/SCENARIO.json.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
kernel=$1
shift
[ $# -gt 0 ] || set -- "$here"/scenarios/*.txt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gcc -O1 -Wall -static -o "$work/init" "$here/guest.c"
for scenario; do
    name=$(basename "$scenario" .txt)
    if [ -z "${PATCH:-}" ] && grep -q '^livepatch' "$scenario"; then
        echo "$name: left out, needs PATCH" >&2
        continue
    fi
    root=$work/root
    rm -rf "$root"
    mkdir -p "$root/dev" "$root/proc" "$root/sys"
    cp "$work/init" "$root/init"
    cp "$scenario" "$root/scenario"
    [ -z "${PATCH:-}" ] || cp "$PATCH" "$root/patch.ko"
    (cd "$root" && find . | cpio -o -H newc 2>/dev/null | gzip -1) >"$work/initrd"
    rm -f "$work/log"
    # A panic also exits 0 under -no-reboot: the log decides. The kernel's check of its timer counts on a machine that is idle.
    timeout 600 qemu-system-x86_64 -accel tcg -cpu max -smp 1 -m 512 -nodefaults -display none -no-reboot \
        -serial "file:$work/log" -kernel "$kernel" -initrd "$work/initrd" \
        -append "no_timer_check console=ttyS0 nokaslr quiet loglevel=0 panic=-1" || true
    tr -d '\r' <"$work/log" | sed -n 's/^@ //p' >"$work/lines"
    version=$(sed -n 's/.*"kernel":"\([0-9]*\.[0-9]*\)\..*/\1/p' "$work/lines" | head -1)
    [ -n "$version" ] || { echo "$name: the kernel did not come up" >&2; tail -5 "$work/log" >&2; continue; }
    mkdir -p "$here/records/$version"
    ended=panic
    grep -q '"end":true' "$work/lines" && ended=whole
    {
        printf '{\n"format": 1,\n"scenario": "%s",\n"date": "%s",\n"ended": "%s",\n' "$name" "$(date -u +%F)" "$ended"
        sed -n 's/^{"kernel":\(".*"\)}$/"kernel": \1,/p' "$work/lines"
        printf '"machine": "%s, tcg, -cpu max",\n"steps": [\n' "$(qemu-system-x86_64 --version | sed -n 's/ (.*//;1s/emulator version //p')"
        grep '^{"step"' "$work/lines" | sed '$!s/$/,/'
        printf ']\n}\n'
    } >"$here/records/$version/$name.json"
    echo "$name on $version: $ended, $(grep -c '^{"step"' "$work/lines") steps"
done
