#!/usr/bin/env bash
#
# Installs what is missing to build and run Phaseline, and nothing else: a C compiler, make, curl (for the README's tour), PostgreSQL.
#
#   scripts/setup.sh         what `make demo` and `make test` need
#   scripts/setup.sh lint    that, and rustfmt, clippy and cargo-deny for `make lint`
#   scripts/setup.sh fuzz    that of the first line, and schemathesis (Python) in target/fuzz for `make fuzz`
#
# Can be run again at any time; says nothing if everything is there. Without the right to install packages
# it prints the command to run and exits with 1.
set -euo pipefail

readonly oldest_postgres=15
readonly cargo_deny=0.20.2
readonly oldest_rust=1.90
readonly oldest_python=3.10

say() {
    printf 'setup: %s\n' "$*" >&2
}

die() {
    say "$@"
    exit 1
}

have() {
    command -v "$1" >/dev/null 2>&1
}

# The major version of the PostgreSQL server whose programs lie in folder $1.
server_version() {
    local program text
    for program in initdb pg_ctl postgres; do
        [[ -x $1/$program ]] || return 1
    done
    text=$("$1/postgres" --version 2>/dev/null) || return 1
    [[ $text =~ \(PostgreSQL\)\ ([0-9]+) ]] || return 1
    echo "${BASH_REMATCH[1]}"
}

# The folders to look for a server in, best first: those that the program itself looks in (crate `embedded`).
candidate_folders() {
    if [[ -n ${PHASELINE_PG_BINDIR:-} ]]; then
        echo "$PHASELINE_PG_BINDIR"
        return
    fi
    local program
    program=$(type -P postgres) && dirname "$(readlink -f "$program")"
    have pg_config && pg_config --bindir 2>/dev/null
    printf '%s\n' \
        /usr/lib/postgresql/*/bin \
        /usr/pgsql-*/bin \
        /usr/libexec/postgresql* \
        /opt/homebrew/opt/postgresql@*/bin \
        /usr/local/opt/postgresql@*/bin
}

# Whether a server that is new enough is here, with its client programs beside it or in PATH.
# Leaves the version of one that is too old in `outdated`.
outdated=
have_postgres() {
    local folder version program
    while read -r folder; do
        version=$(server_version "$folder") || continue
        if ((version < oldest_postgres)); then
            outdated=$version
            continue
        fi
        for program in pg_dump psql; do
            [[ -x $folder/$program ]] || have "$program" || continue 2
        done
        return 0
    done <<<"$(candidate_folders || true)"
    return 1
}

# A compiler without the C library's headers is of no use to the crates that contain C.
have_cc() {
    have cc && cc -E -x c - >/dev/null 2>&1 <<<'#include <stdlib.h>'
}

# A Python that can make virtual environments; Debian has that in a package of its own.
have_python() {
    have python3 && python3 - "$oldest_python" 2>/dev/null <<'END'
import ensurepip, sys, venv
sys.exit(sys.version_info < tuple(map(int, sys.argv[1].split("."))))
END
}

# What is missing for $1, as words of our own.
missing_tools() {
    have_cc || echo cc
    have make || echo make
    have curl || echo curl
    have_postgres || echo postgresql
    [[ $1 != fuzz ]] || have_python || echo python
}

package_manager() {
    local name
    for name in apt-get dnf apk brew; do
        if have "$name"; then
            echo "$name"
            return
        fi
    done
}

# The packages in which manager $1 has the tools $2...
packages() {
    local manager=$1 tool
    shift
    for tool in "$@"; do
        case $manager:$tool in
            apt-get:cc) echo gcc libc6-dev ;;
            apt-get:postgresql) echo postgresql postgresql-client ;;
            apt-get:python) echo python3 python3-venv ;;
            dnf:cc) echo gcc glibc-devel ;;
            dnf:postgresql) echo postgresql-server postgresql ;;
            apk:cc) echo gcc musl-dev ;;
            apk:postgresql) echo postgresql postgresql-client ;;
            brew:postgresql) echo postgresql@17 ;;
            *:python) echo python3 ;;
            *) echo "$tool" ;;
        esac
    done | paste -s -d ' ' -
}

# The command that installs packages $2... with manager $1, without its questions.
install_command() {
    local manager=$1
    shift
    case $manager in
        apt-get) echo "apt-get install -y --no-install-recommends $*" ;;
        dnf) echo "dnf install -y $*" ;;
        apk) echo "apk add $*" ;;
        brew) echo "brew install $*" ;;
    esac
}

may_install() {
    ((EUID == 0)) || { have sudo && sudo -n true 2>/dev/null; }
}

as_root() {
    if ((EUID == 0)); then
        "$@" </dev/null >&2
    else
        sudo -n "$@" </dev/null >&2
    fi
}

# Debian's package starts a server of its own, "main", when it is installed. Nobody here needs it; this
# file prevents it for as long as the installation takes.
readonly no_main_cluster=/etc/postgresql-common/createcluster.d/phaseline-setup.conf

