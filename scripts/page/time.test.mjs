// Looking back: the slider, the URL, comparisons, days, restoring; and how fast that is.

import assert from "node:assert/strict";
import { formatDay } from "../../api/assets/days.js";
import { measure } from "./support/checks.mjs";
import { call, changePhase, historyOf, ownProject, stateOf } from "./support/projects.mjs";
import { pageSuite } from "./support/suite.mjs";
import {
  assertSaid, assertShown, bar, drawnDays, holdAt, mode, notice, openProject, swapped,
} from "./support/walk.mjs";

// What a step and a drag should take on any machine; tests fail only far above.
const STEP = { wanted: 100, most: 1_000 };
const TASK = { wanted: 50, most: 200 };
const STEPS = 40;

const words = (page) => page.locator("#moment").getAttribute("aria-valuetext");
const step = (page, by) => swapped(page, () => page.locator(`[data-step="${by}"]`).click());
const search = (page) => new URL(page.url()).search;

// A project with three changes of its first phase's end, by 1, 2 and 3 days, and a raise of its budget.
async function changed(service) {
  const project = await ownProject(service);
  const [a] = project.phases;
  for (const days of [1, 3, 6]) {
    const body = { end_date: formatDay(a.last + days), neighbours: "adjust", ...(days === 6 ? { capital_budget: "1250.00" } : {}) };
    await changePhase(service, a.id, body, { "phaseline-reason": `by ${days}` });
  }
  const events = await historyOf(service, project.id);
  const of = new Map(events.map((event) => [event.command_id, event.position]));
  return { ...project, positions: [...of.values()].slice(-4) };
}

