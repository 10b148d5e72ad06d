"""Requests that are done, not refused: what schemathesis makes up seldom passes the rules of a timeline."""

import schemathesis

# Of the sample, as in schemathesis.toml: a project of two phases.
PROJECT = "1663d77b-214c-44eb-ac41-1b65d4a027b6"
PLANNING = "e01243af-1661-46ec-a4fc-696277020192"
EXECUTION = "512aa7fb-0df0-41f3-a690-f14b719e9e6c"
DAYS = ("2022-07-30", "2023-01-29")


def phase(id_, name, start, end):
    money = {"capital_budget": "100.00", "expense_budget": "50.50", "total_budget": "150.50"}
    return {"id": id_, "name": name, "start_date": start, "end_date": end, **money}


LIST = [phase(PLANNING, "Planning", DAYS[0], "2022-10-29"), phase(EXECUTION, "Execution", "2022-10-30", DAYS[1])]
CHANGE = {"name": "Preparation", "end_date": "2022-11-15", "neighbours": "adjust"}
CREATE = {"name": "Hand-over", "start_date": "2023-01-15", "end_date": DAYS[1]}

# By operation: the path's id, and bodies. Most are done whatever came before.
DONE = {
    "replace_phases": (PROJECT, [{"phases": [{**one, "id": None} for one in LIST]}, {"phases": LIST}]),
    "validate_phases": (PROJECT, [[{key: one[key] for key in ("id", "name", "start_date", "end_date")} for one in LIST]]),
    "create_phase": (PROJECT, [CREATE]),
    "change_phase": (PLANNING, [{"name": "Preparation"}, {"description": None}, CHANGE]),
    "reorder_phases": (PROJECT, [{"phases": [PLANNING, EXECUTION]}, {"phases": [EXECUTION, PLANNING]}]),
    "put_timeline": (PROJECT, [{"start_date": DAYS[0], "end_date": DAYS[1]}]),
    "preview": (
        PROJECT,
        [
            {"reschedule": {"start_date": DAYS[0], "end_date": "2023-02-28"}},
            {"replace": {"phases": LIST}},
            {"create": CREATE},
            {"change": {"phase_id": PLANNING, **CHANGE}},
            {"delete": {"phase_id": EXECUTION}},
            {"reorder": {"phases": [EXECUTION, PLANNING]}},
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