# Called where bash does not stop at errors by itself.
apt_install() {
    local status=0
    trap 'as_root rm -f "$no_main_cluster"' EXIT
    as_root mkdir -p "${no_main_cluster%/*}" || return
    as_root sh -c "echo 'create_main_cluster = false' >'$no_main_cluster'" || return
    if ! as_root apt-get update -q; then
        say "apt-get update failed; once more"
        sleep 5
        as_root apt-get update -q || say "apt-get update failed again; going on with the lists that are here"
    fi
    # The system's own upgrade may hold the lock.
    as_root env DEBIAN_FRONTEND=noninteractive "$@" -q -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 || status=$?
    as_root rm -f "$no_main_cluster"
    trap - EXIT
    return "$status"
}

install_tools() {
    local manager runner=as_root sudo='sudo '
    local -a command
    manager=$(package_manager)
    [[ -n $manager ]] ||
        die "missing: $*; install PostgreSQL $oldest_postgres or later, a C compiler and make, then run this again"
    read -ra command <<<"$(install_command "$manager" "$(packages "$manager" "$@")")"
    case $manager in
        apt-get) runner=apt_install ;;
        brew)
            # Apple's own tools come from elsewhere.
            { have_cc && have make; } || die "missing: $*; run: xcode-select --install"
            runner=env sudo='' # It refuses to run as root.
            ;;
    esac
    ((EUID != 0)) || sudo=''
    [[ $manager == brew ]] || may_install || die "missing: $*; run: $sudo${command[*]}"
    say "missing: $*; running: ${command[*]}"
    "$runner" "${command[@]}" </dev/null >&2 || die "that failed; look above, or run yourself: $sudo${command[*]}"
}

need_tools() {
    local missing
    missing=$(missing_tools "$1" | paste -s -d ' ' -)
    [[ -n $missing ]] || return 0
    # shellcheck disable=SC2086
    install_tools $missing
    missing=$(missing_tools "$1" | paste -s -d ' ' -)
    [[ -n $missing ]] || return 0
    have_postgres || [[ -z $outdated ]] ||
        die "this system's packages have PostgreSQL $outdated, and $oldest_postgres or later is needed;" \
            "www.postgresql.org/download has packages of newer ones, or name a folder in PHASELINE_PG_BINDIR"
    die "still missing after the installation: $missing"
}

need_cargo() {
    have cargo && return
    local folder=${CARGO_HOME:-$HOME/.cargo}/bin
    [[ ! -x $folder/cargo ]] || die "cargo is in $folder, which is not in PATH; run: export PATH=\"$folder:\$PATH\""
    die "cargo is missing; install Rust $oldest_rust or later with rustup (https://rustup.rs)"
}

need_component() {
    local subcommand=$1 component=$2
    cargo "$subcommand" --version >/dev/null 2>&1 && return
    local remedy="rustup component add $component"
    have rustup || die "cargo $subcommand is missing; install $component from where cargo came from"
    say "missing: $component; running: $remedy"
    $remedy </dev/null >&2 || die "failed to install $component; run yourself: $remedy"
}

# A pinned version: a newer one may know more licences, or other names for its settings.
need_cargo_deny() {
    [[ $(cargo deny --version 2>/dev/null) == "cargo-deny $cargo_deny" ]] && return
    say "missing: cargo-deny $cargo_deny; building it takes some minutes, once"
    # With a target folder of its own (a temporary one): ours is for the workspace.
    env -u CARGO_TARGET_DIR cargo install --quiet --locked --force --version "$cargo_deny" cargo-deny \
        </dev/null >&2 || die "failed to install cargo-deny $cargo_deny; look above"
}

# In a virtual environment of its own, made anew when what is wanted is not what is there.
need_schemathesis() {
    local wanted=scripts/fuzz/requirements.txt folder=${CARGO_TARGET_DIR:-target}/fuzz
    cmp -s "$wanted" "$folder/installed.txt" && [[ -x $folder/bin/schemathesis ]] && return
    say "missing: $(grep '^schemathesis==' "$wanted"); installing it into $folder"
    rm -rf "$folder"
    python3 -m venv "$folder" </dev/null >&2 || die "python3 -m venv $folder failed; look above"
    # Versions that this Python does not need are passed over.
    "$folder/bin/pip" --disable-pip-version-check --quiet install --constraint "$wanted" schemathesis </dev/null >&2 ||
        die "pip could not install schemathesis; look above"
    cp "$wanted" "$folder/installed.txt"
}

cd "$(dirname "$0")/.."
case ${1:-} in
    '' | lint | fuzz) ;;
    *) die "usage: scripts/setup.sh [lint|fuzz]" ;;
esac

need_tools "${1:-}"
need_cargo
if [[ ${1:-} == fuzz ]]; then
    need_schemathesis
fi
if [[ ${1:-} == lint ]]; then
    need_component fmt rustfmt
    need_component clippy clippy
    need_cargo_deny
fi
