"""Valid requests: those that schemathesis generates seldom pass the rules of a timeline."""

import schemathesis

from sample import DAYS, EXECUTION, LIST, PLANNING, PROJECT

CHANGE = {"name": "Preparation", "end_date": "2022-11-15", "neighbours": "adjust"}
CREATE = {"name": "Hand-over", "start_date": "2023-01-15", "end_date": DAYS[1]}

# By operation: the path's id, and bodies. Most are valid independent of earlier requests.
DONE = {
    "replace_phases": (PROJECT, [{"phases": [{**one, "id": None} for one in LIST]}, {"phases": LIST}]),
    "validate_phases": (PROJECT, [[{key: one[key] for key in ("id", "name", "start_date", "end_date")} for one in LIST]]),
    "create_phase": (PROJECT, [CREATE]),
    "change_phase": (PLANNING, [{"name": "Preparation"}, {"description": None}, CHANGE]),
    "reorder_phases": (PROJECT, [{"phases": [PLANNING, EXECUTION]}, {"phases": [EXECUTION, PLANNING]}]),
    "put_timeline": (PROJECT, [{"start_date": DAYS[0], "end_date": DAYS[1]}]),
    # Before the timeline, some position of it, and behind the log's end.
    "restore_timeline": (PROJECT, [{"to": 1}, {"to": 50, "with_project_days": True}, {"to": 9_000_000_000}]),
    "preview": (
        PROJECT,
        [
            {"reschedule": {"start_date": DAYS[0], "end_date": "2023-02-28"}},
            {"replace": {"phases": LIST}},
            {"create": CREATE},
            {"change": {"phase_id": PLANNING, **CHANGE}},
            {"delete": {"phase_id": EXECUTION}},
            {"reorder": {"phases": [EXECUTION, PLANNING]}},
            {"restore": {"to": 50, "with_project_days": True}},
        ],
    ),
}


@schemathesis.hook
def before_add_examples(context, examples):
    operation = context.operation
    id_, bodies = DONE.get(operation.definition.raw.get("operationId"), (None, []))
    name = "phase_id" if id_ == PLANNING else "project_id"
    for body in bodies:
        examples.append(
            operation.Case(path_parameters={name: id_}, body=body, media_type="application/json")
        )
