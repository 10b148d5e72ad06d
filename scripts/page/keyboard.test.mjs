// The whole walk by keyboard alone: from the skip link to a save, through time, a restore, a conflict, and signing in and out.

import assert from "node:assert/strict";
import { formatDay } from "../../api/assets/days.js";
import { changePhase, eventsAfter, ownProject, stateOf } from "./support/projects.mjs";
import { Keys } from "./support/keys.mjs";
import { pageSuite } from "./support/suite.mjs";
import { assertSaid, assertShown, drawnDays, mode, notice, openProject, swapped, typedDates } from "./support/walk.mjs";

const dates = (days) => days.map(formatDay);
const spoken = (page) => page.locator("#moment").getAttribute("aria-valuetext");

// From the skip link to the bars, as someone who cannot see them.
async function enterBars(page, keys) {
  await keys.press("Tab");
  assert.match(await page.locator(":focus").textContent(), /Skip to the content/);
  await keys.press("Enter");
  await keys.at("#main");
  await keys.reach(".bar");
}

pageSuite("keyboard", { args: ["--projects", "60"] }, (pageTest) => {
  pageTest("a bar is chosen, its edges are moved, previewed and saved", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    const [a, b, c] = project.phases;
    const keys = new Keys(page);
    await openProject(page, project);
    await enterBars(page, keys);
    await keys.at(`#bar-${a.id}`);
    await keys.press("ArrowDown");
    await keys.at(`#bar-${b.id}`);
    await keys.press("End");
    await keys.at(`#bar-${c.id}`);
    await keys.press("Home", "ArrowRight", "Enter");
    await keys.at(`#bar-${b.id}`);
    await assertSaid(page, /^Editing B\. S, E and M .+ End\. B: .+ 30 days\. It may be from /);
    await keys.press("ArrowRight", "ArrowRight", "Shift+ArrowRight");
    assert.deepEqual((await drawnDays(page))[b.id], [b.first, b.last + 9]);
    await assertSaid(page, /^B: .+, 39 days$/);
    await keys.press("s");
    await assertSaid(page, /^Start\. B: .+, 30 days\. It may be from /);
    await keys.type(formatDay(b.first - 5));
    assert.deepEqual((await drawnDays(page))[b.id], [b.first - 5, b.last]);
    await swapped(page, () => keys.press("Enter"));
    await keys.at(`#bar-${b.id}`);
    assert.equal(await mode(page), "draft");
    assert.deepEqual((await typedDates(page))[a.id], dates([a.first, b.first - 6]));
    await assertSaid(page, /B now runs .+; A follows, /);
    await keys.press("Enter", "m", "Shift+ArrowRight");
    await swapped(page, () => keys.press("Enter"));
    assert.deepEqual((await typedDates(page))[b.id], dates([b.first + 2, b.last + 7]));
    await keys.reach("#reason");
    await keys.type("Ohne Maus");
    await keys.press("Tab");
    await keys.at("#save");
    await keys.press("Enter");
    await notice(page, "saved").waitFor();
    await keys.at("#edit");
    assert.deepEqual((await stateOf(service, project.id)).phases[1].first, b.first + 2);
    const events = await eventsAfter(service, project.id, project.version);
    assert.ok(events.every((event) => event.reason === "Ohne Maus"));
  });

  pageTest("an edit of a bar is left with Escape, limited by neighbours, and explained where it is not possible", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    const [a, b] = project.phases;
    const keys = new Keys(page);
    await openProject(page, project);
    await enterBars(page, keys);
    await keys.press("Enter", "s");
    await assertSaid(page, /The first phase starts with the project\./);
    await keys.press("m", "ArrowRight");
    await assertSaid(page, /cannot move as a whole/);
    await keys.press("e");
    await keys.type(formatDay(b.last + 100));
    await assertSaid(page, /is not possible: A: /);
    assert.deepEqual((await drawnDays(page))[a.id], [a.first, b.last - 1]);
    await keys.press("ArrowRight");
    await assertSaid(page, "No further.");
    await keys.type("2023-02-29");
    await assertSaid(page, "2023-02-29 is no date.");
    await keys.press("Escape");
    await keys.at(`#bar-${a.id}`);
    await assertSaid(page, "Left without a change.");
    assert.deepEqual((await drawnDays(page))[a.id], [a.first, a.last]);
    await keys.press("Enter", "ArrowRight", "Tab");
    assert.deepEqual((await drawnDays(page))[a.id], [a.first, a.last], "leaving the bar leaves the edit");
    assert.equal(await mode(page), "now");
  });

  pageTest("phases are added, removed, moved and renamed", {}, async ({ page, service }) => {
    const project = await ownProject(service, { days: [20, 30, 40] });
    const [a, b, c] = project.phases;
    const keys = new Keys(page);
    await openProject(page, project);
    await enterBars(page, keys);
    await swapped(page, () => keys.press("Insert"));
    const fresh = Object.keys(await typedDates(page))[1];
    await keys.at(`#bar-${fresh}`);
    await assertSaid(page, /New phase now runs/);
    await swapped(page, () => keys.press("Alt+ArrowDown"));
    await keys.at(`#bar-${fresh}`);
    assert.deepEqual(Object.keys(await typedDates(page)), [a.id, b.id, fresh, c.id]);
    await keys.press("ArrowUp");
    await keys.at(`#bar-${b.id}`);
    await swapped(page, () => keys.press("Delete"));
    await keys.check("Delete");
    await assertSaid(page, /B is removed/);
    await keys.reach(`#name-${fresh}`);
    await keys.press("Control+a");
    await keys.type("Prüfung");
    await swapped(page, () => keys.press("Tab"));
    await keys.at(`#description-${fresh}`);
    await keys.reach("#save");
    await keys.press(" ");
    await notice(page, "saved").waitFor();
    assert.deepEqual((await stateOf(service, project.id)).phases.map(({ name }) => name), ["A", "Prüfung", "C"]);
  });

  pageTest("the buttons of the table work, and keep the focus near", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    const [a, b, c] = project.phases;
    const keys = new Keys(page);
    await openProject(page, project);
    await enterBars(page, keys);
    await keys.reach("#edit");
    await swapped(page, () => keys.press("Enter"));
    await keys.at(`#bar-${a.id}`);
    await keys.reach(`#down-${b.id}`);
    await swapped(page, () => keys.press("Enter"));
    await keys.check("moving to the end");
    assert.deepEqual(Object.keys(await typedDates(page)), [a.id, c.id, b.id]);
    await keys.reach(`#remove-${b.id}`);
    await swapped(page, () => keys.press("Enter"));
    await keys.at(`#name-${c.id}`);
    await keys.reach("#undo");
    await swapped(page, () => keys.press("Enter"));
    await keys.at("#undo");
    await keys.reach("#discard");
    await swapped(page, () => keys.press("Enter"));
    await keys.at("#edit");
    await assertShown(notice(page, "discarded"), "Your changes are discarded.");
    await keys.reach('[data-notice="discarded"] button:not(:last-child)', { key: "Shift+Tab" });
    await swapped(page, () => keys.press("Enter"));
    assert.equal(await mode(page), "draft");
    await keys.check("bringing back");
  });

  pageTest("the slider moves by arrows, pages and ends; D, C, R and the space bar work on it", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    const keys = new Keys(page);
    for (let count = 1; count <= 12; count += 1) await changePhase(service, project.phases[0].id, { name: `Name ${count}` });
    await openProject(page, project);
    await keys.reach("#moment");
    assert.equal(await spoken(page), "Now");
    await swapped(page, () => keys.press("ArrowLeft"));
    assert.match(await spoken(page), /^(\d+) of \1, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+, .+'Name 12'/);
    await swapped(page, () => keys.press("ArrowLeft"));
    assert.match(await spoken(page), /'Name 11'$/);
    await keys.at("#moment");
    await swapped(page, () => keys.press("c"));
    assert.match(page.url(), /compare=\d+/);
    await keys.at("#moment");
    await swapped(page, () => keys.press("Home"));
    assert.match(await spoken(page), /^1 of /);
    await swapped(page, () => keys.press("PageDown"));
    await swapped(page, () => keys.press("End"));
    assert.equal(await spoken(page), "Now");
    await swapped(page, () => keys.press("PageUp"));
    assert.notEqual(await spoken(page), "Now");
    await keys.press("d");
    await keys.at("#day");
    await keys.type("2001-01-01");
    await keys.press("Tab");
    await assertShown(notice(page, "day"), "The first change was after 2001-01-01.");
    await keys.reach("#moment", { key: "Shift+Tab" });
    await keys.press("Home", " ");
    await page.locator('#moment[aria-valuetext^="3 of"], #moment[aria-valuetext^="4 of"]').waitFor();
    await keys.press(" ");
    await assertSaid(page, "Stopped.");
    await page.keyboard.press("r");
    await page.waitForURL("**restore=1**");
  });

  pageTest("a moment is restored", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    await changePhase(service, project.phases[0].id, { name: "Wrong" });
    const keys = new Keys(page);
    await openProject(page, project);
    await keys.reach("#moment");
    await swapped(page, () => keys.press("ArrowLeft"));
    await swapped(page, () => keys.press("ArrowLeft"));
    await page.keyboard.press("r");
    await page.waitForURL("**restore=1**");
    await page.locator("#restore").waitFor();
    await keys.reach("#restore-reason");
    await keys.type("zurück");
    await keys.press("Enter");
    await notice(page, "restored").waitFor();
    await keys.at("#edit");
    assert.equal((await stateOf(service, project.id)).phases[0].name, "A");
  });

  pageTest("a conflict is met, and merged", {}, async ({ page, service, problems }) => {
    problems.permit(/status of 412/);
    const project = await ownProject(service);
    const [, b, c] = project.phases;
    const keys = new Keys(page);
    await openProject(page, project);
    await enterBars(page, keys);
    await keys.press("ArrowDown", "Enter", "ArrowLeft");
    await swapped(page, () => keys.press("Enter"));
    await changePhase(service, c.id, { name: "Theirs" });
    await keys.reach("#save");
    await keys.press("Enter");
    await keys.at("#conflict");
    await keys.press("Tab");
    await keys.at("#merge");
    await swapped(page, () => keys.press("Enter"));
    await keys.at("#save");
    await keys.press("Enter");
    await notice(page, "saved").waitFor();
    const { phases } = await stateOf(service, project.id);
    assert.deepEqual([phases[1].last, phases[2].name], [b.last - 1, "Theirs"]);
  });
});

pageSuite("signing in by keyboard", { signIn: true, args: ["--projects", "20"] }, (pageTest) => {
  pageTest("a token is typed, and the session is ended", {}, async ({ page, service, problems }) => {
    problems.permit(/status of 401/);
    const keys = new Keys(page);
    await page.goto("/");
    await keys.at("#token");
    await keys.type("wrong");
    await page.keyboard.press("Enter");
    await assertShown(page.locator('[role="alert"]'), "not valid");
    await keys.at("#token");
    await page.keyboard.insertText(service.tokens.planner);
    await page.keyboard.press("Enter");
    await page.waitForURL((url) => url.pathname === "/");
    await keys.reach(".session button");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/sign-in**");
    await keys.at("#token");
  });
});
