#!/usr/bin/env bash
#
# Tries the README's commands in a bare Debian: a minimal system in a folder, with this machine's Rust toolchain bound into it
# and what the README's first lines install, as root and then as an ordinary user.
#
#   scripts/bare-system.sh FOLDER [COMMAND...]    `make demo` and `make test` unless other commands are given
#
# Needs root, debootstrap and the right to mount. The folder is made if it is not there, and is left; nothing stays mounted.
# The checkout that is tried is a clone of this one's last commit.
set -euo pipefail
cd "$(dirname "$0")/.."

say() {
    printf 'bare-system: %s\n' "$*" >&2
}

(($# >= 1)) || {
    say "usage: scripts/bare-system.sh FOLDER [COMMAND...]"
    exit 2
}
((EUID == 0)) || {
    say "needs root, to mount and to change into the folder"
    exit 1
}
readonly system=$1
shift
(($# > 0)) || set -- 'make demo' 'make test'
readonly release=${BARE_RELEASE:-bookworm}
readonly rustup=${RUSTUP_HOME:-$HOME/.rustup} cargo=${CARGO_HOME:-$HOME/.cargo}

mounted=()
unmount() {
    local at
    for ((at = ${#mounted[@]} - 1; at >= 0; at--)); do
        umount --recursive "${mounted[at]}" || umount --lazy "${mounted[at]}" || true
    done
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

if [[ ! -x $system/bin/bash ]]; then
    say "making a minimal $release in $system"
    debootstrap --variant=minbase "$release" "$system" >/dev/null
    # The mirror that debootstrap took, and its security updates.
    mirror=$(awk '$1 == "deb" { print $2; exit }' "$system/etc/apt/sources.list")
    printf 'deb %s-security %s-security main\n' "${mirror%/}" "$release" >>"$system/etc/apt/sources.list"
fi
mount_at /proc -t proc proc
mount_at /dev --rbind /dev
mount --make-rslave "$system/dev"
mount_at /opt/rustup --bind -o ro "$rustup"
mount_at /opt/cargo-bin --bind -o ro "$cargo/bin"
cp -L /etc/resolv.conf "$system/etc/resolv.conf"
# This machine's certificates: its registries may be behind a proxy of its own.
mkdir -p "$system/etc/ssl/certs"

inside() { # inside USER COMMAND
    chroot "$system" /usr/bin/env -i HOME="$(chroot "$system" getent passwd "$1" | cut -d: -f6)" USER="$1" LANG=C.UTF-8 \
        PATH=/opt/cargo-bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin RUSTUP_HOME=/opt/rustup RUSTUP_AUTO_INSTALL=0 \
        CARGO_HTTP_CAINFO=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
        setpriv --reuid "$1" --regid "$1" --init-groups bash -c "$2"
}

say "what the README's first lines install"
inside root 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q make git ca-certificates' >/dev/null
if [[ -s /etc/ssl/certs/ca-certificates.crt ]]; then
    cp /etc/ssl/certs/ca-certificates.crt "$system/etc/ssl/certs/ca-certificates.crt"
fi
chroot "$system" id user >/dev/null 2>&1 || chroot "$system" useradd --create-home user

for user in root user; do
    home=$(chroot "$system" getent passwd "$user" | cut -d: -f6)
    rm -rf "$system$home/phaseline"
    git clone --quiet --no-hardlinks . "$system$home/phaseline"
    chroot "$system" chown -R "$user:" "$home/phaseline"
    for command in "$@"; do
        say "as $user: $command"
        inside "$user" "cd ~/phaseline && time $command" || {
            say "as $user: $command FAILED"
            exit 1
        }
    done
    # A build takes gigabytes.
    rm -rf "${system:?}$home/phaseline/target"
done
say "passed"
