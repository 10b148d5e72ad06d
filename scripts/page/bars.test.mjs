// Bars edited with the mouse: edges, whole bars, their order, and what cancels a drag.

import assert from "node:assert/strict";
import { formatDay } from "../../api/assets/days.js";
import { ownProject, stateOf } from "./support/projects.mjs";
import { pageSuite } from "./support/suite.mjs";
import {
  assertSaid, assertShown, bar, boxOf, dragDays, drawnDays, holdAt, mode, notice, openProject, save, startDraft, swapped, typedDates,
} from "./support/walk.mjs";

const saved = ({ phases }) => Object.fromEntries(phases.map(({ id, first, last }) => [id, [first, last]]));
const dates = (days) => days.map(formatDay);

async function assertNothingSaved(service, project) {
  const now = await stateOf(service, project.id);
  assert.equal(now.version, project.version, "an edit has saved something");
}

pageSuite("bars", { args: ["--projects", "60"] }, (pageTest) => {
  pageTest("the end of a bar is dragged: the next bar follows while it is, and the draft has both", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    const [a, b, c] = project.phases;
    await openProject(page, project);
    await swapped(page, async () => {
      await dragDays(page, b, "end", 5, { hold: true });
      await assertShown(page.locator("#chart-title"), /B: .+ 35 days \(\w+day\)/);
      assert.deepEqual(await drawnDays(page), { ...saved(project), [b.id]: [b.first, b.last + 5], [c.id]: [c.first + 5, c.last] });
      assert.equal(await mode(page), "now", "nothing is sent before the release");
      await page.mouse.up();
    });
    assert.equal(await mode(page), "draft");
    const typed = await typedDates(page);
    assert.deepEqual(typed, {
      [a.id]: [a.start, a.end],
      [b.id]: dates([b.first, b.last + 5]),
      [c.id]: dates([c.first + 5, c.last]),
    });
    assert.deepEqual(await drawnDays(page), { ...saved(project), [b.id]: [b.first, b.last + 5], [c.id]: [c.first + 5, c.last] });
    await assertSaid(page, /B now runs .+ 35 days; C follows, /);
    await assertShown(page.locator("#preview li"), `B runs ${dates([b.first, b.last + 5]).join(" to ")} instead of ${b.start} to ${b.end}`);
    await assertShown(page.locator("#preview li"), `C runs ${formatDay(c.first + 5)} to ${c.end}`);
    assert.equal(await page.locator(".ghost").count(), 2, "the saved places of both bars are shown");
    await assertNothingSaved(service, project);
    await save(page);
    const now = await stateOf(service, project.id);
    assert.deepEqual(saved(now), { ...saved(project), [b.id]: [b.first, b.last + 5], [c.id]: [c.first + 5, c.last] });
  });

  pageTest("the start of a bar is dragged, and a neighbour keeps a day", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    const [a, b] = project.phases;
    await openProject(page, project);
    await swapped(page, () => dragDays(page, b, "start", -30));
    const typed = await typedDates(page);
    assert.deepEqual(typed[b.id], dates([a.first + 1, b.last]));
    assert.deepEqual(typed[a.id], dates([a.first, a.first]));
  });

  pageTest("a whole bar is dragged, and both neighbours follow", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    const [a, b, c] = project.phases;
    await openProject(page, project);
    await swapped(page, () => dragDays(page, b, "whole", -4));
    assert.deepEqual(await typedDates(page), {
      [a.id]: dates([a.first, a.last - 4]),
      [b.id]: dates([b.first - 4, b.last - 4]),
      [c.id]: dates([c.first - 4, c.last]),
    });
  });

  pageTest("a second drag edits the draft further", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    const [a, b] = project.phases;
    await openProject(page, project);
    await swapped(page, () => dragDays(page, a, "end", 3));
    await swapped(page, () => dragDays(page, b, "start", 2));
    const typed = await typedDates(page);
    assert.deepEqual([typed[a.id], typed[b.id]], [dates([a.first, a.last + 5]), dates([b.first + 5, b.last])]);
  });

  for (const [name, cancel] of [
    ["releasing outside the chart", async (page) => {
      const { y } = await page.locator("#bars").boundingBox();
      await page.mouse.move(300, y - 60);
      await page.mouse.up();
    }],
    ["Escape", async (page) => {
      await page.keyboard.press("Escape");
      await page.mouse.up();
    }],
  ]) {
    pageTest(`${name} cancels a drag, in the saved timeline and in a draft`, {}, async ({ page, service }) => {
      const project = await ownProject(service);
      const b = project.phases[1];
      await openProject(page, project);
      await dragDays(page, b, "end", 6, { hold: true });
      assert.deepEqual((await drawnDays(page))[b.id], [b.first, b.last + 6]);
      await cancel(page);
      assert.deepEqual(await drawnDays(page), saved(project));
      assert.equal(await mode(page), "now");
      await assertSaid(page, "Cancelled.");
      await startDraft(page);
      await dragDays(page, b, "whole", 6, { hold: true });
      await cancel(page);
      assert.deepEqual(await drawnDays(page), saved(project));
      assert.deepEqual((await typedDates(page))[b.id], [b.start, b.end]);
      await assertNothingSaved(service, project);
    });
  }

  pageTest("the outer edges do not move, and the page says why", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    const [a, , c] = project.phases;
    await openProject(page, project);
    for (const [phase, edge, why] of [
      [a, "start", "The first phase starts with the project."],
      [c, "end", "The last phase ends with the project."],
      [a, "whole", /cannot move as a whole/],
    ]) {
      await dragDays(page, phase, edge, edge === "end" ? -10 : 10, { hold: true });
      await assertShown(page.locator("#chart-title"), why);
      await page.mouse.up();
      assert.deepEqual(await drawnDays(page), saved(project));
      assert.equal(await mode(page), "now");
    }
  });

  pageTest("a press without a move chooses the bar and its row; the URL has it", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    const b = project.phases[1];
    await openProject(page, project);
    const { x, y } = await holdAt(page, b, "whole");
    await page.mouse.click(x, y);
    await page.waitForURL(`**?select=${b.id}`);
    assert.equal(await page.locator(".selected").count(), 2);
    await page.reload();
    assert.match(await bar(page, b).getAttribute("class"), /selected/);
    assert.match(await page.locator(`#row-${b.id}`).getAttribute("class"), /selected/);
  });

  pageTest("a bar is dragged to another row: the order changes, and the lengths stay", {}, async ({ page, service }) => {
    const project = await ownProject(service, { days: [20, 30, 40] });
    const [a, b, c] = project.phases;
    await openProject(page, project);
    const from = await holdAt(page, a, "whole");
    await swapped(page, async () => {
      await page.mouse.move(from.x, from.y);
      await page.mouse.down();
      for (let step = 1; step <= 20; step += 1) await page.mouse.move(from.x, from.y + 2 * step);
      await assertShown(page.locator("#chart-title"), "A: to place 2");
      await page.mouse.up();
    });
    const typed = await typedDates(page);
    assert.deepEqual(Object.keys(typed), [b.id, a.id, c.id]);
    assert.deepEqual(typed[b.id], dates([a.first, a.first + 29]));
    assert.deepEqual(typed[a.id], dates([a.first + 30, a.first + 49]));
    assert.deepEqual(typed[c.id], [c.start, c.end]);
  });

  pageTest("the mouse's shape tells what a press would take hold of", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    const b = project.phases[1];
    await openProject(page, project);
    const cursor = () => bar(page, b).evaluate((element) => getComputedStyle(element).cursor);
    const { width } = await boxOf(page, b);
    assert.ok(width > 60, `the bar is ${width} px wide`);
    for (const [edge, shape] of [["start", "ew-resize"], ["whole", "grab"], ["end", "ew-resize"]]) {
      const { x, y } = await holdAt(page, b, edge);
      await page.mouse.move(x, y);
      assert.equal(await cursor(), shape, edge);
    }
  });

  pageTest("bars of the past do not move", {}, async ({ page, service }) => {
    const project = await ownProject(service);
    await openProject(page, project, `?at=${(await service.api("GET", `/api/v1/projects/${project.id}/timeline`)).json.position}`);
    const b = project.phases[1];
    await dragDays(page, b, "end", 6);
    assert.deepEqual(await drawnDays(page), saved(project));
    assert.equal(await mode(page), "past");
    assert.equal(await notice(page, "refused").count(), 0);
  });
});
