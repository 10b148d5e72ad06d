// Commands executed by Emmett's event store for PostgreSQL, with an inline projection, as documented: a handler folds the stream of its
// phase and appends an event; the projection writes the row of a read model in the same transaction.
//
// Says `ready` when it is connected. Then it executes one load per line of its input, `CLIENTS COMMANDS`, and answers with
// `DONE REFUSED`.
import { CommandHandler, isExpectedVersionConflictError } from '@event-driven-io/emmett';
import { getPostgreSQLEventStore, postgreSQLRawSQLProjection } from '@event-driven-io/emmett-postgresql';
import { SQL } from '@event-driven-io/dumbo';
import pg from 'pg';
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';

// As many as Phaseline's benchmark has.
const PHASES = 1_000;
// As many as the pool of postgres-es has, beside which the other cases run.
const CONNECTIONS = 10;
const TABLE = `CREATE TABLE IF NOT EXISTS phases (
    id uuid PRIMARY KEY, name text NOT NULL DEFAULT '', capital_budget bigint NOT NULL DEFAULT 0, expense_budget bigint NOT NULL DEFAULT 0)`;

const connectionString = process.env.PHASELINE_PEER_URL;
const pool = new pg.Pool({ connectionString, max: CONNECTIONS });
await pool.query(TABLE);

const phases = postgreSQLRawSQLProjection({
  name: 'phases',
  canHandle: ['PhaseRenamed', 'PhaseBudgeted'],
  evolve: ({ type, data }) =>
    type === 'PhaseRenamed'
      ? SQL`INSERT INTO phases (id, name) VALUES (${data.phaseId}, ${data.name})
              ON CONFLICT (id) DO UPDATE SET name = excluded.name`
      : SQL`INSERT INTO phases (id, capital_budget, expense_budget) VALUES (${data.phaseId}, ${data.capitalBudget}, ${data.expenseBudget})
              ON CONFLICT (id) DO UPDATE SET capital_budget = excluded.capital_budget, expense_budget = excluded.expense_budget`,
});
const store = getPostgreSQLEventStore(connectionString, {
  projections: [{ type: 'inline', projection: phases }],
  connectionOptions: { pool },
});
await store.schema.migrate();

const handle = CommandHandler({
  initialState: () => ({ name: '', budget: 0 }),
  evolve: (phase, { type, data }) =>
    type === 'PhaseRenamed'
      ? { ...phase, name: data.name }
      : { ...phase, budget: data.capitalBudget + data.expenseBudget },
});

// The command number `n`: names and budgets in turn, each a different value, as those of Phaseline's benchmark.
const change = (phaseId, n) => (phase) => {
  const name = `Phase ${n}`;
  if (n % 2 === 0 && phase.name !== name) return { type: 'PhaseRenamed', data: { phaseId, name } };
  if (n % 2 === 1 && phase.budget !== n + 1)
    return { type: 'PhaseBudgeted', data: { phaseId, capitalBudget: n, expenseBudget: 1 } };
  return [];
};

const ids = Array.from({ length: PHASES }, () => randomUUID());

async function client(at, clients, first, share) {
  const own = ids.filter((_, index) => index % clients === at);
  let [done, refused] = [0, 0];
  for (let n = first; n < first + share; n++) {
    const id = own[(n - first) % own.length];
    try {
      await handle(store, `phase-${id}`, change(id, n));
      done++;
    } catch (error) {
      if (!isExpectedVersionConflictError(error)) throw error;
      refused++;
    }
  }
  return [done, refused];
}

console.log('ready');
let first = 1;
for await (const line of createInterface({ input: process.stdin })) {
  const [clients, commands] = line.split(' ').map(Number);
  const share = Math.floor(commands / clients);
  const running = Array.from({ length: clients }, (_, at) => client(at, clients, first, share));
  const counts = await Promise.all(running);
  first += share;
  const sum = (of) => counts.reduce((all, count) => all + count[of], 0);
  console.log(`${sum(0)} ${sum(1)}`);
}
await store.close();
await pool.end();
