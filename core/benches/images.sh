#!/usr/bin/env bash
# Kernels that shipped: their images are fetched as Debian packages, and the census of `provenance scan` is compared with
# counts that readelf, nm and a reader of count.py's own make: of each vmlinux, of the same one stripped, of the vmlinuz of
# the same build, and of all modules. Then how long it takes, beside reading the file, unpacking it, and an older build.
# Needs apt, dpkg-deb, binutils, python3, xz, zstd; about 6 GB in DIR.
#
#     core/benches/images.sh DIR [PROGRAM [OLDER PROGRAM]]
#
# Kernels that apt does not know are left out: suites of several Debian releases in its sources (APT_CONFIG may name a
# configuration of its own) bring 5.10, 6.1, 6.12, 7.2 and 7.3. What lies in DIR already is not fetched again.
set -euo pipefail
dir=$(mkdir -p "${1:?a directory for the images}" && cd "$1" && pwd)
here=$(cd "$(dirname "$0")/../.." && pwd)
scan=${2:-$here/target/release/provenance}
older=${3:-}
cd "$dir"

newest() { apt-cache search --names-only "$1" | awk '{print $1}' | sort -V | tail -1; }
fetch() { # directory, pattern of the package's name, patterns of the files; a package of debug symbols has 1 GB
  local to=$1 name
  [ -d "$to" ] && return
  name=$(newest "$2")
  [ -n "$name" ] || { echo "not known to apt: $2"; return; }
  echo "fetching $name"
  mkdir -p "fetch-$to" && (cd "fetch-$to" && nice apt-get download -qq "$name")
  mkdir -p "$to"
  dpkg-deb --fsys-tarfile "fetch-$to"/*.deb | nice tar x -C "$to" --wildcards "${@:3}"
  rm -r "fetch-$to"
}
# Up to 6.18 the symbols lie below usr/lib/debug/boot, from 6.19 on beside the modules; so does the vmlinuz.
for v in '5\.10\.0-[0-9]+' '6\.1\.0-[0-9]+' '6\.12\.[0-9]+[+]deb[0-9.]*' '7\.2\.[0-9]+[+]deb[0-9.]*' '7\.3\.[0-9]+[+]deb[0-9.]*' \
  '7\.3\.[0-9]+[+]deb[0-9.]*-cloud' '7\.3\.[0-9]+[+]deb[0-9.]*-rt'; do
  to=$(printf %s "$v" | sed -E 's/^([0-9]+)\\.([0-9]+).*\*/\1.\2/; s/^5\\.10.*/5.10/; s/^6\\.1\\.0.*/6.1/')
  fetch "$to-dbg" "^linux-image-$v-amd64-dbg\$" './usr/lib/debug/*/vmlinux*'
  # From 6.19 on linux-image only depends on what holds the files.
  [ -z "$(newest "^linux-binary-$v-amd64\$")" ] || fetch "$to-bin" "^linux-binary-$v-amd64\$" './*/vmlinuz*'
  fetch "$to-bin" "^linux-image-$v-amd64\$" './*/vmlinuz*'
done
fetch 7.3-mod '^linux-modules-7\.3\.[0-9]+[+]deb[0-9.]*-amd64$' './*'

bad=0
middle() { sort -n | sed -n 3p; }
clock() { local start=$EPOCHREALTIME; "$@" > /dev/null 2>&1 || true; echo "$EPOCHREALTIME - $start" | bc; }
most() { /usr/bin/time -f %M "$@" 2>&1 > /dev/null | tail -1; } # kB, with pages of files that are mapped
images=$(find ./*-dbg -type f -name 'vmlinux*' | sort -V)
for image in $images; do
  echo "== $image"
  strip -s -o stripped "$image"
  release=$(basename "$image" | sed 's/^vmlinux-\?//'); release=${release:-$(basename "$(dirname "$image")")}
  same=$(find . -type f \( -path "*/$release/vmlinuz" -o -name "vmlinuz-$release" \))
  python3 "$here/core/benches/count.py" vmlinux "$image" "$scan" stripped $same || bad=1
  rm stripped
done
for modules in *-mod; do
  [ -d "$modules" ] || continue
  echo "== $modules"
  python3 "$here/core/benches/count.py" modules "$modules" "$scan" || bad=1
done

echo "== the middle of five interleaved runs, warm, in seconds; memory in kB"
for image in $images; do
  ours=() theirs=() reading=()
  for _ in 1 2 3 4 5; do
    ours+=("$(clock "$scan" scan -q "$image")")
    [ -z "$older" ] || theirs+=("$(clock "$older" scan -q "$image")")
    reading+=("$(clock cat "$image")")
  done
  a=$(printf '%s\n' "${ours[@]}" | middle) c=$(printf '%s\n' "${reading[@]}" | middle)
  printf '%s: scan %s, cat %s, memory %s' "$image" "$a" "$c" "$(most "$scan" scan -q "$image")"
  [ -z "$older" ] || { b=$(printf '%s\n' "${theirs[@]}" | middle); printf ', older %s, ratio %s' "$b" "$(echo "scale=2; $a / $b" | bc)"; }
  echo
done
for image in $(find ./*-bin -type f -name 'vmlinuz*' | sort -V); do
  # The kernel in it, cut out by its header's own words; gzip, xz and zstd are Debian's.
  python3 - "$image" payload <<'P'
import struct, sys
data = open(sys.argv[1], "rb").read()
start = ((data[0x1F1] or 4) + 1) * 512 + struct.unpack_from("<I", data, 0x248)[0]
open(sys.argv[2], "wb").write(data[start : start + struct.unpack_from("<I", data, 0x24C)[0]])
P
  case $(head -c 4 payload | od -An -tx1 | tr -d ' ') in
    fd377a58) tool=xz ;; 28b52ffd) tool=zstd ;; *) tool=gzip ;;
  esac
  [ $tool = gzip ] || truncate -s -4 payload
  ours=() theirs=()
  for _ in 1 2 3 4 5; do
    ours+=("$(clock "$scan" scan -q "$image")")
    theirs+=("$(clock $tool -dc payload)")
  done
  a=$(printf '%s\n' "${ours[@]}" | middle) b=$(printf '%s\n' "${theirs[@]}" | middle)
  size=$($tool -dc payload 2> /dev/null | wc -c)
  printf '%s (%s): scan %s, %s -dc %s, ratio %s; memory %s kB, of which unpacked %s kB\n' "$image" $tool "$a" $tool "$b" \
    "$(echo "scale=2; $a / $b" | bc)" "$(most "$scan" scan -q "$image")" $((size / 1024))
  rm payload
done

echo "== compressed modules, beside inflating them, two at once"
inflated() { find "$2" -type f -print0 | xargs -0 -P2 -n 300 "$1" -dcq > /dev/null; }
for modules in *-mod; do
  [ -d "$modules" ] || continue
  rm -rf plain && mkdir plain
  find "$modules" -name '*.ko*' -exec cp {} plain \;
  find plain -name '*.xz' -print0 | xargs -0 -r -P2 -n 300 xz -dq
  for tool in zstd xz; do
    packed=packed-$tool
    rm -rf "$packed" && cp -r plain "$packed"
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
  rm -rf plain
done
exit $bad
