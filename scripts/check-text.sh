#!/usr/bin/env bash
#
# What no file of the repository may say: the host of a package registry (which one is used is for the
# machine to decide), a path of the machine that it was written on, a note of work left to do.
set -euo pipefail
cd "$(dirname "$0")/.."

# The brackets keep the patterns from finding themselves.
readonly hosts='crates[.]io|pypi[.]org|pythonhosted[.]org|npmjs[.](org|com)|yarnpkg[.]com|rubygems[.]org|(deb|ftp|security)[.]debian[.]org|(archive|security)[.]ubuntu[.]com|proxy[.]golang[.]org|repo1?[.]maven|docker[.]io|ghcr[.]io|quay[.]io'
readonly machine='/work[/]'
readonly notes='\b(TO[D]O|FIX[M]E)\b'

# Every file that is, or without more ado would be, committed. Cargo.lock is cargo's own text.
files() {
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files -z --cached --others --exclude-standard
    else
        find . \( -name .git -o -name target \) -prune -o -type f -print0
    fi
}

found=0
refuse() {
    local pattern=$1 reason=$2 lines
    lines=$(files | xargs -0 grep -HnIE --exclude=Cargo.lock -e "$pattern" -- 2>/dev/null || true)
    if [[ -n $lines ]]; then
        printf '%s\n%s\n' "$reason:" "$lines" >&2
        found=1
    fi
}

refuse "$hosts" "names the host of a package registry"
refuse "$machine" "names a path of one machine"
refuse "$notes" "notes work left to do"
exit "$found"
