#!/usr/bin/env bash
# Asks the advisory services about the locked packages. Known vulnerabilities fail; a service that cannot be
# reached (offline, a mirror without one) is said and passed over, so that `make lint` also works there.
set -euo pipefail
cd "$(dirname "$0")/.."

# pip-audit exits 1 for "vulnerable" and for "no answer" alike: only the first prints its report.
report=$(timeout 60 .venv/bin/pip-audit --require-hashes --disable-pip --requirement requirements.txt \
  --progress-spinner off --format json 2>/dev/null) || true
.venv/bin/python - "$report" <<'PY'
import json, sys

try:
    packages = json.loads(sys.argv[1])["dependencies"]
except ValueError:
    packages = []
audited = [p for p in packages if "skip_reason" not in p]
bad = [(p["name"], p["version"], v["id"]) for p in audited for v in p["vulns"]]
for name, version, advisory in bad:
    print(f"pip-audit: {name} {version} has {advisory}")
print(f"pip-audit: {len(audited)} packages audited" if audited else "pip-audit: SKIPPED, no advisory service within reach")
sys.exit(bool(bad))
PY

for folder in client_tests/js frontend; do
  [ -f "$folder/package-lock.json" ] || continue
  report=$(cd "$folder" && timeout 60 npm audit --audit-level=high --json 2>/dev/null) && status=0 || status=$?
  if ! grep -q '"auditReportVersion"' <<<"$report"; then
    echo "npm audit ($folder): SKIPPED, no advisory service within reach"
  elif [ "$status" -ne 0 ]; then
    (cd "$folder" && npm audit --audit-level=high)
  else
    echo "npm audit ($folder): nothing of severity high or above"
  fi
done
