"""Typical requests of a program for a project's phases, through the client that openapi-python-client generates from docs/openapi.json:

    ADDRESS=http://127.0.0.1:8080 TOKEN=… PROJECT=… flow.py
"""

import os
from datetime import timedelta
from http import HTTPStatus
from typing import Any, TypeVar
from uuid import UUID

from phaseline_client import AuthenticatedClient
from phaseline_client.api.history import diff_timelines, list_timelines, log, project_history
from phaseline_client.api.phases import change_phase, create_phase, remove_phase
from phaseline_client.api.planner import replace_phases
from phaseline_client.api.timelines import get_timeline, preview
from phaseline_client.models import (
    Batch,
    BatchPhase,
    ChangedPhase,
    ChangedPhases,
    HistoryEntry,
    HistoryOrder,
    HistoryPage,
    LogPage,
    Neighbours,
    NewPhase,
    Phase,
    PhaseChange,
    Preview,
    PreviewDelete,
    Problem,
    Removal,
    Timeline,
    TimelineList,
    TimelineListDiff,
)
from phaseline_client.types import UNSET, Response, Unset

Expected = TypeVar("Expected")

PROJECT = UUID(os.environ["PROJECT"])
CLIENT = AuthenticatedClient(base_url=os.environ["ADDRESS"], token=os.environ["TOKEN"])


def parsed(response: Response[Any], status: HTTPStatus, kind: type[Expected]) -> Expected:
    assert response.status_code == status, (response.status_code, response.content)
    assert isinstance(response.parsed, kind), response.parsed
    return response.parsed


def entry(phase: Phase, name: str) -> BatchPhase:
    """A phase in the form of a complete list."""
    return BatchPhase(
        id=phase.id,
        name=name,
        start_date=phase.start_date,
        end_date=phase.end_date,
        description=phase.description,
        capital_budget=phase.capital_budget,
        expense_budget=phase.expense_budget,
        total_budget=phase.total_budget,
    )


def create_twice() -> tuple[Phase, str]:
    """Creates a phase in the last two weeks of the project; the second request has the same key, and has no effect."""
    response = get_timeline.sync_detailed(PROJECT, client=CLIENT)
    timeline = parsed(response, HTTPStatus.OK, Timeline)
    body = NewPhase(
        name="Hand-over",
        start_date=timeline.phases[-1].end_date - timedelta(days=13),
        end_date=timeline.phases[-1].end_date,
        capital_budget="1000.10",
    )
    seen, etags = [], []
    for replayed in (None, "true"):
        created = create_phase.sync_detailed(
            PROJECT,
            client=CLIENT,
            body=body,
            if_match=response.headers["ETag"],
            idempotency_key="python-create",
            phaseline_reason="the python flow",
        )
        seen.append(parsed(created, HTTPStatus.CREATED, ChangedPhase).phase)
        etags.append(created.headers["ETag"])
        assert created.headers.get("Idempotent-Replayed") == replayed
    assert seen[0] == seen[1] and seen[0].total_budget == "1000.10"
    return seen[0], etags[0]


def resize(phase: Phase, etag: str) -> str:
    """Resizes the phase; the same at the old version is a conflict, which has both states."""
    earlier = phase.start_date - timedelta(days=7)
    change = PhaseChange(start_date=earlier, neighbours=Neighbours.ADJUST)
    changed = change_phase.sync_detailed(phase.id, client=CLIENT, body=change, if_match=etag)
    after = parsed(changed, HTTPStatus.OK, ChangedPhase)
    assert after.phase.start_date == earlier
    assert after.phases[-2].end_date == earlier - timedelta(days=1)

    late = PhaseChange(name="Too late")
    refused = change_phase.sync_detailed(phase.id, client=CLIENT, body=late, if_match=etag)
    conflict = parsed(refused, HTTPStatus.PRECONDITION_FAILED, Problem)
    assert conflict.code == "version_conflict"
    assert not isinstance(conflict.current, Unset) and isinstance(conflict.attempted, PhaseChange)
    assert conflict.current.version == after.phase.version and conflict.attempted.name == "Too late"
    assert [one.name for one in conflict.current.phases] == [one.name for one in after.phases]
    return str(changed.headers["ETag"])


