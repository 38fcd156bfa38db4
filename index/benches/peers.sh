#!/usr/bin/env bash
# The index beside notmuch, mu and public-inbox on the same mails, in one run:
#   index/benches/peers.sh ARCHIVES [WORKDIR]
# ARCHIVES holds clones in the layout LIST/git/0.git. Prints one table for indexing and one for ten queries.
# Needs notmuch, maildir-utils, public-inbox and python3 (Debian packages; installed here if run as root).
set -euo pipefail
archives=$(realpath "${1:?usage: peers.sh ARCHIVES [WORKDIR]}")
work=$(realpath -m "${2:-$(mktemp -d)}")
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
runs=${RUNS:-15}

missing=()
for pair in notmuch:notmuch mu:maildir-utils public-inbox-index:public-inbox python3:python3; do
  command -v "${pair%%:*}" > /dev/null || missing+=("${pair#*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" > /dev/null
fi

cargo build --release --quiet --manifest-path "$root/Cargo.toml"
us=$root/target/release/provenance
floor() { cargo bench --quiet --manifest-path "$root/Cargo.toml" -p provenance-corpus --bench floor "$@"; }
floor -- > /dev/null # builds it
floor=$(find "$root/target/release/deps" -name 'floor-*' -perm -u+x -type f -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2)

# From here on nobody sees the caller's own mail and configuration.
export HOME=$work/home XDG_DATA_HOME=$work/home/.local/share XDG_CACHE_HOME=$work/home/.cache LC_ALL=C.UTF-8
unset PROVENANCE_DATA_DIR
mkdir -p "$HOME"

maildir=$work/maildir
if [ ! -d "$maildir" ]; then
  echo "# exporting to maildir" >&2
  python3 "$here/export.py" "$archives" "$maildir"
fi
mails=$(find "$maildir" -type f -path '*/cur/*' | wc -l)
bytes=$(find "$maildir" -type f -path '*/cur/*' -printf '%s\n' | awk '{sum += $1} END {printf "%.0f", sum / 1e6}')

measure() { python3 "$here/measure.py" "$@"; }
size() { du -sb "$1" | cut -f1; }
row() { # name wall cpu anon total bytes
  printf '%-24s %9.0f %8.2f %8.2f %8.1f %7.0f %7.0f\n' "$1" "$(awk "BEGIN{print $mails/$2}")" "$2" "$3" \
    "$(awk "BEGIN{print $6/1e6}")" "$4" "$5"
}

echo "# page cache warm; $(nproc) cores; $mails mails, $bytes MB" >&2
find "$archives" -name '*.pack' -exec cat {} + > /dev/null
printf '%-24s %9s %8s %8s %8s %7s %7s\n' indexing mails/s wall_s cpu_s MB anon_MB rss_MB
read -r f_wall f_cpu f_anon f_total < <(measure "$floor" "$archives"/*/git/[0-9]*.git)
row "floor (walk+parse)" "$f_wall" "$f_cpu" "$f_anon" "$f_total" 0

rm -rf "$XDG_DATA_HOME/provenance"
read -r o_wall o_cpu o_anon o_total < <(measure "$us" -q index "$archives")
o_size=$(size "$XDG_DATA_HOME/provenance"/index.*)
row provenance "$o_wall" "$o_cpu" "$o_anon" "$o_total" "$o_size"

export NOTMUCH_CONFIG=$work/notmuch-config
printf '[database]\npath=%s\n[new]\ntags=\n' "$maildir" > "$NOTMUCH_CONFIG"
if [ ! -d "$maildir/.notmuch" ]; then
  measure notmuch new --quiet 2> /dev/null > "$work/notmuch.new" && mv "$work/notmuch.new" "$work/notmuch.time"
fi
read -r n_wall n_cpu n_anon n_total < "$work/notmuch.time"
n_size=$(size "$maildir/.notmuch/xapian")
row notmuch "$n_wall" "$n_cpu" "$n_anon" "$n_total" "$n_size"

export MUHOME=$work/mu
if [ ! -d "$MUHOME" ]; then
  mu init --quiet --maildir="$maildir" > /dev/null
  measure mu index --quiet > "$work/mu.new" && mv "$work/mu.new" "$work/mu.time"
fi
read -r m_wall m_cpu m_anon m_total < "$work/mu.time"
m_size=$(size "$MUHOME")
row mu "$m_wall" "$m_cpu" "$m_anon" "$m_total" "$m_size"

if [ ! -f "$work/public-inbox.time" ]; then
  rm -rf "$work/public-inbox" "$HOME/.public-inbox" && mkdir -p "$work/public-inbox"
  for git in "$archives"/*/git; do
    list=$(basename "$(dirname "$git")")
    mkdir -p "$work/public-inbox/$list"
    cp -r "$git" "$work/public-inbox/$list/git"
    public-inbox-init -V2 "$list" "$work/public-inbox/$list" "https://lists.example/$list" "$list@lists.example" > /dev/null 2>&1
  done
  before=$(size "$work/public-inbox")
  measure public-inbox-index --all 2> /dev/null > "$work/public-inbox.new"
  mv "$work/public-inbox.new" "$work/public-inbox.time"
  echo "$(($(size "$work/public-inbox") - before))" > "$work/public-inbox.size"
fi
read -r p_wall p_cpu p_anon p_total < "$work/public-inbox.time"
p_size=$(cat "$work/public-inbox.size")
row public-inbox "$p_wall" "$p_cpu" "$p_anon" "$p_total" "$p_size"

ratio() { awk "BEGIN{printf \"%.2f\", $1/$2}"; }
echo
echo "time over the floor      $(ratio "$o_wall" "$f_wall")"
echo "faster than notmuch      $(ratio "$n_wall" "$o_wall")"
echo "faster than mu           $(ratio "$m_wall" "$o_wall")"
echo "faster than public-inbox $(ratio "$p_wall" "$o_wall")"
echo "bytes of notmuch's       $(ratio "$o_size" "$n_size")"

id=$("$us" query 's:"static call" is:reply' -n 1 -f jsonl 2> /dev/null | sed -n 's/.*"message_id": *"\([^"]*\)".*/\1/p' | head -n 1)
python3 "$here/queries.py" "$us" "$runs" "$id"
