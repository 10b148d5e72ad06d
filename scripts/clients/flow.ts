// Typical requests of a program for a project's phases, through openapi-fetch and the types that openapi-typescript generates from
// docs/openapi.json:
//
//     ADDRESS=http://127.0.0.1:8080 TOKEN=… PROJECT=… node flow.js
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./phaseline.js";

type Phase = components["schemas"]["Phase"];
type Entry = components["schemas"]["HistoryEntry"];

const { ADDRESS: baseUrl, TOKEN: token, PROJECT: project_id = "" } = process.env;
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
const path = { project_id };

function inDays(date: string, days: number): string {
  const at = new Date(`${date}T00:00:00Z`);
  at.setUTCDate(at.getUTCDate() + days);
  return at.toISOString().slice(0, 10);
}

// The version of a response, for If-Match of the next request.
function versionOf(response: Response): string {
  const tag = response.headers.get("ETag");
  assert(tag !== null, "every response about a timeline has its version");
  return tag;
}

async function timeline() {
  const { data, error, response } = await client.GET("/api/v1/projects/{project_id}/timeline", { params: { path } });
  assert(data !== undefined, error?.detail);
  return { data, version: versionOf(response) };
}

// Creates a phase in the last two weeks of the project; the second request has the same key, and has no effect.
async function createTwice(): Promise<{ phase: Phase; version: string }> {
  const { data: before, version: expected } = await timeline();
  const last = before.phases.at(-1);
  assert(last !== undefined);
  const body = {
    name: "Hand-over",
    start_date: inDays(last.end_date, -13),
    end_date: last.end_date,
    capital_budget: "1000.10",
  };
  const header = { "If-Match": expected, "Idempotency-Key": "typescript-create", "Phaseline-Reason": "the typescript flow" };
  const create = () => client.POST("/api/v1/projects/{project_id}/phases", { params: { path, header }, body });
  const first = await create();
  assert(first.data !== undefined, first.error?.detail);
  assert.equal(first.response.status, 201);
  const second = await create();
  assert(second.data !== undefined, second.error?.detail);
  assert.equal(second.response.headers.get("Idempotent-Replayed"), "true");
  assert.deepEqual(second.data.phase, first.data.phase);
  assert.equal(first.data.phase.total_budget, "1000.10");
  return { phase: first.data.phase, version: versionOf(first.response) };
}

// Resizes the phase; the same at the old version is a conflict, which has both states.
async function resize(phase: Phase, expected: string): Promise<string> {
  const params = { path: { phase_id: phase.id }, header: { "If-Match": expected } };
  const start_date = inDays(phase.start_date, -7);
  const { data, error, response } = await client.PATCH("/api/v1/phases/{phase_id}", {
    params,
    body: { start_date, neighbours: "adjust" },
  });
  assert(data !== undefined, error?.detail);
  assert.equal(data.phase.start_date, start_date);
  assert.equal(data.phases.at(-2)?.end_date, inDays(start_date, -1));

  const late = await client.PATCH("/api/v1/phases/{phase_id}", { params, body: { name: "Too late" } });
  assert.equal(late.response.status, 412);
  assert.equal(late.error?.code, "version_conflict");
  assert.equal(late.error.current?.version, data.phase.version);
  assert.deepEqual(late.error.current?.phases.map(({ name }) => name), data.phases.map(({ name }) => name));
  assert.deepEqual(late.error.attempted, { name: "Too late" });
  return versionOf(response);
}

