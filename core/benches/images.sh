#!/usr/bin/env bash
# Kernels that shipped: their images are fetched as Debian packages, and the census of `provenance scan` is compared with
# counts that readelf, nm and objdump make by themselves. Also: how long it takes, and how long objdump takes for the
# same text. Needs apt, dpkg-deb, binutils, python3, xz, zstd; about 6 GB in DIR.
#
#     core/benches/images.sh DIR [PROGRAM]
#
# With suites of several Debian releases in apt's sources all three kernels are fetched, else those that are known.
set -euo pipefail
dir=$(mkdir -p "${1:?a directory for the images}" && cd "$1" && pwd)
here=$(cd "$(dirname "$0")/../.." && pwd)
scan=${2:-$here/target/release/provenance}
cd "$dir"

newest() { apt-cache search --names-only "$1" | awk '{print $1}' | sort -V | tail -1; }
fetch() { # pattern of the package's name, pattern of the files, directory
  local name
  [ -d "$3" ] && return
  name=$(newest "$1")
  [ -n "$name" ] || { echo "not known to apt: $1"; return; }
  echo "fetching $name"
  apt-get download -qq "$name" && mkdir -p "$3" && dpkg-deb --fsys-tarfile "${name}"_*.deb | tar x -C "$3" --wildcards "$2"
}
fetch '^linux-image-5\.10\.0-[0-9]+-amd64-dbg$' './usr/lib/debug/boot/vmlinux*' 5.10-dbg
fetch '^linux-image-6\.1\.0-[0-9]+-amd64-dbg$' './usr/lib/debug/boot/vmlinux*' 6.1-dbg
fetch '^linux-image-6\.1\.0-[0-9]+-amd64$' './lib/modules/*' 6.1
fetch '^linux-image-6\.12\..*-amd64-dbg$' './usr/lib/debug/boot/vmlinux*' 6.12-dbg

bad=0
for image in */usr/lib/debug/boot/vmlinux-*; do
  echo "== $image"
  python3 "$here/core/benches/count.py" vmlinux "$image" "$scan" || bad=1
done
for modules in */lib/modules/*; do
  [ -d "$modules" ] || continue
  echo "== $modules"
  python3 "$here/core/benches/count.py" modules "$modules" "$scan" || bad=1
done

echo "== time, warm, in seconds, and memory that no file backs, in kB"
clock() { local start=$EPOCHREALTIME; "$@" > /dev/null 2>&1 || true; echo "$EPOCHREALTIME - $start" | bc; }
anonymous() { # the most that /proc/PID/status showed of RssAnon
  "$@" > /dev/null 2>&1 & local pid=$! most=0 now
  while now=$(awk '/RssAnon/ {print $2}' "/proc/$pid/status" 2> /dev/null) && [ -n "$now" ]; do
    [ "$now" -gt "$most" ] && most=$now
  done
  echo "$most"
}
for image in */usr/lib/debug/boot/vmlinux-*; do
  "$scan" scan "$image" > /dev/null || true
  printf '%s: scan %s, --at %s, anonymous %s kB\n' "$image" "$(clock "$scan" scan "$image")" \
    "$(clock "$scan" scan "$image" --at schedule)" "$(anonymous "$scan" scan "$image")"
  printf '  objdump -d of the same text: %s\n' "$(clock objdump -d --no-show-raw-insn "$image")"
done
for modules in */lib/modules/*; do
  [ -d "$modules" ] || continue
  "$scan" scan -q "$modules" > /dev/null || true
  printf '%s: scan %s, reading the files with cat %s\n' "$modules" "$(clock "$scan" scan -q "$modules")" \
    "$(clock find "$modules" -name '*.ko*' -exec cat {} +)"
done

echo "== compressed modules: the middle of five interleaved runs, beside inflating them, two at once"
middle() { sort -n | sed -n 3p; }
inflated() { find "$2" -type f -print0 | xargs -0 -P2 -n 300 "$1" -dcq > /dev/null; }
for modules in */lib/modules/*; do
  [ -d "$modules" ] || continue
  for tool in zstd xz; do
    packed=packed-$tool
    rm -rf "$packed" && mkdir "$packed"
    find "$modules" -name '*.ko' -exec cp {} "$packed" \;
    case $tool in
      zstd) find "$packed" -type f -print0 | xargs -0 -P2 -n 300 zstd -q --rm ;;
      xz) find "$packed" -type f -print0 | xargs -0 -P2 -n 300 xz -q -1 --check=crc32 ;;
    esac
    ours=() theirs=()
    for _ in 1 2 3 4 5; do
      ours+=("$(clock "$scan" scan -q "$packed")")
      theirs+=("$(clock inflated "$tool" "$packed")")
    done
    a=$(printf '%s\n' "${ours[@]}" | middle) b=$(printf '%s\n' "${theirs[@]}" | middle)
    printf '%s, %s: scan %s s, inflating %s s, ratio %s\n' "$modules" "$tool" "$a" "$b" "$(echo "scale=2; $a / $b" | bc)"
    rm -rf "$packed"
  done
done
exit $bad
