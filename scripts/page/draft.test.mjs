// A draft from its first edit to its save: undone, discarded, brought back, kept over reloads, and saved as one command.

import assert from "node:assert/strict";
import { formatDay } from "../../api/assets/days.js";
import { eventsAfter, ownProject, stateOf } from "./support/projects.mjs";
import { pageSuite } from "./support/suite.mjs";
import {
  assertSaid, assertShown, dragDays, drawnDays, field, mode, notice, openProject, save, startDraft, swapped, type, typedDates,
} from "./support/walk.mjs";

const SLOW_MS = 400;

pageSuite("draft", { args: ["--projects", "60"] }, (pageTest) => {
  pageTest("several edits are saved as one command, with its reason", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    const [a, b, c] = project.phases;
    await openProject(page, project);
    await swapped(page, () => dragDays(page, a, "end", 4));
    await type(page, "name", b, "Bau");
    await type(page, "capital", c, "2,000.00");
    await swapped(page, () => page.locator(`#add-${c.id}`).click());
    const fresh = Object.keys(await typedDates(page))[3];
    await type(page, "name", { id: fresh }, "Nachlauf");
    const reason = "Größere Fläche — «später» 港 🚢";
    await page.locator("#reason").fill(reason);
    await type(page, "description", a, "mit Prüfung");
    assert.equal(await page.locator("#reason").inputValue(), reason, "an edit keeps the reason");
    await assertShown(page.locator("#save"), "Save 4 changed phases");
    const [request] = await Promise.all([
      page.waitForRequest((one) => one.method() === "POST" && one.url().endsWith("/batch")),
      save(page),
    ]);
    assert.equal(request.headers()["if-match"], `"${project.version}"`);
    assert.match(request.headers()["idempotency-key"], /^[0-9a-f]{32}$/);
    const events = await eventsAfter(service, project.id, project.version);
    assert.equal(new Set(events.map((event) => event.command_id)).size, 1);
    assert.ok(events.every((event) => event.reason === reason), JSON.stringify(events.map((event) => event.reason)));
    assert.deepEqual(events.map((event) => event.version), events.map((_, index) => project.version + index + 1));
    const of = (id) => events.filter((event) => event.phase_id === id).map((event) => event.event_type).sort();
    assert.deepEqual(of(a.id), ["PhaseDescribed", "PhaseResized"]);
    assert.deepEqual(of(b.id), ["PhaseRenamed", "PhaseResized"]);
    assert.deepEqual(of(c.id), ["PhaseBudgeted", "PhaseResized"]);
    const state = await stateOf(service, project.id);
    assert.deepEqual(state.phases.map(({ name }) => name), ["A", "Bau", "C", "Nachlauf"]);
    assert.equal(await mode(page), "now");
    assert.equal(await page.evaluate(() => document.activeElement.id), "edit");
    await assertShown(page.locator("#history li").first(), reason);
    await assertShown(notice(page, "saved"), "Your changes are saved.");
  });

  pageTest("edits are undone one by one, down to the saved timeline", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    const [a, b, c] = project.phases;
    await openProject(page, project);
    await startDraft(page);
    const before = await typedDates(page);
    await type(page, "start", b, formatDay(b.first + 2));
    const first = await typedDates(page);
    await swapped(page, () => page.locator(`#remove-${c.id}`).click());
    await type(page, "name", a, "Renamed");
    const undo = () => swapped(page, () => page.locator("#undo").click());
    await undo();
    assert.equal(await field(page, "name", a).inputValue(), "A");
    await undo();
    assert.deepEqual(await typedDates(page), first);
    await assertSaid(page, "Undone.");
    await undo();
    assert.deepEqual(await typedDates(page), before);
    await page.locator("#undo").click();
    await assertSaid(page, "There is nothing to undo.");
  });

  pageTest("a discarded draft is brought back", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    const b = project.phases[1];
    await openProject(page, project);
    await swapped(page, () => dragDays(page, b, "end", 3));
    const typed = await typedDates(page);
    await swapped(page, () => page.locator("#discard").click());
    assert.equal(await mode(page), "now");
    assert.deepEqual((await drawnDays(page))[b.id], [b.first, b.last]);
    assert.equal(await page.evaluate(() => document.activeElement.id), "edit");
    await swapped(page, () => notice(page, "discarded").getByText("Bring them back").click());
    assert.deepEqual(await typedDates(page), typed);
    await save(page);
    assert.equal((await stateOf(service, project.id)).phases[1].last, b.last + 3);
  });

  pageTest("a draft outlives a reload, another page, and the back button; not its save", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    const b = project.phases[1];
    await openProject(page, project);
    await swapped(page, () => dragDays(page, b, "end", 3));
    const typed = await typedDates(page);
    const isBack = async () => {
      await page.locator("#draft").waitFor();
      assert.deepEqual(await typedDates(page), typed);
      await assertShown(notice(page, "resumed"), "Your unsaved changes from before are back.");
    };
    await page.reload();
    await isBack();
    await page.getByRole("link", { name: "Portfolio" }).click();
    await page.waitForURL((url) => url.pathname === "/");
    await page.goBack();
    await isBack();
    assert.equal((await stateOf(service, project.id)).version, project.version);
    await save(page);
    await page.reload();
    await page.locator("#edit").waitFor();
    assert.equal(await mode(page), "now");
    assert.equal(await notice(page, "resumed").count(), 0);
  });

  pageTest("with a draft the page does not move in time, and says why", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    await openProject(page, project);
    await startDraft(page);
    await page.locator('[data-step="-1"]').click();
    await assertShown(notice(page, "draft"), "Save or discard your draft before you look back.");
    assert.equal(await mode(page), "draft");
    assert.equal(new URL(page.url()).search, "");
  });

  pageTest("what is typed while the service answers is not lost", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    const [a, b] = project.phases;
    await openProject(page, project);
    await startDraft(page);
    await page.route("**/draft", async (route) => {
      await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
      await route.continue();
    });
    await field(page, "name", a).fill("First");
    await swapped(page, async () => {
      await field(page, "name", a).press("Tab");
      await field(page, "capital", b).focus();
      await page.keyboard.press("Control+a");
      await page.keyboard.type("77", { delay: 20 });
    });
    assert.equal(await field(page, "capital", b).inputValue(), "77");
    assert.equal(await field(page, "name", a).inputValue(), "First");
    assert.equal(await page.evaluate(() => document.activeElement.id), `capital-${b.id}`);
    await swapped(page, () => page.keyboard.press("Tab"));
    assert.equal(await field(page, "capital", b).inputValue(), "77.00");
    await save(page);
    const state = await stateOf(service, project.id);
    assert.deepEqual([state.phases[0].name, state.phases[1].capital_budget], ["First", "77.00"]);
  });

  pageTest("edits that come faster than the service answers are all applied, in their order", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    const b = project.phases[1];
    await openProject(page, project);
    await startDraft(page);
    await page.route("**/draft", async (route) => {
      await new Promise((resolve) => setTimeout(resolve, SLOW_MS / 4));
      await route.continue();
    });
    await field(page, "end", b).focus();
    for (let count = 1; count <= 10; count += 1) {
      await page.keyboard.press("ArrowUp");
      assert.equal(await field(page, "end", b).inputValue(), formatDay(b.last + count), "the field does not fall back");
      await page.waitForTimeout(30);
    }
    await page.waitForFunction(([id, text]) => {
      const state = JSON.parse(document.getElementById("timeline").dataset.draft);
      return state.rows.find((row) => row.id === id).end_date === text;
    }, [b.id, formatDay(b.last + 10)]);
    assert.equal(await field(page, "end", b).inputValue(), formatDay(b.last + 10));
    await save(page);
    assert.equal((await stateOf(service, project.id)).phases[1].last, b.last + 10);
  });

  pageTest("Enter in a field shows what it does, and saves nothing", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    const [a, b] = project.phases;
    await openProject(page, project);
    await startDraft(page);
    await type(page, "name", a, "Before");
    await field(page, "name", b).fill("Behind");
    await swapped(page, () => field(page, "name", b).press("Enter"));
    await assertShown(page.locator("#preview"), "is called Behind");
    assert.equal((await stateOf(service, project.id)).phases[0].name, a.name, "nothing is saved");
    await field(page, "start", b).fill("2023-02-29");
    await swapped(page, () => field(page, "start", b).press("Enter"));
    await assertShown(page.locator("#preview li"), "is no date");
    assert.equal(await mode(page), "draft");
  });

  pageTest("what was typed last is shown before it is saved", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    const [a] = project.phases;
    await openProject(page, project);
    await startDraft(page);
    await type(page, "name", a, "Before");
    await field(page, "name", a).fill("Behind");
    // Submits while the request that checks it is in flight.
    await page.evaluate(() => document.getElementById("draft").requestSubmit());
    await notice(page, "look").waitFor();
    assert.equal((await stateOf(service, project.id)).phases[0].name, a.name, "nothing is saved");
    await save(page);
    assert.equal((await stateOf(service, project.id)).phases[0].name, "Behind");
  });

  pageTest("a project without a timeline gets its first phase", {}, async ({ page, service }) => {
    const project = { id: service.projects["Without timeline"], path: `/projects/${service.projects["Without timeline"]}` };
    await openProject(page, project);
    if (process.env.PAGE_SERVICE && !(await page.locator("#open").count())) return;
    await swapped(page, () => page.locator("#open").click());
    await assertShown(page.locator("#phases th"), "Default Phase");
    const state = await stateOf(service, project.id);
    assert.deepEqual([state.phases.length, state.version > 0], [1, true]);
  });
});
