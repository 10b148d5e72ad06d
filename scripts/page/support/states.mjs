// Pages in all their states: each brings a page there, and leaves it ready to look at.

import { startProxy } from "./proxy.mjs";
import { call, changePhase, ownProject } from "./projects.mjs";
import { assertShown, bar, dragDays, notice, openProject, startDraft, swapped, type } from "./walk.mjs";

const UNKNOWN = "00000000-0000-4000-8000-000000000000";

const at = (path) => async ({ page }) => void (await page.goto(path));
const named = (name, query = "") => async ({ page, service }) => openProject(page, { path: `/projects/${service.projects[name]}` }, query);

// The positions of the newest commands of a project, oldest first.
async function positions(service, name) {
  const { entries } = await call(service, "GET", `/projects/${service.projects[name]}/history?limit=100&order=desc`);
  return [...new Map(entries.map(({ command_id: id, position }) => [id, position])).values()].reverse();
}

async function draft({ page, service }) {
  const project = await ownProject(service, { days: [20, 20, 20, 20] });
  await openProject(page, project);
  await startDraft(page);
  return project.phases;
}

// Name, what `openPage` needs beside the planner's token, and how to get there: `open` returns another page than the first if that has
// the state. `main`: also looked at enlarged and in forced colours. `permits`: a problem that the state causes.
export const states = [
  { name: "portfolio", open: at("/?limit=12") },
  { name: "portfolio-search", open: at("/?q=harbour") },
  { name: "portfolio-nothing", open: at("/?q=there+is+no+such+project") },
  { name: "portfolio-day", open: at("/?on=2027-01-15&totals=1&limit=12") },
  { name: "portfolio-since", open: at("/?since=2026-01-01&limit=12") },
  { name: "portfolio-past", open: at("/?at=300&limit=12") },
  { name: "portfolio-differs", open: at("/?drift=1") },
  { name: "portfolio-mistaken", open: at("/?as_of=yesterday"), permits: /status of 4\d\d/ },
  { name: "log", open: at("/log?limit=12") },
  { name: "log-filtered", open: async ({ page, service }) => void (await page.goto(`/log?limit=12&project=${service.projects["Hostile names"]}`)) },
  { name: "runs", open: at("/runs") },
  { name: "phases-1", open: named("One phase") },
  { name: "phases-3", open: named("Three phases"), main: true },
  { name: "phases-60", open: named("Sixty phases") },
  { name: "hostile-names", open: named("Hostile names") },
  { name: "dates-changed", open: named("Dates changed by the planner") },
  { name: "without-timeline", open: named("Without timeline") },
  { name: "closed", open: named("Closed project") },
  { name: "not-found", open: at(`/projects/${UNKNOWN}`), permits: /status of 404/ },
  {
    name: "past",
    main: true,
    open: async (test) => named("Three phases", `?at=${(await positions(test.service, "Three phases")).at(-3)}`)(test),
  },
  {
    name: "compare",
    main: true,
    open: async (test) => named("Three phases", `?compare=${(await positions(test.service, "Three phases"))[0]}`)(test),
  },
  {
    name: "restore",
    open: async (test) => named("Three phases", `?at=${(await positions(test.service, "Three phases"))[1]}&restore=1`)(test),
  },
  {
    name: "bar-edited",
    open: async ({ page, service }) => {
      const { phases: [, b], ...project } = await ownProject(service);
      await openProject(page, project);
      await bar(page, b).focus();
      for (const key of ["Enter", "ArrowRight", "ArrowRight"]) await page.keyboard.press(key);
    },
  },
  {
    name: "dragging",
    open: async ({ page, service }) => {
      const { phases: [, b], ...project } = await ownProject(service);
      await openProject(page, project);
      await dragDays(page, b, "end", 9, { hold: true });
      await assertShown(page.locator("#chart-title"), "39 days");
    },
  },
  {
    name: "draft",
    main: true,
    open: async (test) => {
      const [a, b] = await draft(test);
      await type(test.page, "end", a, b.start);
      await swapped(test.page, () => test.page.locator(`#add-${b.id}`).click());
    },
  },
  {
    name: "draft-broken",
    main: true,
    open: async (test) => {
      const [a, b, c] = await draft(test);
      await test.page.locator("#follow").uncheck();
      await type(test.page, "end", a, b.start);
      await type(test.page, "start", b, "2023-02-29");
      await type(test.page, "name", c, "x".repeat(101));
      await type(test.page, "expense", c, "-5");
    },
  },
  {
    name: "conflict",
    main: true,
    permits: /status of 412/,
    open: async (test) => {
      const [a, b] = await draft(test);
      await type(test.page, "end", a, b.start);
      await changePhase(test.service, b.id, { name: "Changed by someone else", capital_budget: "12345.00" }, { "phaseline-reason": "review" });
      await test.page.locator("#save").click();
      await test.page.locator("#conflict").waitFor();
    },
  },
  {
    name: "service-away",
    permits: /ERR_CONNECTION|ERR_EMPTY/,
    open: async ({ service, open, cleanup }) => {
      const proxy = await startProxy(service.url);
      cleanup(() => proxy.cut());
      const view = await open({ url: proxy.url });
      await openProject(view.page, { path: `/projects/${service.projects["Three phases"]}` });
      await proxy.cut();
      await notice(view.page, "away").waitFor();
      return view;
    },
  },
  {
    name: "session-expired",
    permits: /status of 401/,
    open: async (test) => {
      await draft(test);
      await test.context.clearCookies();
      await notice(test.page, "expired").waitFor();
    },
  },
  { name: "sign-in", token: null, open: at("/sign-in") },
  { name: "sign-in-again", token: null, open: at("/sign-in?why=token_expired&next=/log") },
  { name: "reader", token: "reader", open: named("Three phases") },
  { name: "looker", token: "looker", open: named("Three phases") },
  { name: "looker-portfolio", token: "looker", open: at("/") },
  { name: "no-script", scripts: false, open: async ({ page, service }) => void (await page.goto(`/projects/${service.projects["Three phases"]}`)) },
];
