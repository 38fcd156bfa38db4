#!/bin/sh
# Makes engine.mbox: patches of this repository to its engine, as mail. Usage: make.sh > engine.mbox
set -eu
first=13858d1 base=d050293 tip=4f336bb
name=$(git log -1 --format=%cn $tip) mail=$(git log -1 --format=%ce $tip)
GIT_COMMITTER_NAME=$name GIT_COMMITTER_EMAIL=$mail
export GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
git format-patch -q -1 --stdout $first -- core | sed "1,/^\$/{
/^Subject:/i\\
Message-ID: <engine-conflicts-$first@provenance.example>
}" > "$dir/0.mbox"
git format-patch -q --cover-letter --thread=shallow --cover-from-description=none -o "$dir/series" $base..$tip -- core
cover=$(ls "$dir"/series/*cover-letter*)
date=$(git log -1 --format=%cD $tip)
sed -i -e 's/\*\*\* SUBJECT HERE \*\*\*/core: the engine on a crowded machine/' \
  -e 's/\*\*\* BLURB HERE \*\*\*/Parked threads sleep instead of spinning, the names in reports are tested, and a thread that\nthe C library is still starting is not taken for one that blocks SIGTRAP./' \
  -e "s/^Date: .*/Date: $date/" "$cover"
# The project sends under its own name.
cat "$dir/0.mbox" "$dir"/series/*.patch | sed -e "s/$name/The provenance developers/g" -e "s/$mail/developers@provenance.example/g"
