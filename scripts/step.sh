#!/usr/bin/env bash
#
# Runs a command under a headline and prints its duration: scripts/step.sh NAME COMMAND...
set -euo pipefail

name=$1
shift

printf '== %s\n' "$name"
status=0
"$@" || status=$?
if ((status == 0)); then
    printf '== %s: ok, %d s\n' "$name" "$SECONDS"
else
    printf '== %s: FAILED, %d s\n' "$name" "$SECONDS"
fi
exit "$status"
