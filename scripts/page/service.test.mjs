// The service goes away and comes back, answers get lost, sessions end; and other origins.

import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { formatDay } from "../../api/assets/days.js";
import { call, eventsAfter, ownProject, stateOf } from "./support/projects.mjs";
import { startProxy } from "./support/proxy.mjs";
import { pageSuite } from "./support/suite.mjs";
import {
  assertSaid, assertShown, bar, dragDays, field, mode, notice, openProject, save, startDraft, swapped, type, typedDates,
} from "./support/walk.mjs";

const COOKIE = "phaseline_session";
const AWAY = /ERR_CONNECTION|ERR_EMPTY|ERR_FAILED/;

// A site of someone else, with one empty page.
async function otherSite() {
  const server = http.createServer((_, response) => {
    response.writeHead(200, { "content-type": "text/html" });
    response.end('<!DOCTYPE html><html lang="en"><head><title>Other</title><link rel="icon" href="data:,"></head><body></body></html>');
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: server.address().port, stop: () => server.close() };
}

// Sends a form from the page that is open.
async function submit(page, action, fields, type) {
  await page.evaluate(([url, values, enctype]) => {
    const form = Object.assign(document.createElement("form"), { method: "post", action: url, enctype });
    for (const [name, value] of Object.entries(values)) form.append(Object.assign(document.createElement("input"), { name, value }));
    document.body.append(form);
    form.submit();
  }, [action, fields, type ?? "application/x-www-form-urlencoded"]);
  await page.waitForURL(`${action}**`).catch(() => {});
}

pageSuite("service", { signIn: true, args: ["--projects", "40"] }, (pageTest) => {
  pageTest("the service goes away and comes back: nothing is lost, and saving again works", { token: "planner" }, async ({ service, open }) => {
    const proxy = await startProxy(service.url);
    const { page, problems } = await open({ url: proxy.url });
    problems.permit(AWAY);
    try {
      const project = await ownProject(service);
      const b = project.phases[1];
      await openProject(page, project);
      await swapped(page, () => dragDays(page, b, "end", 4));
      const typed = await typedDates(page);
      await proxy.cut();
      await assertShown(notice(page, "away"), /The service cannot be reached now\. Your changes are kept in this tab\./);
      await page.locator("#save").click();
      await page.locator("#save:not([aria-disabled])", { hasText: /^Save/ }).waitFor();
      // Saving asks for a preview first, which fails at once; otherwise it would go on when the service is back.
      await page.waitForTimeout(500);
      assert.deepEqual(await typedDates(page), typed);
      assert.equal(await page.evaluate(() => document.activeElement.id), "save", "the button keeps the focus");
      await proxy.restore();
      await assertSaid(page, "The service is back.");
      assert.equal(await notice(page, "away").count(), 0);
      await save(page);
      const events = await eventsAfter(service, project.id, project.version);
      assert.equal(new Set(events.map((event) => event.command_id)).size, 1);
    } finally {
      await proxy.cut();
    }
  });

  pageTest("a save whose answer is lost is repeated with its key, and counts once", { token: "planner" }, async ({ page, service, problems }) => {
    problems.permit(AWAY);
    const project = await ownProject(service);
    const [a] = project.phases;
    const keys = [];
    let lost = 0;
    await page.route("**/phases/batch", async (route) => {
      keys.push(route.request().headers()["idempotency-key"]);
      if (lost++ > 0) return route.continue();
      await route.fetch();
      return route.abort();
    });
    await openProject(page, project);
    await startDraft(page);
    await type(page, "name", a, "Once");
    await page.locator("#save").click();
    await assertShown(page.locator("#save"), "Save again");
    const written = await stateOf(service, project.id);
    assert.equal(written.version, project.version + 1, "the first request was carried out");
    await save(page);
    assert.deepEqual([keys.length, new Set(keys).size], [2, 1]);
    assert.deepEqual(await stateOf(service, project.id), written);
    assert.equal(await mode(page), "now");
    assert.equal(await notice(page, "changes").count(), 0);
  });

  pageTest("a session ends in the middle of a draft, which is there again after signing in", { token: "planner" }, async (test) => {
    const { page, context, service, problems } = test;
    problems.permit(/status of 401/);
    const project = await ownProject(service);
    const b = project.phases[1];
    await openProject(page, project);
    await swapped(page, () => dragDays(page, b, "end", 4));
    const typed = await typedDates(page);
    await context.clearCookies();
    await page.locator("#save").click();
    await assertShown(notice(page, "expired"), /Your session has ended\. .*Your changes are kept in this tab\./);
    assert.deepEqual(await typedDates(page), typed);
    await notice(page, "expired").getByText("Sign in again").click();
    await assertShown(page.locator('[role="alert"]'), "Your session has ended. Sign in again.");
    await page.locator("#token").fill(service.tokens.planner);
    await page.locator("#token").press("Enter");
    await page.waitForURL(`**${project.path}`);
    await page.locator("#draft").waitFor();
    assert.deepEqual(await typedDates(page), typed);
    await save(page);
    assert.equal((await stateOf(service, project.id)).phases[1].end, formatDay(b.last + 4));
  });

  pageTest("signing in leads to the page that was wanted; signing out ends the session", {}, async ({ page, context, service, problems }) => {
    problems.permit(/status of 401/);
    const wanted = `/projects/${service.projects["Three phases"]}?compare=1`;
    await page.goto(wanted);
    assert.equal(new URL(page.url()).pathname, "/sign-in");
    await page.locator("#token").fill("a.b.c");
    await page.locator("#token").press("Enter");
    await assertShown(page.locator('[role="alert"]'), "This token is not valid");
    assert.equal(await page.locator("#token").inputValue(), "", "a refused token is not kept");
    await page.locator("#token").fill(service.tokens.reader);
    await page.locator("#token").press("Enter");
    await page.waitForURL(`**${wanted}`);
    await assertShown(page.locator(".session"), "Signed in as reader · may read only");
    const [cookie] = await context.cookies();
    assert.deepEqual([cookie.name, cookie.httpOnly, cookie.secure, cookie.sameSite], [COOKIE, true, true, "Strict"]);
    assert.equal(await page.evaluate(() => document.cookie), "");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.waitForURL("**/sign-in");
    assert.deepEqual(await context.cookies(), []);
    await page.goto("/log");
    assert.equal(new URL(page.url()).pathname, "/sign-in");
  });

  pageTest("who may only read sees no way to write", { token: "reader" }, async ({ page, service }) => {
    const project = await ownProject(service);
    await openProject(page, project);
    for (const id of ["edit", "open", "restore-this"]) assert.equal(await page.locator(`#${id}`).count(), 0, id);
    await dragDays(page, project.phases[1], "end", 5);
    await bar(page, project.phases[1]).focus();
    await page.keyboard.press("Enter");
    await assertSaid(page, "You may look at this timeline only.");
    for (const key of ["Delete", "Insert", "Alt+ArrowDown"]) await page.keyboard.press(key);
    assert.equal(await mode(page), "now");
    await swapped(page, () => page.locator('[data-step="-1"]').click());
    assert.equal(await mode(page), "past");
    assert.equal(await page.locator("#restore-this").count(), 0);
  });

  pageTest("who may not look back sees the present only", { token: "looker" }, async ({ page, service, problems }) => {
    problems.permit(/status of 403/);
    await openProject(page, { path: `/projects/${service.projects["Three phases"]}` });
    for (const id of ["time", "history", "edit"]) assert.equal(await page.locator(`#${id}`).count(), 0, id);
    assert.equal(await page.getByRole("link", { name: "Log" }).count(), 0);
    for (const path of ["/log", "/runs", `/projects/${service.projects["Three phases"]}?at=1`]) {
      assert.equal((await page.goto(path)).status(), 403, path);
    }
  });

  for (const host of ["127.0.0.1", "localhost"]) {
    pageTest(`a page of ${host === "localhost" ? "another site" : "another origin"} changes nothing`, { token: "planner" }, async ({ service, open }) => {
      const project = await ownProject(service);
      const site = await otherSite();
      const view = await open({ url: `http://${host}:${site.port}` });
      view.problems.permit(/./);
      const { page, context } = view;
      const session = { name: COOKIE, value: service.tokens.planner, url: service.url, httpOnly: true, secure: true, sameSite: "Strict" };
      await context.addCookies([session]);
      try {
        const batch = `${service.url}/api/v1/projects/${project.id}/phases/batch`;
        await page.goto("/");
        const text = JSON.stringify({ phases: [{ ...project.phases[0], start_date: project.start, end_date: project.end }] });
        await page.evaluate(async ([url, body, id]) => {
          const send = (path, options) => fetch(`${url}${path}`, { method: "POST", credentials: "include", ...options }).catch(() => null);
          await send(`/api/v1/projects/${id}/phases/batch`, { mode: "no-cors", body });
          await send(`/api/v1/projects/${id}/phases/batch`, { headers: { "content-type": "application/json" }, body });
          await send(`/session/end`, { mode: "no-cors" });
        }, [service.url, text, project.id]);
        // A form whose only field makes JSON of it.
        await submit(page, batch, { [`${text.slice(0, -1)},"x":"`]: '"}' }, "text/plain");
        await page.goto(`http://${host}:${site.port}/`);
        await submit(page, `${service.url}/session/end`, {});
        await page.goto(`http://${host}:${site.port}/`);
        await submit(page, `${service.url}/session`, { token: service.tokens.looker, next: "/" });
        assert.deepEqual(await stateOf(service, project.id), project);
        const [cookie] = await context.cookies(service.url);
        assert.equal(cookie?.value, service.tokens.planner, "the session is the same");
      } finally {
        site.stop();
      }
    });
  }

  pageTest("no token is in a URL, a page, or the browser's storage", { token: "planner" }, async ({ page, service, context }) => {
    const urls = [];
    context.on("request", (request) => urls.push(request.url(), request.headers().referer ?? ""));
    const project = await ownProject(service);
    const texts = [];
    for (const path of ["/", project.path, `${project.path}?at=1`, "/log?limit=5", "/runs", "/sign-in"]) {
      await page.goto(path);
      texts.push(await page.content());
    }
    await openProject(page, project);
    await startDraft(page);
    await type(page, "name", project.phases[0], "Named");
    texts.push(await page.content(), await page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }])));
    await save(page, "without a token");
    texts.push(JSON.stringify(await call(service, "GET", `/projects/${project.id}/history`)));
    const [, , signature] = service.tokens.planner.split(".");
    const found = [...urls, ...texts].filter((text) => text.includes(signature));
    assert.deepEqual(found.map((text) => text.slice(0, 200)), []);
    assert.equal(await field(page, "name", project.phases[0]).count(), 0);
  });
});
