// Projects for tests: each test gets one of its own, with the phases that it wants.

import assert from "node:assert/strict";
import { formatDay, parseDay } from "../../../api/assets/days.js";

const taken = new WeakMap();

// Calls the API and fails unless the status is as expected.
export async function call(service, method, path, { status = 200, ...options } = {}) {
  const answer = await service.api(method, `/api/v1${path}`, { token: "planner", ...options });
  assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
  return answer.json;
}

export const timelineOf = (service, project) => call(service, "GET", `/projects/${project}/timeline`);

export async function phasesOf(service, project) {
  const { phases } = await timelineOf(service, project);
  return phases.map(({ id, name, start_date: start, end_date: end, ...rest }) => ({ id, name, start, end, ...rest }));
}

// The events of a project, oldest first.
export async function historyOf(service, project, query = "limit=500&order=asc") {
  return (await call(service, "GET", `/projects/${project}/history?${query}`)).entries;
}

// The events after a version, as many as they are.
export async function eventsAfter(service, project, version) {
  return (await historyOf(service, project)).filter((event) => event.version > version);
}

// A project that no other test of this service uses. `shape`: `days` per phase (names "A", "B", and so on) or `phases` with `name`,
// `days`, `capital`, `expense`; `start` (its dates move there; without it they stay, and the last phase gets what is left).
export async function ownProject(service, { days = [30, 30, 30], phases = days.map((count) => ({ days: count })), start } = {}) {
  const project = await nextProject(service);
  const timeline = await timelineOf(service, project);
  const [first, last] = [timeline.start_date, timeline.end_date].map(parseDay);
  const length = phases.reduce((sum, phase) => sum + phase.days, 0);
  let [begin, end] = [first, last];
  if (start) {
    [begin, end] = [parseDay(start), parseDay(start) + length - 1];
    await setPhases(service, project, [row({ name: "All" }, first, last)]);
    const dates = { start_date: start, end_date: formatDay(end) };
    await call(service, "PUT", `/projects/${project}/timeline`, { body: dates });
  }
  assert.ok(end - begin + 1 >= length, `${project} has only ${end - begin + 1} days`);
  let next = begin;
  const rows = phases.map((phase, index) => {
    const until = index === phases.length - 1 ? end : next + phase.days - 1;
    const made = row({ name: String.fromCharCode(65 + index), ...phase }, next, until);
    next = until + 1;
    return made;
  });
  await setPhases(service, project, rows);
  return await stateOf(service, project);
}

// `first` and `last` day numbers per phase, besides what the API tells.
export async function stateOf(service, project) {
  const { version, ...timeline } = await timelineOf(service, project);
  const phases = (await phasesOf(service, project)).map((phase) => ({ ...phase, first: parseDay(phase.start), last: parseDay(phase.end) }));
  return { id: project, path: `/projects/${project}`, version, phases, start: timeline.start_date, end: timeline.end_date };
}

function row({ name, description = null, capital = "1000.00", expense = "500.00" }, first, last) {
  const cents = [capital, expense].reduce((sum, text) => sum + Math.round(Number(text) * 100), 0);
  return {
    id: null,
    name,
    start_date: formatDay(first),
    end_date: formatDay(last),
    description,
    capital_budget: capital,
    expense_budget: expense,
    total_budget: (cents / 100).toFixed(2),
  };
}

// Replaces the phases, as another program would.
export async function setPhases(service, project, phases, headers = {}) {
  return await call(service, "POST", `/projects/${project}/phases/batch`, { body: { phases }, headers });
}

// Changes one phase, as another program would.
export async function changePhase(service, id, body, headers = {}) {
  return await call(service, "PATCH", `/phases/${id}`, { body, headers });
}

async function nextProject(service) {
  if (!taken.has(service)) {
    const special = new Set(Object.values(service.projects));
    const { projects } = await call(service, "GET", "/timelines?limit=500");
    const longest = projects.filter((project) => !special.has(project.project_id) && daysOf(project) >= 100);
    taken.set(service, longest.map((project) => project.project_id));
  }
  const next = taken.get(service).shift();
  assert.ok(next, "the service has no project left for this test: start it with more (--projects)");
  return next;
}

function daysOf({ start_date: start, end_date: end }) {
  return parseDay(end) - parseDay(start) + 1;
}
