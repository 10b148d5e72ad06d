#!/usr/bin/env bash
#
# Tries the README's commands in a bare Debian: a minimal system in a folder, with this machine's Rust toolchain bound into it
# and the packages of the README's first line. First as an ordinary user without the right to install, then as root, then as that user
# again.
#
#   scripts/bare-system.sh FOLDER [COMMAND...]    `make demo` and `make test` unless other commands are given
#
# Needs root, debootstrap and the right to mount. The folder is created if missing, and kept; all mounts are removed.
# It tests a clone of this checkout's last commit.
set -euo pipefail

say() {
    printf 'bare-system: %s\n' "$*" >&2
}

die() {
    say "$@"
    exit 1
}

(($# >= 1)) || die "usage: scripts/bare-system.sh FOLDER [COMMAND...]"
((EUID == 0)) || die "needs root, to mount and to change into the folder"
system=$(realpath --canonicalize-missing "$1")
readonly system
shift
(($# > 0)) || set -- 'make demo' 'make test'
cd "$(dirname "$0")/.."
readonly release=${BARE_RELEASE:-bookworm}
readonly rustup=${RUSTUP_HOME:-$HOME/.rustup} cargo=${CARGO_HOME:-$HOME/.cargo}

if [[ ! -e $system/made ]]; then
    say "creating a minimal $release in $system"
    debootstrap --variant=minbase "$release" "$system" >/dev/null
    # The mirror that debootstrap took, and its security updates.
    mirror=$(awk '$1 == "deb" { print $2; exit }' "$system/etc/apt/sources.list")
    printf 'deb %s-security %s-security main\n' "${mirror%/}" "$release" >>"$system/etc/apt/sources.list"
    chroot "$system" useradd --create-home user
    touch "$system/made"
fi

mounted=()
unmount() {
    local at left=0
    for ((at = ${#mounted[@]} - 1; at >= 0; at--)); do
        umount --recursive "${mounted[at]}" || umount --lazy "${mounted[at]}" || left=1
    done
    ((left == 0)) || say "mounts are left below $system"
}
trap unmount EXIT

# mount_at PLACE OPTIONS...
mount_at() {
    local place=$system$1
    shift
    mkdir -p "$place"
    mount "$@" "$place"
    mounted+=("$place")
}

mount_at /proc -t proc proc
mount_at /dev --rbind /dev
mount --make-rslave "$system/dev"
mount_at /opt/rustup --bind -o ro "$rustup"
mount_at /opt/cargo-bin --bind -o ro "$cargo/bin"
cp -L /etc/resolv.conf "$system/etc/resolv.conf"

home_of() {
    chroot "$system" getent passwd "$1" | cut -d: -f6
}

inside() { # inside USER COMMAND
    chroot "$system" /usr/bin/env -i HOME="$(home_of "$1")" USER="$1" LANG=C.UTF-8 \
        PATH=/opt/cargo-bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin RUSTUP_HOME=/opt/rustup RUSTUP_AUTO_INSTALL=0 \
        CARGO_HTTP_CAINFO=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
        setpriv --reuid "$1" --regid "$1" --init-groups bash -c "$2"
}

clone_for() {
    local home
    home=$(home_of "$1")
    rm -rf "$system$home/phaseline"
    git clone --quiet --no-hardlinks . "$system$home/phaseline"
    chroot "$system" chown -R "$1:" "$home/phaseline"
}

line=$(sed -n 's/ *#.*//; /^apt-get /{p;q}' README.md)
say "as root: $line"
inside root "DEBIAN_FRONTEND=noninteractive; export DEBIAN_FRONTEND; $line" >/dev/null
# This machine's certificates: its registries may be behind a proxy of its own.
[[ ! -s /etc/ssl/certs/ca-certificates.crt ]] || cp /etc/ssl/certs/ca-certificates.crt "$system/etc/ssl/certs/"

clone_for user
if ! chroot "$system" sh -c 'command -v postgres || ls /usr/lib/postgresql' >/dev/null 2>&1; then
    say "as user, who may not install anything: make demo"
    if inside user 'cd ~/phaseline && make demo' 2>"$system/refused"; then
        die "make demo did not fail"
    fi
    grep 'missing: .*; run' "$system/refused" || die "it does not print the command to run: $(cat "$system/refused")"
fi
for user in root user; do
    clone_for "$user"
    # The user reuses root's compiled dependencies.
    if [[ $user == user && -d $system/root/phaseline/target ]]; then
        mv "$system/root/phaseline/target" "$system$(home_of user)/phaseline/target"
        chroot "$system" chown -R user: "$(home_of user)/phaseline/target"
    fi
    for command in "$@"; do
        say "as $user: $command"
        inside "$user" "cd ~/phaseline && time $command" || die "as $user: $command FAILED"
    done
done
# A build takes gigabytes.
rm -rf "${system:?}$(home_of user)/phaseline/target"
say "passed"
