#!/usr/bin/env bash
#
# Opens the service's pages in Chromium: `make test-page`. Accepts names of files of tests without their ending, such as `smoke`, and
# options of node's test runner; without names all files run. Screenshots are in target/page/screenshots, those of failed tests in
# target/page/failures.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")
export PAGE_TOOLS=$target/page
export PAGE_PROGRAM=${PAGE_PROGRAM:-$target/debug/phaseline}

files=()
options=()
for argument in "$@"; do
    case $argument in
        -*) options+=("$argument") ;;
        *) files+=("scripts/page/$argument.test.mjs") ;;
    esac
done
((${#files[@]})) || files=(scripts/page/*.test.mjs)

# shellcheck source=scripts/clean-env.sh
source scripts/clean-env.sh

rm -rf "$PAGE_TOOLS"/{screenshots,failures}
mkdir -p "$PAGE_TOOLS"/{screenshots,failures}
status=0
# Each file has a browser and a service of its own; more than two at a time make each other's times worse.
node --test --test-reporter=spec --test-concurrency=2 "${options[@]}" "${files[@]}" || status=$?
for kind in screenshots failures; do
    count=$(find "$PAGE_TOOLS/$kind" -name '*.png' | wc -l)
    ((count == 0)) || echo "-- $count $kind in $PAGE_TOOLS/$kind"
done
exit "$status"
