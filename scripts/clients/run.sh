#!/usr/bin/env bash
#
# Checks that docs/openapi.json is valid, generates a Python and a TypeScript client from it, checks their types, and runs typical
# requests of each against a service: `make clients`. The generated files stay in target/clients.
set -euo pipefail
cd "$(dirname "$0")/../.."

description=$PWD/docs/openapi.json
sources=$PWD/scripts/clients
clients=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")/clients
python=$clients/python/bin node=$clients/typescript/node_modules/.bin
# The generator formats its output.
export PATH=$python:$PATH
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true

echo "-- the description"
openapi-spec-validator "$description"
"$node/redocly" lint --config "$sources/redocly.yaml" "$description"

echo "-- the Python client"
rm -rf "$clients/made"
mkdir -p "$clients/made"
cp "$sources/flow.py" "$clients/made"
(
    cd "$clients/made"
    openapi-python-client generate --path "$description" --meta none --output-path phaseline_client --fail-on-warning
    mypy --config-file "$sources/mypy.ini" flow.py phaseline_client
)

echo "-- the TypeScript client"
cp "$sources"/{flow.ts,tsconfig.json} "$clients/typescript"
"$node/openapi-typescript" "$description" --output "$clients/typescript/phaseline.ts"
"$node/tsc" --project "$clients/typescript"

echo "-- both against the service"
# shellcheck source=scripts/sample-service.sh
source scripts/sample-service.sh
start_sample_service
ADDRESS=$address
TOKEN=$("$program" token --subject flow --scope 'phases:read phases:write history:read' --quiet)
PROJECT=$(PYTHONPATH=scripts/fuzz PYTHONDONTWRITEBYTECODE=1 "$python/python" -c 'import sample; print(sample.PROJECT)')
export ADDRESS TOKEN PROJECT
"$python/python" "$clients/made/flow.py"
node "$clients/typescript/flow.js"
# The description of the generated clients must be the service's own.
curl --silent --fail "$address/openapi.json" | "$python/python" -c '
import json, sys
assert json.load(sys.stdin) == json.load(open(sys.argv[1])), "the service has another description than docs/openapi.json"
' "$description"
stop_sample_service
"$program" verify --quiet | tail -n 2
"$program" drift --quiet | tail -n 1
