#!/usr/bin/env bash
#
# Installs what is missing to build and run Phaseline, and nothing else: a C compiler, make, curl (for docs/tour.md), PostgreSQL.
#
#   scripts/setup.sh         the needs of `make demo`
#   scripts/setup.sh test    that, Python, kill and pgrep, an older minor version of PostgreSQL 15 in target/postgres, Chromium,
#                            Node.js, PgBouncer and nginx for `make test`
#   scripts/setup.sh lint    that of the first line, and rustfmt, clippy and cargo-deny for `make lint`
#   scripts/setup.sh fuzz    that of the first line, and schemathesis (Python) in target/fuzz for `make fuzz`
#   scripts/setup.sh clients  that of the first line, Python, Node.js and, in target/clients, the tools of `make clients`: validators of
#                            docs/openapi.json, generators of clients, checkers of types
#   scripts/setup.sh page    that of the first line, Node.js, Chromium and, in target/page, playwright-core and axe-core for
#                            `make test-page`
#   scripts/setup.sh peers   that of the first line, Python, Node.js and, in target/peers, the event stores of bench/peers/
#   scripts/setup.sh profile that of the first line, and perf for phaseline-bench --profile
#   scripts/setup.sh newest [VERSION]    nothing; fails if the system's packages have a newer PostgreSQL than the one that is
#                            installed, or if that is not VERSION; prints its version
#
# With UPGRADE=1, or CI=true unless UPGRADE is set, PostgreSQL is first brought to the newest minor version that the system's
# packages have (its servers restart), and its version is printed. Can be run again at any time; otherwise prints nothing if everything
# is there. Without the right to install packages it prints the command to run and exits with 1.
set -euo pipefail

readonly oldest_postgres=15
readonly cargo_deny=0.20.2
readonly oldest_rust=1.90
readonly oldest_python=3.10
readonly oldest_node=18.19
# The last minor version before columns had a version of their own in the catalogue (pg_attver).
readonly older_postgres=15.19

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

# The major version of the PostgreSQL server whose programs are in folder $1.
server_version() {
    local program text
    for program in initdb pg_ctl postgres; do
        [[ -x $1/$program ]] || return 1
    done
    text=$("$1/postgres" --version 2>/dev/null) || return 1
    [[ $text =~ \(PostgreSQL\)\ ([0-9]+) ]] || return 1
    echo "${BASH_REMATCH[1]}"
}

# The folders to search for a server, best first: those that the program itself searches (crate `embedded`).
candidate_folders() {
    if [[ -n ${PHASELINE_PG_BINDIR:-} ]]; then
        echo "$PHASELINE_PG_BINDIR"
        return
    fi
    local program
    program=$(type -P postgres) && dirname "$(readlink -f "$program")"
    have pg_config && pg_config --bindir 2>/dev/null
    # The newest first, as in the program.
    local place
    for place in '/usr/lib/postgresql/*/bin' '/usr/pgsql-*/bin' '/usr/libexec/postgresql*' \
        '/opt/homebrew/opt/postgresql@*/bin' '/usr/local/opt/postgresql@*/bin'; do
        # shellcheck disable=SC2086
        printf '%s\n' $place | sort -rV
    done
}

# Whether a server that is new enough is installed, with its client programs beside it or in PATH. Stores its folder in `bindir`,
# and the version of one that is too old in `outdated`.
bindir=
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
        bindir=$folder
        return 0
    done <<<"$(candidate_folders || true)"
    return 1
}

# The crates that contain C need the C library's headers, too.
have_cc() {
    have cc && cc -E -x c - >/dev/null 2>&1 <<<'#include <stdlib.h>'
}

# A Python that can create virtual environments; Debian has that in a separate package.
have_python() {
    have python3 && python3 - "$oldest_python" 2>/dev/null <<'END'
import ensurepip, sys, venv
sys.exit(sys.version_info < tuple(map(int, sys.argv[1].split("."))))
END
}

# A Node.js that runs the tools of `make clients` and the tests of pages.
have_node() {
    local version
    version=$(node --version 2>/dev/null) && [[ $(printf '%s\n' "$oldest_node" "${version#v}" | sort -V | head -n 1) == "$oldest_node" ]]
}

have_chromium() {
    have chromium || have chromium-browser
}

# Tests send signals to processes and search for children. They cannot run the shell's built-in kill.
have_process_tools() {
    type -P kill >/dev/null && type -P pgrep >/dev/null
}

