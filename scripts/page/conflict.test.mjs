// Two people at one timeline: changes of others come by themselves, never under the pointer, and never over a draft.

import assert from "node:assert/strict";
import { formatDay } from "../../api/assets/days.js";
import { call, changePhase, eventsAfter, ownProject, stateOf } from "./support/projects.mjs";
import { pageSuite } from "./support/suite.mjs";
import {
  assertShown, bar, boxOf, dragDays, drawnDays, field, holdAt, mode, notice, openProject, save, startDraft, swapped, type,
} from "./support/walk.mjs";

const CONFLICT = /status of 412/;

// Saves a draft into a conflict: `mine` edits it, `theirs` changes the saved timeline meanwhile.
async function meet({ page, service, problems }, { mine, theirs, shape }) {
  problems.permit(CONFLICT);
  const project = await ownProject(service, shape);
  await openProject(page, project);
  await startDraft(page);
  await mine(project.phases);
  await theirs(project.phases, project);
  await page.locator("#save").click();
  await page.locator("#conflict").waitFor();
  return project;
}

pageSuite("conflict", { args: ["--projects", "60"] }, (pageTest) => {
  pageTest("two browsers: both sides are shown, nothing is overwritten, and merged changes keep both", {}, async (test) => {
    const { page, service, problems, open } = test;
    problems.permit(CONFLICT);
    const project = await ownProject(service);
    const [a, b, c] = project.phases;
    const other = await open();
    await openProject(page, project);
    await openProject(other.page, project);
    await swapped(page, () => dragDays(page, b, "end", 5));
    await startDraft(other.page);
    await type(other.page, "name", c, "Theirs");
    await type(other.page, "capital", a, "9,999.00");
    await save(other.page, "von nebenan");
    const saved = await stateOf(service, project.id);
    await assertShown(notice(page, "changes"), "Someone else has changed this timeline. Your draft is as it was.");
    await page.locator("#save").click();
    await assertShown(page.locator("#conflict li"), /^.+, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+: .+/);
    assert.equal(await page.evaluate(() => document.activeElement.id), "conflict");
    assert.deepEqual((await drawnDays(page))[b.id], [b.first, b.last + 5], "mine are the solid bars");
    assert.ok((await page.locator(".ghost").count()) >= 2, "theirs are the dashed bars");
    assert.ok(await page.locator("#save").isDisabled());
    assert.deepEqual(await stateOf(service, project.id), saved, "nothing is overwritten");
    await swapped(page, () => page.locator("#merge").click());
    assert.equal(await page.locator("#conflict").count(), 0);
    assert.equal(await field(page, "name", c).inputValue(), "Theirs");
    assert.equal(await field(page, "end", b).inputValue(), formatDay(b.last + 5));
    await save(page);
    const { phases } = await stateOf(service, project.id);
    assert.deepEqual([phases[0].capital_budget, phases[1].last, phases[2].name], ["9999.00", b.last + 5, "Theirs"]);
    const mine = await eventsAfter(service, project.id, saved.version);
    assert.deepEqual(mine.map((event) => event.event_type), ["PhaseResized", "PhaseResized"], "only my changes are saved");
  });

  pageTest("my changes are dropped, and brought back", {}, async (test) => {
    const { page, service } = test;
    const project = await meet(test, {
      mine: ([a]) => type(page, "name", a, "Mine"),
      theirs: ([, b]) => changePhase(service, b.id, { name: "Theirs" }),
    });
    await swapped(page, () => page.locator("#take-theirs").click());
    assert.equal(await mode(page), "now");
    await assertShown(page.locator("#phases th"), "Theirs");
    assert.deepEqual((await stateOf(service, project.id)).phases.map(({ name }) => name), ["A", "Theirs", "C"]);
    await swapped(page, () => notice(page, "discarded").getByText("Bring them back").click());
    await page.locator("#conflict").waitFor();
    await swapped(page, () => page.locator("#merge").click());
    await save(page);
    assert.deepEqual((await stateOf(service, project.id)).phases.map(({ name }) => name), ["Mine", "Theirs", "C"]);
  });

  pageTest("where both changed one field, mine is kept and theirs is named", {}, async (test) => {
    const { page, service } = test;
    const project = await meet(test, {
      mine: ([, b]) => type(page, "name", b, "Mine"),
      theirs: ([, b]) => changePhase(service, b.id, { name: "Theirs", capital_budget: "7.00" }),
    });
    await swapped(page, () => page.locator("#merge").click());
    await assertShown(page.locator(".banner.warn li"), "Both changed Theirs: name (theirs: Theirs); yours is kept");
    await save(page);
    const b = (await stateOf(service, project.id)).phases[1];
    assert.deepEqual([b.name, b.capital_budget], ["Mine", "7.00"]);
  });

  pageTest("a phase that the other removed stays removed, and my changes to it are named", {}, async (test) => {
    const { page, service } = test;
    const project = await meet(test, {
      mine: async ([a, b]) => {
        await type(page, "name", b, "Mine");
        await type(page, "name", a, "First");
      },
      theirs: ([, b]) => call(service, "DELETE", `/phases/${b.id}?neighbours=adjust`),
    });
    await swapped(page, () => page.locator("#merge").click());
    await assertShown(page.locator(".banner.warn li"), "Mine was removed meanwhile; your changes to it are left out");
    await save(page);
    assert.deepEqual((await stateOf(service, project.id)).phases.map(({ name }) => name), ["First", "C"]);
  });

  pageTest("dates of both sides that do not fit are named by their rules, and can be mended", {}, async (test) => {
    const { page, service } = test;
    const project = await meet(test, {
      mine: ([, b]) => type(page, "end", b, formatDay(b.last + 6)),
      theirs: ([, b]) => changePhase(service, b.id, { end_date: formatDay(b.last - 6), neighbours: "adjust" }),
    });
    const [, b, c] = project.phases;
    await swapped(page, () => page.locator("#merge").click());
    assert.equal(await field(page, "end", b).inputValue(), formatDay(b.last + 6));
    assert.equal(await field(page, "start", c).inputValue(), formatDay(c.first + 6));
    await assertShown(page.locator(".banner.warn li"), "Both changed B: end");
    await save(page);
    assert.equal((await stateOf(service, project.id)).phases[1].last, b.last + 6);
  });

  pageTest("a change of someone else comes by itself, with the next answer or the one after it", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    await page.mouse.move(5, 5);
    await openProject(page, project);
    await page.waitForResponse("**/live");
    await changePhase(service, project.phases[1].id, { name: "From elsewhere" });
    let answers = 0;
    page.on("response", (response) => (answers += response.url().endsWith("/live")));
    await page.locator("#phases th", { hasText: "From elsewhere" }).waitFor();
    // One may have been under way; and the page loads its new part while the next one comes.
    assert.ok(answers <= 3, `${answers} answers`);
    await assertShown(page.locator("#history li").first(), "From elsewhere");
    assert.equal(await notice(page, "changes").count(), 0);
  });

  pageTest("nothing moves under the pointer: a notice has the number of changes, and shows them on request", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    const b = project.phases[1];
    await openProject(page, project);
    await page.waitForResponse("**/live");
    const { x, y } = await holdAt(page, b, "whole");
    await page.mouse.move(x, y);
    const before = await boxOf(page, b);
    await changePhase(service, b.id, { end_date: formatDay(b.last + 9), neighbours: "adjust" });
    await changePhase(service, b.id, { name: "Elsewhere" });
    await assertShown(notice(page, "changes"), /^[23] new changes\./);
    assert.deepEqual(await boxOf(page, b), before);
    assert.equal(await page.evaluate(([left, top]) => document.elementFromPoint(left, top).closest(".bar")?.dataset.phase, [x, y]), b.id);
    await swapped(page, () => notice(page, "changes").getByText("Show").click());
    await assertShown(page.locator("#phases th"), "Elsewhere");
    assert.deepEqual((await drawnDays(page))[b.id], [b.first, b.last + 9]);
    assert.equal(await notice(page, "changes").count(), 0);
  });

  pageTest("nothing moves under the focus", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    await page.mouse.move(5, 5);
    await openProject(page, project);
    await page.waitForResponse("**/live");
    await bar(page, project.phases[2]).focus();
    await changePhase(service, project.phases[1].id, { name: "Elsewhere" });
    await assertShown(notice(page, "changes"), "1 new change.");
    assert.equal(await page.locator("#phases th", { hasText: "Elsewhere" }).count(), 0);
    await page.locator("h1").click();
    await swapped(page, () => notice(page, "changes").getByText("Show").click());
    await assertShown(page.locator("#phases th"), "Elsewhere");
  });

  pageTest("a drag that began before a change of someone else becomes a conflict, not a loss", {}, async ({ page, service, problems }) => {
    problems.permit(CONFLICT);
    const project = await ownProject(service);
    const [a, b, c] = project.phases;
    await openProject(page, project);
    await page.waitForResponse("**/live");
    await swapped(page, async () => {
      await dragDays(page, b, "end", 4, { hold: true });
      await changePhase(service, c.id, { name: "Theirs" });
      await notice(page, "changes").waitFor();
      assert.deepEqual((await drawnDays(page))[b.id], [b.first, b.last + 4], "the drag goes on");
      await page.mouse.up();
    });
    await save(page);
    const { phases } = await stateOf(service, project.id);
    assert.deepEqual([phases[0].last, phases[1].last, phases[2].name], [a.last, b.last + 4, "Theirs"]);
  });

  pageTest("the past stays what it was when the present changes", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    const { position } = await call(service, "GET", `/projects/${project.id}/timeline`);
    await openProject(page, project, `?at=${position}`);
    await page.waitForResponse("**/live");
    await changePhase(service, project.phases[1].id, { name: "Later" });
    await assertShown(notice(page, "changes"), "The timeline has changed since.");
    assert.equal(await page.locator("#phases th", { hasText: "Later" }).count(), 0);
    await swapped(page, () => notice(page, "changes").getByText("Back to now").click());
    await assertShown(page.locator("#phases th"), "Later");
  });
});
