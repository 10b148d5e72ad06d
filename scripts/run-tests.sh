#!/usr/bin/env bash
#
# Runs the integration tests of one package as `make test` builds them: scripts/run-tests.sh PACKAGE [ARGUMENTS OF THE TESTS]. With
# `cargo test -p`, dependencies may have fewer features than in the whole workspace, and would be built once more for that.
set -euo pipefail
cd "$(dirname "$0")/.."

package=$1
shift
program=$(cargo test --workspace --locked --no-run --message-format=json-render-diagnostics | python3 -c '
import json, sys

for line in sys.stdin:
    built = json.loads(line)
    if built.get("executable") and built["target"]["name"] == "it" and f"/{sys.argv[1]}#" in built["package_id"]:
        print(built["executable"])
' "$package")
[[ -x $program ]] || {
    echo "run-tests: the package in $package/ has no test target 'it'" >&2
    exit 1
}
# Where cargo would run it.
cd "$package"
exec "$program" "$@"