pageSuite("time", { args: ["--projects", "60"] }, (pageTest) => {
  pageTest("each step of the slider shows its moment, says it in words, and is in the URL", {}, async ({ page, service }) => {
    const { positions, ...project } = await changed(service);
    const [a] = project.phases;
    await openProject(page, project);
    assert.equal(await words(page), "Now");
    await step(page, "-1");
    assert.match(await words(page), /^(\d+) of \1, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+, .+ \(by 6\)$/);
    assert.equal(await page.locator("#moment-words").textContent(), await words(page));
    assert.equal(search(page), `?at=${positions[3]}`);
    await step(page, "-1");
    assert.deepEqual((await drawnDays(page))[a.id], [a.first, a.last + 3]);
    assert.equal(search(page), `?at=${positions[2]}`);
    await assertShown(page.locator(".banner.past"), `(position ${positions[2]} of the log)`);
    assert.equal(await page.locator("#history [aria-current]").getAttribute("id"), `command-${positions[2]}`);
    await step(page, "first");
    assert.match(await words(page), /^1 of /);
    await step(page, "now");
    assert.equal(search(page), "");
    assert.equal(await mode(page), "now");
  });

  pageTest("a reload and the back button give the same", {}, async ({ page, service }) => {
    const { positions, ...project } = await changed(service);
    const [a] = project.phases;
    await openProject(page, project);
    await page.locator(`#command-${positions[1]} a`).first().click();
    await page.waitForURL(`**?at=${positions[1]}`);
    const isThere = async () => {
      assert.deepEqual((await drawnDays(page))[a.id], [a.first, a.last + 1]);
      await page.locator('#moment[aria-valuetext$="(by 1)"]').waitFor();
    };
    await isThere();
    await page.reload();
    await isThere();
    await swapped(page, () => page.locator("#to-now").click());
    assert.equal(search(page), "");
    assert.deepEqual((await drawnDays(page))[a.id], [a.first, a.last + 6]);
    await swapped(page, () => page.goBack());
    await isThere();
    await swapped(page, () => page.goForward());
    assert.equal(await mode(page), "now");
    assert.equal(await words(page), "Now");
  });

  pageTest("a comparison has dashed bars, and names every difference", {}, async ({ page, service }) => {
    const { positions, ...project } = await changed(service);
    const [a, b, c] = project.phases;
    await openProject(page, project);
    await swapped(page, () => page.locator("#compares").check());
    const newest = Number(await page.locator("#moment").getAttribute("max"));
    await swapped(page, () => page.locator("#compare").fill(String(newest - 4)));
    assert.equal(search(page), `?compare=${positions[0]}`);
    assert.equal(await page.locator(".ghost").count(), 2, "the third bar is where it was");
    await assertShown(page.locator(".ghost text"), "+6 d");
    const cells = (phase) => page.locator(`#row-${phase.id} td`).allTextContents();
    assert.deepEqual((await cells(a)).slice(-2), [`${a.start} to ${a.end}`, "ends 6 days later, +250.00"]);
    assert.deepEqual((await cells(b)).slice(-2), [`${b.start} to ${b.end}`, "ends on the same day"]);
    assert.deepEqual((await cells(c)).slice(-2), [`${c.start} to ${c.end}`, "–"]);
    assert.match(await bar(page, a).getAttribute("aria-label"), /, ends 6 days later$/);
    const url = page.url();
    await page.reload();
    assert.equal(await page.locator(".ghost").count(), 2);
    assert.equal(page.url(), url);
    await page.locator('#compare[aria-valuetext]').waitFor();
    await swapped(page, () => page.locator("#compares").uncheck());
    assert.equal(search(page), "");
  });

  pageTest("new and removed phases are marked in a comparison", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    const [, b] = project.phases;
    const { position } = await call(service, "GET", `/projects/${project.id}/timeline`);
    await call(service, "DELETE", `/phases/${b.id}?neighbours=adjust`);
    await openProject(page, project, `?compare=${position}`);
    assert.match(await page.locator(`#row-${b.id}`).getAttribute("class"), /removed/);
    await assertShown(page.locator(`#row-${b.id} .tag`), "removed");
    await openProject(page, project, `?at=${position}&compare=${(await call(service, "GET", `/projects/${project.id}/timeline`)).position}`);
    await assertShown(page.locator(`#row-${b.id} .tag`), "new");
  });

  pageTest("the past cannot be edited", {}, async ({ page, service }) => {
    const { positions, ...project } = await changed(service);
    await openProject(page, project, `?at=${positions[0]}`);
    assert.equal(await page.locator("#edit").count(), 0);
    await bar(page, project.phases[0]).focus();
    await page.keyboard.press("Enter");
    await assertSaid(page, "The past cannot be edited: go back to now first.");
    for (const key of ["Delete", "Insert", "Alt+ArrowDown"]) await page.keyboard.press(key);
    assert.equal(await mode(page), "past");
  });

  pageTest("a moment is restored after a preview of what that does", {}, async ({ page, service }) => {
    const { positions, ...project } = await changed(service);
    const [a] = project.phases;
    await openProject(page, project, `?at=${positions[1]}`);
    await page.locator("#restore-this").click();
    await page.waitForURL("**restore=1");
    await assertShown(page.locator("#restore li"), `A runs ${a.start} to ${formatDay(a.last + 1)} instead of ${a.start} to ${formatDay(a.last + 6)}`);
    await assertShown(page.locator("#restore p"), "Budget: 4,750.00 to 4,500.00 (−250.00)");
    assert.equal((await stateOf(service, project.id)).phases[0].last, a.last + 6, "a preview writes nothing");
    await page.locator("#restore-reason").fill("zurück zum Plan");
    await page.locator("#confirm-restore button").click();
    await assertShown(notice(page, "restored"), `The timeline of position ${positions[1]} is restored.`);
    assert.equal(search(page), "");
    assert.equal(await mode(page), "now");
    assert.equal((await stateOf(service, project.id)).phases[0].last, a.last + 1);
    const last = (await historyOf(service, project.id)).at(-1);
    assert.deepEqual([last.reason, String(last.restored_from)], ["zurück zum Plan", String(positions[1])]);
    await assertShown(page.locator("#history li").first(), "zurück zum Plan");
  });

  pageTest("a moment with other dates of the project needs them, too", {}, async ({ page, service }) => {
    const project = await ownProject(service, { days: [10, 10], start: "2024-02-20" });
    const { position } = await call(service, "GET", `/projects/${project.id}/timeline`);
    await call(service, "PUT", `/projects/${project.id}/timeline`, { body: { start_date: "2024-02-19", end_date: "2024-03-15" } });
    await openProject(page, project, `?at=${position}&restore=1`);
    await assertShown(page.locator("#restore li"), "(V27)");
    assert.equal(await page.locator("#confirm-restore").count(), 0);
    await page.locator("#restore a.button").click();
    await page.waitForURL("**days=1");
    await page.locator("#confirm-restore button").click();
    await notice(page, "restored").waitFor();
    assert.deepEqual([(await stateOf(service, project.id)).start, project.start], ["2024-02-20", "2024-02-20"]);
  });

  pageTest("a day leads to the last change of it; what is no day is said", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    await openProject(page, project);
    const day = page.locator("#day");
    const go = async (text) => {
      await day.fill(text);
      await day.press("Enter");
    };
    await go("tomorrow");
    await assertShown(notice(page, "day"), "tomorrow is no day: write it as 2026-01-31.");
    await go("2001-01-01");
    await assertShown(notice(page, "day"), "The first change was after 2001-01-01.");
    await swapped(page, () => go("2199-12-31"));
    assert.match(search(page), /^\?at=\d+$/);
    assert.match(await words(page), /^(\d+) of \1, /);
  });

  pageTest("steps through five hundred events are quick", { width: 1600 }, async ({ page, service }) => {
    await openProject(page, { path: `/projects/${service.projects["Five hundred events"]}` });
    await page.locator("#moment").focus();
    const times = [];
    for (let count = 0; count < STEPS; count += 1) {
      times.push(
        await page.evaluate(async () => {
          const former = document.getElementById("timeline");
          const slider = document.getElementById("moment");
          const begun = performance.now();
          slider.value = String(Number(slider.value) - 7);
          slider.dispatchEvent(new Event("input", { bubbles: true }));
          while (document.getElementById("timeline") === former) await new Promise((resolve) => requestAnimationFrame(resolve));
          return performance.now() - begun;
        }),
      );
    }
    times.sort((one, other) => one - other);
    const p95 = Math.round(times[Math.floor(times.length * 0.95)]);
    console.log(`a step of the slider: median ${Math.round(times[STEPS / 2])} ms, p95 ${p95} ms (wanted: below ${STEP.wanted})`);
    assert.ok(p95 <= STEP.most, `p95 ${p95} ms`);
  });

  pageTest("a bar of sixty is dragged smoothly", { width: 1600 }, async ({ page, service }) => {
    const id = service.projects["Sixty phases"];
    const project = await stateOf(service, id);
    await openProject(page, project);
    const phase = project.phases[30];
    const from = await holdAt(page, phase, "end");
    const measured = await measure(page, async () => {
      await page.mouse.move(from.x, from.y);
      await page.mouse.down();
      for (let turn = 0; turn < 120; turn += 1) await page.mouse.move(from.x + 8 * Math.sin(turn / 6), from.y);
      await page.keyboard.press("Escape");
      await page.mouse.up();
    });
    const { frames, median, p95, longTasks } = measured;
    const long = longTasks.filter((time) => time > TASK.wanted);
    console.log(`dragging one of 60 bars: ${frames} frames, median ${median} ms, p95 ${p95} ms, tasks over ${TASK.wanted} ms: ${long.join(", ") || "none"}`);
    assert.ok(long.filter((time) => time > TASK.most).length < 3, long.join(", "));
  });
});