// Renames all phases at once; a change that leaves a gap is refused by a rule.
async function batch(expected: string): Promise<Phase[]> {
  const { data: before } = await timeline();
  const phases = before.phases.map((phase) => ({ ...phase, name: `${phase.name} (typescript)`, version: undefined }));
  const { data, error } = await client.POST("/api/v1/projects/{project_id}/phases/batch", {
    params: { path, header: { "If-Match": expected } },
    body: { phases },
  });
  // Of the planner's five forms of errors all but one have `detail`.
  assert(data !== undefined, error !== undefined && "detail" in error ? error.detail : error?.error.message);
  assert.deepEqual(data.map(({ name }) => name), phases.map(({ name }) => name));

  const last = data.at(-1);
  assert(last !== undefined);
  const refused = await client.PATCH("/api/v1/phases/{phase_id}", {
    params: { path: { phase_id: last.id } },
    body: { start_date: inDays(last.start_date, 1), neighbours: "refuse" },
  });
  assert.equal(refused.response.status, 422);
  assert.equal(refused.error?.errors?.[0]?.rule, "V4");
  return data;
}

// Previews the removal, then removes the phase; then it does not exist.
async function remove(phase: Phase): Promise<void> {
  const tried = await client.POST("/api/v1/projects/{project_id}/timeline/preview", {
    params: { path },
    body: { delete: { phase_id: phase.id } },
  });
  assert(tried.data !== undefined, tried.error?.detail);
  assert(tried.data.valid && tried.data.after.length === tried.data.before.length - 1);
  const params = { path: { phase_id: phase.id }, query: { neighbours: "adjust" as const } };
  const { data, error } = await client.DELETE("/api/v1/phases/{phase_id}", { params });
  assert(data !== undefined, error?.detail);
  assert(!data.phases.some(({ id }) => id === phase.id));
  const again = await client.DELETE("/api/v1/phases/{phase_id}", { params });
  assert.equal(again.error?.code, "not_found");
}

// The whole history, newest first, three entries at a time.
async function history(): Promise<Entry[]> {
  const entries: Entry[] = [];
  let cursor: string | undefined;
  do {
    const { data, error } = await client.GET("/api/v1/projects/{project_id}/history", {
      params: { path, query: { limit: 3, order: "desc", cursor } },
    });
    assert(data !== undefined, error?.detail);
    entries.push(...data.entries);
    cursor = data.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return entries;
}

// The portfolio before and after the flow, what changed, and who did it.
async function lookBack(before: number, entries: Entry[]): Promise<void> {
  const query = { at: before, totals: true };
  const list = await client.GET("/api/v1/timelines", { params: { query } });
  assert(list.data !== undefined, list.error?.detail);
  assert.equal(list.data.moment.position, before);
  assert(list.data.projects.some(({ project_id }) => project_id === path.project_id));
  const diff = await client.GET("/api/v1/timelines/diff", { params: { query: { from: String(before), totals: true } } });
  assert(diff.data !== undefined, diff.error?.detail);
  assert.deepEqual(diff.data.projects.map(({ project_id }) => project_id), [path.project_id]);
  assert.deepEqual(diff.data.totals?.projects, { added: 0, removed: 0, changed: 1 });
  const log = await client.GET("/api/v1/log", { params: { query: { from: before + 1, limit: 500 } } });
  assert(log.data !== undefined, log.error?.detail);
  const newest = entries.filter(({ position }) => position > before);
  assert.deepEqual(log.data.entries.map(({ position }) => position), newest.map(({ position }) => position).reverse());
}

const { data: tip } = await client.GET("/api/v1/timelines", { params: { query: { limit: 1 } } });
assert(tip !== undefined);
const created = await createTwice();
const phases = await batch(await resize(created.phase, created.version));
const last = phases.at(-1);
assert(last !== undefined);
await remove(last);
const entries = await history();
assert.deepEqual(entries.map(({ version }) => version), entries.map((_, index) => entries.length - index));
assert(entries.some(({ reason, phase_id }) => reason === "the typescript flow" && phase_id === created.phase.id));
await lookBack(tip.moment.position, entries);
const stranger = await client.GET("/api/v1/projects/{project_id}/timeline", {
  params: { path },
  headers: { Authorization: "Bearer none" },
});
assert.equal(stranger.error?.code, "token_invalid");
console.log(`typescript: ${entries.length} events, all answers as described`);
