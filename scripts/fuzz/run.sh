#!/usr/bin/env bash
#
# Asks the service what its description allows, and what it does not, and looks whether the answers are as described:
# `make fuzz`. Schemathesis makes the requests, of a fixed seed; the service runs over a sample on a private server, and
# both are gone afterwards. Takes options for schemathesis, such as `--include-operation-id=change_phase`.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=${CARGO_TARGET_DIR:-target}
program=$target/debug/phaseline
schemathesis=$target/fuzz/bin/schemathesis

folder=$(mktemp -d)
# Where root starts it, the server is another account, which must get through.
chmod o+x "$folder"
service=
finish() {
    local status=$?
    if [[ -n $service ]]; then
        kill -TERM "$service" 2>/dev/null || true
        wait "$service" || { echo "the service did not end well:" && tail -n 20 "$folder/log"; } >&2
    fi
    ((status == 0)) || { echo "-- the service's log, its end:" && grep -v ' INFO ' "$folder/log" | tail -n 40; } >&2 || true
    rm -rf "$folder"
    exit "$status"
}
trap finish EXIT

# Nothing of the tester's own environment turns the program aside.
while IFS='=' read -r name _; do
    case $name in
        PHASELINE_PG_BINDIR) ;;
        DATABASE_URL | PG* | PHASELINE_*) unset "$name" ;;
    esac
done < <(env)
PHASELINE_JWT_SECRET="for this run only, and on this machine only"
PHASELINE_DATA_DIR=$folder/data
export PHASELINE_JWT_SECRET PHASELINE_DATA_DIR

# The same seed makes the same ids; they stand in schemathesis.toml.
"$program" sample --projects 4 --assignments 60 --seed 7 --quiet >/dev/null
"$program" migrate --yes --quiet >/dev/null
"$program" serve --listen 127.0.0.1:0 >"$folder/listening" 2>"$folder/log" &
service=$!
for _ in {1..600}; do
    [[ ! -s $folder/listening ]] || break
    kill -0 "$service" || exit 1
    sleep 0.1
done
address=$(grep -o 'http://[0-9.:]*' "$folder/listening")
FUZZ_TOKEN=$("$program" token --subject fuzz --scope 'phases:read phases:write history:read' --expires 8h --quiet)
export FUZZ_TOKEN

export PYTHONPATH=scripts/fuzz PYTHONDONTWRITEBYTECODE=1
"$schemathesis" --config-file scripts/fuzz/schemathesis.toml run --url "$address" "$@" "$address/openapi.json"
# Bodies as large and as deep as the service takes, and what each of them costs it.
"$target/fuzz/bin/python" scripts/fuzz/bodies.py "$address" "$service"
# What all of it came to is still a log and tables that agree.
kill -TERM "$service"
wait "$service"
service=
"$program" verify --quiet | tail -n 2
"$program" drift --quiet | tail -n 1
