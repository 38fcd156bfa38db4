#!/bin/sh
# Draws the pictures of the review desk: the real program, its built-in archive, no terminal.
# Usage: docs/pictures.sh [PROGRAM]
set -eu
cd "$(dirname "$0")/.."
program=${1:-target/release/provenance}
data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT
draw() { # NAME KEYS [ARGUMENT]
    name=$1 keys=$2
    shift 2
    TERM=xterm-256color COLORTERM=truecolor NO_COLOR='' "$program" review --data-dir "$data" --theme dark \
        --size 120x36 --picture svg --press "$keys" "$@" > "docs/pictures/$name.svg"
    echo "docs/pictures/$name.svg"
}
draw find 'j j' 'mech:static-call'
draw thread 'f ctrl-u "s:crowded" enter wait enter wait ] wait @ @ j j j'
draw checks 'f ctrl-u "s:conflicts" enter wait enter wait c wait O'
draw lineage ':lineage space bpf-dispatcher enter wait j j'
draw lab ':lab space bpf-dispatcher enter wait r wait'