# The missing tools for $1, by this script's names.
missing_tools() {
    have_cc || echo cc
    have make || echo make
    have curl || echo curl
    have_postgres || echo postgresql
    [[ $1 != fuzz && $1 != test && $1 != clients && $1 != peers ]] || have_python || echo python
    [[ $1 != clients && $1 != page && $1 != peers ]] || have_node || echo node
    [[ $1 != clients && $1 != page && $1 != peers ]] || have npm || echo npm
    [[ $1 != profile ]] || have perf || echo perf
    [[ $1 != page ]] || have_chromium || echo chromium
    [[ $1 != test ]] || have_process_tools || echo procps
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
            apt-get:perf) echo linux-perf ;;
            apt-get:python) echo python3 python3-venv ;;
            apt-get:node | dnf:node | apk:node) echo nodejs ;;
            brew:npm) echo node ;;
            dnf:cc) echo gcc glibc-devel ;;
            dnf:procps) echo procps-ng ;;
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

# The command for a user without the right to install packages.
how_to_run() {
    if have sudo; then echo "run: sudo $*"; else echo "run as root: $*"; fi
}

as_root() {
    if ((EUID == 0)); then
        "$@" </dev/null >&2
    else
        sudo -n "$@" </dev/null >&2
    fi
}

# Debian's package starts a server, "main", during its installation. It is not needed here; this file prevents it
# during the installation.
readonly no_main_cluster=/etc/postgresql-common/createcluster.d/phaseline-setup.conf
# While this file refuses it, no package starts a service. Set to its path if this script made it.
policy=

# Updates the package lists. Without the option apt-get succeeds even if no server can be reached.
update_lists() {
    as_root apt-get update -q --error-on=any && return
    say "apt-get update failed; trying again"
    sleep 5
    as_root apt-get update -q --error-on=any && return
    say "apt-get update failed again"
    return 1
}

