#!/usr/bin/env bash
#
# Measures event stores in other languages beside Phaseline, each with the same work: durable commands, each with its row of a read model,
# by 1, 16 and 64 clients. Installs them into target/peers first. Arguments are those of phaseline-bench, and names of cases.
#
#   bench/peers/run.sh                                  Emmett (Node.js) and eventsourcing (Python)
#   bench/peers/run.sh command-16-emmett --rounds 5     some
set -euo pipefail
cd "$(dirname "$0")/../.."

bash scripts/setup.sh peers
[[ ${1:-} == command-* ]] || set -- peers "$@"
exec cargo run --release --locked -p phaseline-bench -- "$@"
