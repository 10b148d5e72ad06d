#!/usr/bin/env bash
#
# Asks the service what its description allows, and what it does not, and looks whether the answers are as described:
# `make fuzz`. Schemathesis makes the requests, of a fixed seed; the service runs over a sample on a private server, and
# both are gone afterwards. Takes options for schemathesis, such as `--include-operation-id=change_phase`.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=${CARGO_TARGET_DIR:-target}
schemathesis=$target/fuzz/bin/schemathesis

# shellcheck source=scripts/sample-service.sh
source scripts/sample-service.sh
start_sample_service
FUZZ_TOKEN=$("$program" token --subject fuzz --scope 'phases:read phases:write history:read' --expires 8h --quiet)
export FUZZ_TOKEN

export PYTHONPATH=scripts/fuzz PYTHONDONTWRITEBYTECODE=1
"$schemathesis" --config-file scripts/fuzz/schemathesis.toml run --url "$address" "$@" "$address/openapi.json"
# Bodies as large and as deep as the service takes, and what each of them costs it.
"$target/fuzz/bin/python" scripts/fuzz/bodies.py "$address" "$service"
# What all of it came to is still a log and tables that agree.
stop_sample_service
"$program" verify --quiet | tail -n 2
"$program" drift --quiet | tail -n 1
