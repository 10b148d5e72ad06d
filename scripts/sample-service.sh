# A service over a migrated sample, on a private server of its own: for scripts that send requests to it. They source this file,
# call `start_sample_service`, and get `folder` (temporary), `program`, `service` (its process) and `address`. Everything is
# removed when they end; the same seed leads to the same ids, which scripts/fuzz/sample.py has.
# shellcheck shell=bash

program=${CARGO_TARGET_DIR:-target}/debug/phaseline
folder=$(mktemp -d)
# Started by root, the server runs as another user, who needs access to the folder.
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

start_sample_service() {
    trap finish EXIT
    # shellcheck source=scripts/clean-env.sh
    source scripts/clean-env.sh
    PHASELINE_JWT_SECRET="for this run only, and on this machine only"
    PHASELINE_DATA_DIR=$folder/data
    export PHASELINE_JWT_SECRET PHASELINE_DATA_DIR

    "$program" sample --projects 4 --assignments 60 --seed 7 --quiet >/dev/null
    "$program" migrate --yes --quiet >/dev/null
    "$program" serve --listen 127.0.0.1:0 >"$folder/listening" 2>"$folder/log" &
    service=$!
    for _ in {1..600}; do
        [[ ! -s $folder/listening ]] || break
        kill -0 "$service" || exit 1
        sleep 0.1
    done
    # The scripts that source this use it.
    # shellcheck disable=SC2034
    address=$(grep -o 'http://[0-9.:]*' "$folder/listening")
}

stop_sample_service() {
    kill -TERM "$service"
    wait "$service"
    service=
}
