"""Ids of the fuzzed sample, a project with two phases. schemathesis.toml has them, too."""

PROJECT = "1663d77b-214c-44eb-ac41-1b65d4a027b6"
PLANNING = "e01243af-1661-46ec-a4fc-696277020192"
EXECUTION = "512aa7fb-0df0-41f3-a690-f14b719e9e6c"
DAYS = ("2022-07-30", "2023-01-29")


def phase(id_, name, start, end):
    money = {"capital_budget": "100.00", "expense_budget": "50.50", "total_budget": "150.50"}
    return {"id": id_, "name": name, "start_date": start, "end_date": end, **money}


LIST = [phase(PLANNING, "Planning", DAYS[0], "2022-10-29"), phase(EXECUTION, "Execution", "2022-10-30", DAYS[1])]