def batch(etag: str) -> list[Phase]:
    """Renames all phases at once; a list with a gap is refused by a rule."""
    timeline = parsed(get_timeline.sync_detailed(PROJECT, client=CLIENT), HTTPStatus.OK, Timeline)
    listed = [entry(phase, f"{phase.name} (python)") for phase in timeline.phases]
    replaced = replace_phases.sync_detailed(PROJECT, client=CLIENT, body=Batch(phases=listed), if_match=etag)
    assert replaced.status_code == HTTPStatus.OK and isinstance(replaced.parsed, list), replaced.content
    assert [phase.name for phase in replaced.parsed] == [one.name for one in listed]

    gap = PhaseChange(start_date=listed[-1].start_date + timedelta(days=1), neighbours=Neighbours.REFUSE)
    refused = change_phase.sync_detailed(replaced.parsed[-1].id, client=CLIENT, body=gap)
    problem = parsed(refused, HTTPStatus.UNPROCESSABLE_ENTITY, Problem)
    assert not isinstance(problem.errors, Unset) and problem.errors[0].rule == "V4", problem
    return replaced.parsed


def remove(phase: Phase) -> None:
    """Previews the removal, then removes the phase; then it does not exist."""
    attempt = PreviewDelete(delete=Removal(phase_id=phase.id))
    effects = parsed(preview.sync_detailed(PROJECT, client=CLIENT, body=attempt), HTTPStatus.OK, Preview)
    assert effects.valid and len(effects.after) == len(effects.before) - 1
    removed = remove_phase.sync_detailed(phase.id, client=CLIENT, neighbours=Neighbours.ADJUST)
    left = parsed(removed, HTTPStatus.OK, ChangedPhases)
    assert phase.id not in [one.id for one in left.phases]
    again = remove_phase.sync_detailed(phase.id, client=CLIENT)
    assert parsed(again, HTTPStatus.NOT_FOUND, Problem).code == "not_found"


def history() -> list[HistoryEntry]:
    """The whole history, newest first, three entries at a time."""
    entries: list[HistoryEntry] = []
    cursor: str | Unset = UNSET
    while True:
        response = project_history.sync_detailed(
            PROJECT, client=CLIENT, limit=3, order=HistoryOrder.DESC, cursor=cursor
        )
        page = parsed(response, HTTPStatus.OK, HistoryPage)
        entries += page.entries
        if page.next_cursor is None:
            return entries
        cursor = page.next_cursor


def look_back(before: int, entries: list[HistoryEntry]) -> None:
    """The portfolio before the flow, what changed since, and who did it."""
    past = parsed(list_timelines.sync_detailed(client=CLIENT, at=before, totals=True), HTTPStatus.OK, TimelineList)
    assert past.moment.position == before
    assert PROJECT in [project.project_id for project in past.projects]
    changed = diff_timelines.sync_detailed(client=CLIENT, from_=str(before), totals=True)
    diff = parsed(changed, HTTPStatus.OK, TimelineListDiff)
    assert [project.project_id for project in diff.projects] == [PROJECT]
    assert not isinstance(diff.totals, Unset) and diff.totals.projects.changed == 1
    page = parsed(log.sync_detailed(client=CLIENT, from_=before + 1, limit=500), HTTPStatus.OK, LogPage)
    newest = [one.position for one in entries if one.position > before]
    assert [one.position for one in page.entries] == newest[::-1]


def main() -> None:
    tip = parsed(list_timelines.sync_detailed(client=CLIENT, limit=1), HTTPStatus.OK, TimelineList)
    created, etag = create_twice()
    phases = batch(resize(created, etag))
    remove(phases[-1])
    entries = history()
    versions = [one.version for one in entries]
    assert versions == list(range(len(entries), 0, -1)), versions
    created_by = [one for one in entries if one.reason == "the python flow" and one.phase_id == created.id]
    assert created_by, "the history has the new phase with its reason"
    look_back(tip.moment.position, entries)
    stranger = AuthenticatedClient(base_url=os.environ["ADDRESS"], token="none")
    refused = get_timeline.sync_detailed(PROJECT, client=stranger)
    assert parsed(refused, HTTPStatus.UNAUTHORIZED, Problem).code == "token_invalid"
    print(f"python: {len(entries)} events, all responses as described")


if __name__ == "__main__":
    main()
