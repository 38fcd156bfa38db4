#!/usr/bin/env bash
# The index at scale: index/benches/scale.sh ARCHIVES WORKDIR
# Repeats the archives with rewritten ids until there are 500,000 mails in six epochs, indexes the archives alone and
# then all of it, and prints rates, memory, peak disk, the time of ten queries, of a run with nothing new, and of one new mail.
set -euo pipefail
archives=$(realpath "${1:?usage: scale.sh ARCHIVES WORKDIR}")
work=$(realpath -m "${2:?usage: scale.sh ARCHIVES WORKDIR}")
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
us=$root/target/release/provenance
cargo build --release --quiet --manifest-path "$root/Cargo.toml"
mkdir -p "$work"
[ -d "$work/large" ] || python3 "$here/scale.py" "$archives" "$work/large" 14 6

run() { # name sources...
  local data=$work/data-$1
  shift
  rm -rf "$data"
  local peak=0
  (
    trap 'echo "$peak" > "$work/peak"; exit 0' TERM
    while true; do
      now=$(du -sm "$data" 2> /dev/null | cut -f1 || echo 0)
      [ "${now:-0}" -gt "$peak" ] && peak=$now
      sleep 0.2
    done
  ) &
  local watcher=$!
  read -r wall cpu anon total < <(python3 "$here/measure.py" "$us" -q --data-dir "$data" index "$@")
  kill "$watcher"
  wait "$watcher" || true
  count=$("$us" --data-dir "$data" query --count 'd:..20400101' | tail -n 1)
  awk "BEGIN{printf \"%-8s %9d mails %8.1f s %8.0f mails/s  cpu %7.1f s  anon %5d MB  total %5d MB  index %6.0f MB  peak disk %6d MB\n\", \
    \"$(basename "$data" | sed 's/data-//')\", $count, $wall, $count/$wall, $cpu, $anon, $total, $(du -sb "$data" | cut -f1)/1e6, $(cat "$work/peak")}"
}

median() { sort -n | awk '{a[NR]=$1} END{print a[int((NR+1)/2)]}'; }
timed() { for _ in 1 2 3 4 5 6 7; do python3 "$here/measure.py" "$@" | cut -d' ' -f1; done | median; }

run small "$archives"
run large "$work/large/scale"
data=$work/data-large
echo "nothing new: $(timed "$us" -q --data-dir "$data" index) s"
git=$work/large/scale/git/5.git
tip=$(git -C "$git" rev-parse HEAD)
printf 'From: A <a@example.org>\nDate: Mon, 1 Jan 2024 00:00:00 +0000\nSubject: one more\nMessage-ID: <one@example.org>\n\nnew\n' > "$work/one"
blob=$(git -C "$git" hash-object -w "$work/one")
tree=$(printf '100644 blob %s\tm\n' "$blob" | git -C "$git" mktree)
commit=$(git -C "$git" -c user.name=a -c user.email=a@example.org commit-tree -p "$tip" -m m "$tree")
git -C "$git" update-ref refs/heads/master "$commit"
read -r wall _ < <(python3 "$here/measure.py" "$us" -q --data-dir "$data" index)
echo "one new mail: $wall s"
git -C "$git" update-ref refs/heads/master "$tip"
id=$("$us" --data-dir "$data" query 's:"static call" is:reply' -n 1 -f jsonl 2> /dev/null | sed -n 's/.*"message_id": *"\([^"]*\)".*/\1/p' | head -n 1)
PROVENANCE_DATA_DIR=$data python3 "$here/queries.py" "$us" 9 "$id" --alone
