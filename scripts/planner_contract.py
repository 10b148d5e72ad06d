"""Sends the requests of api/tests/it/contract/cases.json to the planner's own service, and prints each response that differs.

Run it in the folder `backend` of a checkout of the planner at its revision 72a02e0, with its requirements installed; it uses
the planner's own test set-up, so no server is needed:

    PYTHONPATH=. python PHASELINE/scripts/planner_contract.py PHASELINE/api/tests/it/contract/cases.json
"""

import json
import re
import sys
from uuid import uuid4

from tests.conftest import Base, TestClient, app, deps, engine, override_get_db
from tests.integration.test_phase_api import mock_get_current_user

TOKEN = {"Authorization": "Bearer any"}
PERSONS = {"business_sponsor": "A", "project_manager": "B", "program_manager": "C", "technical_lead": "D"}
ID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
TIME = re.compile(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?"')
HEADERS = ("x-error-code", "location", "www-authenticate")

Base.metadata.create_all(bind=engine)
client = TestClient(app, raise_server_exceptions=False)
client.follow_redirects = False


def log_in(valid):
    app.dependency_overrides = {deps.get_db: override_get_db}
    if valid:
        app.dependency_overrides[deps.get_current_user] = mock_get_current_user


def make(path, body):
    response = client.post(path, json={**PERSONS, **body}, headers=TOKEN)
    assert response.status_code == 201, response.text
    return response.json()["id"]


def names():
    """The ids of a new project with its default phase, and an unknown one."""
    log_in(True)
    dates = {"start_date": "2024-01-01", "end_date": "2024-12-31"}
    program = make("/api/v1/programs/", {"name": str(uuid4()), **dates})
    dates = {"start_date": "2024-02-01", "end_date": "2024-11-30"}
    body = {"program_id": program, "name": str(uuid4()), "cost_center_code": str(uuid4())[:13], **dates}
    project = make("/api/v1/projects/", body)
    phases = client.get(f"/api/v1/projects/{project}/phases", headers=TOKEN).json()
    return {"PROJECT": project, "PHASE": phases[0]["id"], "NOWHERE": str(uuid4())}


def send(case, ids):
    def filled(text):
        for name, value in ids.items():
            text = text.replace(name, value)
        return text

    token = case.get("token", "right")
    log_in(token == "right")
    method, path = case["send"].split(" ", 1)
    headers = {**case.get("headers", {}), **(TOKEN if token else {})}
    body = case.get("text", json.dumps(case["json"]) if "json" in case else None)
    if body is not None:
        headers.setdefault("content-type", "application/json")
    return client.request(method, "/api/v1" + filled(path), headers=headers, content=body and filled(body))


def normalized(response, ids):
    """The response in the form of the table."""
    def named(text):
        for name, value in ids.items():
            text = text.replace(value, name)
        return text

    headers = {name: named(response.headers[name]) for name in HEADERS if name in response.headers}
    result = {"status": response.status_code}
    if headers:
        result["headers"] = {name: value.replace("http://testserver", "") for name, value in headers.items()}
    if response.status_code == 500 or not response.text:
        return result
    body = json.loads(TIME.sub('"TIME"', ID.sub("UUID", named(response.text))))
    error = body.get("error", {}) if isinstance(body, dict) else {}
    if "field_errors" in error.get("details", {}):
        faults = error["details"]["field_errors"]
        result["fields"] = [[fault["field"], fault["message"], fault["type"]] for fault in faults]
    else:
        result["body"] = body
    return result


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        cases = json.load(file)
    different = 0
    for case in cases:
        expected = case.get("planner") if "differs" in case else case["response"]
        ids = names()
        result = normalized(send(case, ids), ids)
        if expected is not None and result != expected:
            different += 1
            print(f"{case['case']}: {case['send']}\n  {json.dumps(result)}\n  {json.dumps(expected)}")
    print(f"{len(cases)} requests, {different} responses differ")
    return different > 0


if __name__ == "__main__":
    sys.exit(main())