# Called in contexts where bash ignores errexit.
apt_install() {
    local status=0
    trap 'as_root rm -f "$no_main_cluster" "$policy"' EXIT
    as_root mkdir -p "${no_main_cluster%/*}" || return
    as_root sh -c "echo 'create_main_cluster = false' >'$no_main_cluster'" || return
    update_lists || say "continuing with the present package lists"
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
            # Apple's own tools have another installer.
            { have_cc && have make; } || die "missing: $*; run: xcode-select --install"
            runner=env sudo='' # It refuses to run as root.
            ;;
    esac
    ((EUID != 0)) || sudo=''
    [[ $manager == brew ]] || may_install || die "missing: $*; $(how_to_run "${command[@]}")"
    say "missing: $*; running: ${command[*]}"
    "$runner" "${command[@]}" </dev/null >&2 || die "the installation failed, see above; or run: $sudo${command[*]}"
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

# The package of the server found, with the installed and the offered version: `postgresql-15 15.18 15.20`.
# Prints nothing if it is not from a package, or if the packages are not Debian's.
postgres_package() {
    local name installed offered
    have dpkg-query && have apt-cache || return 0
    name=$(dpkg-query --search "$bindir/postgres" 2>/dev/null) || return 0
    name=${name%%:*}
    installed=$(dpkg-query --show --showformat '${Version}' "$name")
    offered=$(LC_ALL=C apt-cache policy "$name" | awk '$1 == "Candidate:" { print $2 }')
    # Without the package's own revision.
    echo "$name ${installed%%-*} ${offered%%-*}"
}

# Whether version $1 is older than $2.
older() {
    [[ $1 != "$2" && $(printf '%s\n' "$1" "$2" | sort -V | head -n 1) == "$1" ]]
}

postgres_version() {
    "$bindir/postgres" --version | sed 's/.*(PostgreSQL) //'
}

# The version of pg_dump beside the server: a package of its own, which may be older.
client_version() {
    "$bindir/pg_dump" --version 2>/dev/null | sed 's/.*(PostgreSQL) //' || true
}

# Brings PostgreSQL to the newest minor version of the system's packages. Those of the system's servers that run are restarted
# by their package.
upgrade_postgres() {
    local name installed offered
    local -a command
    have_postgres
    if have apt-get && may_install; then
        update_lists || say "continuing with the present package lists"
    fi
    read -r name installed offered <<<"$(postgres_package)" || true
    if [[ -z $offered ]]; then
        say "PostgreSQL in $bindir is not from Debian's packages: upgrade it as you installed it"
    elif older "$installed" "$offered" || older "$(client_version)" "$(postgres_version)"; then
        # The client programs are in a separate package; the server's does not require a certain version.
        command=(apt-get install -y --only-upgrade "$name" "${name/postgresql/postgresql-client}" libpq5)
        may_install || die "PostgreSQL $installed (pg_dump $(client_version)) is installed, $offered is available; $(how_to_run "${command[@]}")"
        say "PostgreSQL $installed (pg_dump $(client_version)) is installed, $offered is available; running: ${command[*]}"
        apt_install "${command[@]}" || die "the installation failed, see above"
    fi
    say "PostgreSQL $(postgres_version), $bindir"
}

# Fails if the packages have a newer version than the installed, tested one.
refuse_older_postgres() {
    local name installed offered known=yes
    have_postgres || die "PostgreSQL is not installed"
    [[ -z $(client_version) || $(client_version) == "$(postgres_version)" ]] ||
        die "pg_dump in $bindir is $(client_version), and the server $(postgres_version); run: make setup UPGRADE=1"
    [[ -z ${1:-} || $(postgres_version) == "$1" ]] || die "PostgreSQL was $1 and is $(postgres_version) now: it was upgraded meanwhile"
    if have apt-get; then
        { may_install && update_lists; } || known=
    fi
    read -r name installed offered <<<"$(postgres_package)" || true
    if [[ -z $offered ]]; then
        say "PostgreSQL $(postgres_version), $bindir: not from Debian's packages, so newer versions are not checked"
    elif older "$installed" "$offered"; then
        die "tested on PostgreSQL $installed, but the packages offer $offered; run: make setup UPGRADE=1"
    elif [[ -n $known ]]; then
        say "PostgreSQL $(postgres_version), $bindir: the newest that the packages offer"
    else
        say "PostgreSQL $(postgres_version), $bindir: the newest version of the packages is unknown"
    fi
    postgres_version
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
    have rustup || die "cargo $subcommand is missing; install $component from the source of cargo"
    say "missing: $component; running: $remedy"
    $remedy </dev/null >&2 || die "failed to install $component; run: $remedy"
}

# A pinned version: a newer one may have more licences, or other names for its settings.
need_cargo_deny() {
    [[ $(cargo deny --version 2>/dev/null) == "cargo-deny $cargo_deny" ]] && return
    say "missing: cargo-deny $cargo_deny; building it takes some minutes, once"
    # With a separate, temporary target folder.
    env -u CARGO_TARGET_DIR cargo install --quiet --locked --force --version "$cargo_deny" cargo-deny \
        </dev/null >&2 || die "failed to install cargo-deny $cargo_deny, see above"
}

# In a separate virtual environment, recreated when the requirements change.
need_schemathesis() {
    local requirements=scripts/fuzz/requirements.txt folder=${CARGO_TARGET_DIR:-target}/fuzz
    cmp -s "$requirements" "$folder/installed.txt" && [[ -x $folder/bin/schemathesis ]] && return
    say "missing: $(grep '^schemathesis==' "$requirements"); installing it into $folder"
    rm -rf "$folder"
    python3 -m venv "$folder" </dev/null >&2 || die "python3 -m venv $folder failed, see above"
    # Skips packages that this Python does not need.
    "$folder/bin/pip" --disable-pip-version-check --quiet install --constraint "$requirements" schemathesis </dev/null >&2 ||
        die "pip could not install schemathesis, see above"
    cp "$requirements" "$folder/installed.txt"
}

# The packages of folder $1, in pinned versions, in folder $2.
need_node_packages() {
    local sources=$1 folder=$2
    ! cmp -s "$sources/package-lock.json" "$folder/installed.json" || return 0
    say "missing: packages of $sources/package.json; installing them into $folder"
    rm -rf "$folder"
    mkdir -p "$folder"
    cp "$sources"/{.npmrc,package.json,package-lock.json} "$folder"
    # Their installation scripts are not needed.
    (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --silent </dev/null >&2) ||
        die "npm could not install them, see above"
    cp "$sources/package-lock.json" "$folder/installed.json"
}

# The tools of `make clients`, in pinned versions; installed again when these change.
need_client_tools() {
    local sources=scripts/clients folder=${CARGO_TARGET_DIR:-target}/clients
    if ! cmp -s "$sources/requirements.txt" "$folder/python/installed.txt"; then
        say "missing: $(grep '^openapi-python-client==' "$sources/requirements.txt") and others; installing them into $folder/python"
        rm -rf "$folder/python"
        python3 -m venv "$folder/python" </dev/null >&2 || die "python3 -m venv $folder/python failed, see above"
        "$folder/python/bin/pip" --disable-pip-version-check --quiet install --constraint "$sources/requirements.txt" \
            openapi-spec-validator openapi-python-client mypy </dev/null >&2 || die "pip could not install them, see above"
        cp "$sources/requirements.txt" "$folder/python/installed.txt"
    fi
    need_node_packages "$sources" "$folder/typescript"
}

# The event stores of bench/peers/ that are not crates, in pinned versions; installed again when these change.
need_peers() {
    local sources=bench/peers folder=${CARGO_TARGET_DIR:-target}/peers
    if ! cmp -s "$sources/eventsourcing/requirements.txt" "$folder/eventsourcing/installed.txt"; then
        say "missing: $(grep '^eventsourcing==' "$sources/eventsourcing/requirements.txt"); installing it into $folder/eventsourcing"
        rm -rf "$folder/eventsourcing"
        python3 -m venv "$folder/eventsourcing" </dev/null >&2 || die "python3 -m venv $folder/eventsourcing failed, see above"
        "$folder/eventsourcing/bin/pip" --disable-pip-version-check --quiet install \
            --requirement "$sources/eventsourcing/requirements.txt" </dev/null >&2 || die "pip could not install it, see above"
        cp "$sources/eventsourcing/requirements.txt" "$folder/eventsourcing/installed.txt"
    fi
    need_node_packages "$sources/emmett" "$folder/emmett"
    # A module finds packages in its own folder and above.
    cp "$sources/emmett/peer.mjs" "$folder/emmett"
}

# An older version, for the tests of upgrades: of the system's minor version, and to the major version PG. It is a package for Linux with glibc, so it is not available everywhere.
get_older_postgres() {
    have_postgres
    [[ -n ${PG:-} || $(server_version "$bindir") == "${older_postgres%.*}" ]] || return 0
    bash scripts/postgres.sh "$older_postgres" "${CARGO_TARGET_DIR:-target}/postgres/$older_postgres" && return
    [[ ${CI:-} != true ]] || die "PostgreSQL $older_postgres is not available, see above"
    say "without PostgreSQL $older_postgres the tests of upgrades are skipped"
}

# Installs tool $1 if it can; without it $2 is skipped, except in CI.
get_optional() {
    local tool=$1 tests=$2 manager run=as_root
    local -a command
    manager=$(package_manager)
    if [[ -n $manager && $manager != brew ]]; then
        read -ra command <<<"$(install_command "$manager" "$(packages "$manager" "$tool")")"
        if may_install; then
            [[ $manager != apt-get ]] || run=apt_install
            say "missing: $tool; running: ${command[*]}"
            "$run" "${command[@]}" && return
        else
            say "$(how_to_run "${command[@]}")"
        fi
    fi
    [[ ${CI:-} != true ]] || die "$tool is not available, see above"
    say "without $tool the test of $tests is skipped"
}

# The server program $1, for the tests of $2, which are skipped without it. Its package would start a service.
get_server() {
    local manager
    local -a command
    if have "$1" || [[ -x /usr/sbin/$1 ]]; then return; fi
    manager=$(package_manager)
    if [[ $manager == apt-get ]]; then
        read -ra command <<<"$(install_command "$manager" "$1")"
        if may_install; then
            say "missing: $1; running: ${command[*]}"
            if [[ ! -e /usr/sbin/policy-rc.d ]]; then
                policy=/usr/sbin/policy-rc.d
                as_root sh -c "printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy"
            fi
            local status=0
            apt_install "${command[@]}" || status=$?
            [[ -z $policy ]] || as_root rm -f "$policy"
            policy=
            # It would start with the machine.
            if have systemctl; then as_root systemctl disable --quiet "$1" || true; fi
            ((status != 0)) || return 0
        else
            say "$(how_to_run "${command[@]}")"
        fi
    fi
    [[ ${CI:-} != true ]] || die "$1 is not available, see above"
    say "without $1 the tests of $2 are skipped"
}

cd "$(dirname "$0")/.."
readonly wanted=${1:-}
case $wanted in
    '' | test | lint | fuzz | clients | page | peers | profile | newest) ;;
    *) die "usage: scripts/setup.sh [test|lint|fuzz|clients|page|peers|profile|newest [VERSION]]" ;;
esac

if [[ $wanted == newest ]]; then
    refuse_older_postgres "${2:-}"
    exit
fi
need_tools "$wanted"
if [[ ${UPGRADE:-} == 1 ]] || [[ -z ${UPGRADE:-} && ${CI:-} == true ]]; then
    upgrade_postgres
fi
need_cargo
case $wanted in
    test)
        get_older_postgres
        have_chromium || get_optional chromium "pages of other origins"
        have_node || get_optional node "the page's days"
        get_server pgbouncer 'connections through a pooler'
        get_server nginx 'the pages behind a proxy'
        ;;
    fuzz) need_schemathesis ;;
    clients) need_client_tools ;;
    peers) need_peers ;;
    page) need_node_packages scripts/page "${CARGO_TARGET_DIR:-target}/page" ;;
    lint)
        need_component fmt rustfmt
        need_component clippy clippy
        need_cargo_deny
        ;;
esac
