#!/usr/bin/env bash
#
# Sends the service valid and invalid requests from its description, and checks that the responses are as described: `make fuzz`.
# Schemathesis generates the requests from a fixed seed; the service runs over a sample on a private server, and both are removed
# afterwards. Accepts options for schemathesis, such as `--include-operation-id=change_phase`.
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
# Bodies of the greatest permitted size and depth, and their costs.
"$target/fuzz/bin/python" scripts/fuzz/bodies.py "$address" "$service"
# Log and tables must still agree.
stop_sample_service
"$program" verify --quiet | tail -n 2
"$program" drift --quiet | tail -n 1
