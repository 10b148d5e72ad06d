"""Commands executed by the library eventsourcing on PostgreSQL, as documented: an application loads the aggregate of a phase and saves
it; its recorder writes the row of a read model in the same transaction.

Says `ready` when it is connected. Then it executes one load per line of its input, `CLIENTS COMMANDS`, and answers with `DONE REFUSED`.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote, urlsplit
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import IntegrityError
from eventsourcing.postgres import PostgresApplicationRecorder

# As many as Phaseline's benchmark has.
PHASES = 1_000
# As many as the pool of postgres-es has, beside which the other cases run.
CONNECTIONS = 10


class Phase(Aggregate):
    def __init__(self) -> None:
        self.name = ""
        self.capital_budget = 0
        self.expense_budget = 0

    @event("Renamed")
    def rename(self, name: str) -> None:
        self.name = name

    @event("Budgeted")
    def budget(self, capital_budget: int, expense_budget: int) -> None:
        self.capital_budget = capital_budget
        self.expense_budget = expense_budget


class Recorder(PostgresApplicationRecorder):
    """Writes the phase's row together with its events."""

    def _create_table(self, curs):
        super()._create_table(curs)
        curs.execute(
            "CREATE TABLE IF NOT EXISTS phases (id uuid PRIMARY KEY, name text NOT NULL, capital_budget bigint NOT NULL,"
            " expense_budget bigint NOT NULL)"
        )

    def _insert_events(self, curs, stored_events, *, phase=None, **kwargs):
        if phase is not None:
            curs.execute(
                "INSERT INTO phases VALUES (%s, %s, %s, %s) ON CONFLICT (id) DO UPDATE SET name = excluded.name,"
                " capital_budget = excluded.capital_budget, expense_budget = excluded.expense_budget",
                (phase.id, phase.name, phase.capital_budget, phase.expense_budget),
                prepare=True,
            )


class Timelines(Application[UUID]):
    def open(self) -> UUID:
        phase = Phase()
        self.save(phase, phase=phase)
        return phase.id

    def change(self, phase_id: UUID, n: int) -> None:
        """The command number `n`: names and budgets in turn, each a different value, as those of Phaseline's benchmark."""
        phase = self.repository.get(phase_id)
        if n % 2 == 0:
            phase.rename(f"Phase {n}")
        else:
            phase.budget(n, 1)
        self.save(phase, phase=phase)


def client(timelines: Timelines, own: list[UUID], first: int, share: int) -> tuple[int, int]:
    done = refused = 0
    for at in range(share):
        try:
            timelines.change(own[at % len(own)], first + at)
            done += 1
        except IntegrityError:
            refused += 1
    return done, refused


def main() -> None:
    url = urlsplit(os.environ["PHASELINE_PEER_URL"])
    timelines = Timelines(
        env={
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "APPLICATION_RECORDER_TOPIC": f"{__name__}:Recorder",
            "POSTGRES_DBNAME": url.path.lstrip("/"),
            "POSTGRES_HOST": url.hostname or "",
            "POSTGRES_PORT": str(url.port),
            "POSTGRES_USER": unquote(url.username or ""),
            "POSTGRES_PASSWORD": unquote(url.password or ""),
            "POSTGRES_POOL_SIZE": str(CONNECTIONS),
            "POSTGRES_MAX_OVERFLOW": "0",
            "POSTGRES_POOL_TIMEOUT": "600",
        }
    )
    phases = [timelines.open() for _ in range(PHASES)]
    print("ready", flush=True)
    first = 1
    for line in sys.stdin:
        clients, commands = map(int, line.split())
        share = commands // clients
        with ThreadPoolExecutor(clients) as executor:
            running = [executor.submit(client, timelines, phases[at::clients], first, share) for at in range(clients)]
            counts = [one.result() for one in running]
        first += share
        print(sum(done for done, _ in counts), sum(refused for _, refused in counts), flush=True)
    timelines.close()


if __name__ == "__main__":
    main()
