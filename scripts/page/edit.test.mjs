// The table of a draft: dates, names, budgets, order, new and removed phases, what the rules say, and what saving would do.

import assert from "node:assert/strict";
import { formatDay } from "../../api/assets/days.js";
import { ownProject, stateOf, timelineOf } from "./support/projects.mjs";
import { pageSuite } from "./support/suite.mjs";
import {
  assertSaid, assertShown, bar, field, holdAt, openProject, save, startDraft, swapped, type, typedDates,
} from "./support/walk.mjs";

const dates = (days) => days.map(formatDay);
const focused = (page) => page.evaluate(() => document.activeElement.id);

async function draftOf(page, service, shape) {
  const project = await ownProject(service, shape);
  await openProject(page, project);
  await startDraft(page);
  return project;
}

pageSuite("edit", { args: ["--projects", "60"] }, (pageTest) => {
  pageTest("a date is typed: the neighbour follows, and the field has its weekday", {}, async ({ page, service }) => {
    const project = await draftOf(page, service);
    const [a, b] = project.phases;
    await type(page, "start", b, formatDay(b.first + 7));
    assert.deepEqual((await typedDates(page))[a.id], dates([a.first, b.first + 6]));
    assert.match(await field(page, "start", b).getAttribute("title"), new RegExp(`^\\w+day, ${formatDay(b.first + 7)}$`));
    await assertSaid(page, /B now runs .+; A follows, /);
    await assertShown(page.locator("#save"), "Save 2 changed phases");
  });

  pageTest("without following, gaps and overlaps are named by their rules, and saving is locked", {}, async ({ page, service }) => {
    const project = await draftOf(page, service);
    const [a, b] = project.phases;
    await page.locator("#follow").uncheck();
    await type(page, "start", b, formatDay(b.first + 3));
    const gap = `Gap detected between 'A' (ends ${a.end}) and 'B' (starts ${formatDay(b.first + 3)})`;
    await assertShown(page.locator("#preview li"), `${gap} (V4)`);
    await assertShown(page.locator(`#faults-${a.id}`), gap);
    assert.ok(await page.locator("#save").isDisabled());
    assert.equal(await field(page, "end", a).getAttribute("aria-invalid"), "true");
    assert.equal(await field(page, "end", a).getAttribute("aria-describedby"), `faults-${a.id}`);
    assert.ok(!(await page.locator("#follow").isChecked()), "the choice stays while the draft is edited");
    await type(page, "start", b, formatDay(b.first - 3));
    await assertShown(page.locator("#preview li"), "Overlap detected between 'A' and 'B' (V5)");
    await type(page, "start", b, b.start);
    assert.equal(await page.locator("#preview .faults").count(), 0);
    assert.ok(await page.locator("#save").isDisabled(), "nothing differs from what is saved");
  });

  pageTest("each rule that typing can break has its message of docs/rules.md", {}, async ({ page, service }) => {
    const project = await draftOf(page, service);
    const [a, b, c] = project.phases;
    const { start, end } = project;
    await page.locator("#follow").uncheck();
    for (const [name, phase, text, message, rule] of [
      ["start", a, formatDay(a.first + 1), `First phase must start at project start date (${start})`, "V2"],
      ["start", a, formatDay(a.first - 1), `Phase 'A': start date must be on or after project start date (${start})`, "V9"],
      ["end", c, formatDay(c.last - 1), `Last phase must end at project end date (${end})`, "V3"],
      ["end", c, formatDay(c.last + 1), `Phase 'C': end date must be on or before project end date (${end})`, "V10"],
      ["end", b, formatDay(b.first - 1), "Phase 'B': start date must be on or before end date", "V8"],
      ["name", b, " ", "Phase name cannot be empty", "V6"],
      ["name", b, "x".repeat(101), "Phase name exceeds maximum length of 100 characters", "V7"],
      ["description", b, "y".repeat(501), "Phase description exceeds maximum length of 500 characters", "V13"],
      ["capital", b, "-1", "Capital budget must be between 0.00 and 9999999999999.99, with at most two decimals", "V12"],
      ["expense", b, "0.001", "Expense budget must be between 0.00 and 9999999999999.99, with at most two decimals", "V12"],
    ]) {
      await type(page, name, phase, text);
      await assertShown(page.locator("#preview li"), `${message} (${rule})`);
      assert.ok(await page.locator("#save").isDisabled(), rule);
      await swapped(page, () => page.locator("#undo").click());
      assert.equal(await page.locator("#preview .faults").count(), 0, `${rule} is mended by undoing`);
    }
  });

  pageTest("what is no date and no amount is said at its field, with how to write it", {}, async ({ page, service }) => {
    const project = await draftOf(page, service);
    const b = project.phases[1];
    for (const [name, text, message] of [
      ["start", "2023-02-29", 'B: "2023-02-29" is no date: write it as 2026-01-31'],
      ["end", "31.12.2026", 'B: "31.12.2026" is no date: write it as 2026-01-31'],
      ["end", "", 'B: "" is no date: write it as 2026-01-31'],
      ["capital", "1.234,50", 'B: "1.234,50" is no amount: write it as 1,234.50'],
      ["expense", "much", 'B: "much" is no amount: write it as 1,234.50'],
    ]) {
      await type(page, name, b, text);
      await assertShown(page.locator("#preview li"), message);
      await assertShown(page.locator(`#faults-${b.id}`), message.slice(3));
      assert.equal(await field(page, name, b).getAttribute("aria-invalid"), "true");
      assert.equal(await field(page, name, b).inputValue(), text, "what was typed stays");
      assert.ok(await page.locator("#save").isDisabled());
      await swapped(page, () => page.locator("#undo").click());
    }
  });

  pageTest("the arrow keys change a date by a day, with Shift by a week; the focus stays", {}, async ({ page, service }) => {
    const project = await draftOf(page, service);
    const b = project.phases[1];
    await field(page, "end", b).focus();
    for (const [key, day] of [["ArrowUp", 1], ["ArrowUp", 2], ["ArrowDown", 1], ["Shift+ArrowUp", 8], ["Shift+ArrowDown", 1]]) {
      await swapped(page, () => page.keyboard.press(key));
      assert.equal(await field(page, "end", b).inputValue(), formatDay(b.last + day), key);
      assert.equal(await focused(page), `end-${b.id}`);
    }
  });

  pageTest("name, description and budget are edited", {}, async ({ page, service }) => {
    const project = await draftOf(page, service);
    const b = project.phases[1];
    await type(page, "name", b, "  Bâtiment № 2 ");
    await type(page, "description", b, "Zwei Räume");
    await type(page, "capital", b, "1,234.50");
    await type(page, "expense", b, "");
    assert.equal(await field(page, "name", b).inputValue(), "Bâtiment № 2");
    assert.equal(await field(page, "capital", b).inputValue(), "1,234.50");
    assert.equal(await field(page, "expense", b).inputValue(), "0.00");
    await assertShown(page.locator(`#row-${b.id} td.number`), "1,234.50");
    await assertShown(page.locator("#preview li"), "B is called Bâtiment № 2, has 1,234.50 instead of 1,500.00, has another description");
    await assertShown(page.locator("#preview p"), "Budget: 4,500.00 to 4,234.50 (−265.50)");
    await save(page);
    const saved = (await stateOf(service, project.id)).phases[1];
    assert.deepEqual(
      [saved.id, saved.name, saved.description, saved.capital_budget, saved.expense_budget, saved.total_budget],
      [b.id, "Bâtiment № 2", "Zwei Räume", "1234.50", "0.00", "1234.50"],
    );
  });

  pageTest("the order changes by buttons and by Alt with the arrow keys", {}, async ({ page, service }) => {
    const project = await draftOf(page, service, { days: [20, 30, 40] });
    const [a, b, c] = project.phases;
    assert.ok(await page.locator(`#up-${a.id}`).isDisabled());
    assert.ok(await page.locator(`#down-${c.id}`).isDisabled());
    await swapped(page, () => page.locator(`#down-${a.id}`).click());
    assert.deepEqual(Object.keys(await typedDates(page)), [b.id, a.id, c.id]);
    assert.equal(await focused(page), `down-${a.id}`, "the button keeps the focus");
    await swapped(page, () => page.locator(`#up-${a.id}`).click());
    assert.deepEqual(Object.keys(await typedDates(page)), [a.id, b.id, c.id]);
    assert.notEqual(await focused(page), "", "a button that is disabled now does not lose the focus to nothing");
    await bar(page, a).focus();
    await swapped(page, () => page.keyboard.press("Alt+ArrowDown"));
    await swapped(page, () => page.keyboard.press("Alt+ArrowDown"));
    assert.equal(await focused(page), `bar-${a.id}`);
    const typed = await typedDates(page);
    assert.deepEqual(Object.keys(typed), [b.id, c.id, a.id]);
    assert.deepEqual(typed[b.id], dates([a.first, a.first + 29]));
    assert.equal(typed[a.id][1], c.end);
  });

  pageTest("a phase is added in the later half of one, and removed again", {}, async ({ page, service }) => {
    const project = await draftOf(page, service);
    const [a, b] = project.phases;
    await swapped(page, () => page.locator(`#add-${a.id}`).click());
    const [, fresh] = Object.keys(await typedDates(page));
    await assertShown(page.locator("#preview li"), `New phase is new: ${formatDay(a.first + 15)} to ${a.end}`);
    assert.equal(await field(page, "name", { id: fresh }).inputValue(), "New phase");
    await page.waitForFunction((id) => document.activeElement.id === `name-${id}`, fresh);
    await page.keyboard.type("Survey");
    await swapped(page, () => page.keyboard.press("Tab"));
    await assertShown(page.locator("#preview li"), "Survey is new");
    await swapped(page, () => page.locator(`#remove-${b.id}`).click());
    await assertSaid(page, /B is removed; Survey follows, /);
    await assertShown(page.locator("#preview li"), "B is removed");
    await save(page);
    const names = (await stateOf(service, project.id)).phases.map(({ name }) => name);
    assert.deepEqual(names, ["A", "Survey", "C"]);
  });

  pageTest("the last phase cannot be removed", {}, async ({ page, service }) => {
    const project = await draftOf(page, service, { days: [30] });
    await swapped(page, () => page.locator(`#remove-${project.phases[0].id}`).click());
    await assertShown(page.locator(".banner.warn"), "Cannot delete the last remaining phase");
    await assertSaid(page, "Not possible: Cannot delete the last remaining phase");
  });

  pageTest("the preview names the assignments that move", {}, async ({ page, service }) => {
    const project = await ownProject(service, { days: [50, 50] });
    const [a, b] = project.phases;
    const { json } = await service.api("GET", `/api/v1/phases/${a.id}/assignments`);
    const of = Array.isArray(json) ? json : json.assignments;
    const other = await timelineOf(service, project.id);
    const counts = other.phases.map((phase) => phase.assignment_count);
    await openProject(page, project);
    await startDraft(page);
    await type(page, "end", a, a.start);
    const moved = counts[0] - (of.filter((assignment) => assignment.date <= a.start).length || 0);
    if (moved > 0) await assertShown(page.locator("#preview li"), /^\d+ assignments? moves? from A to B \(/);
    await swapped(page, () => page.locator("#undo").click());
    await type(page, "end", a, formatDay(b.last - 1));
    if (counts[1] > 0) await assertShown(page.locator("#preview li"), /assignments? moves? from B to A \(/);
    assert.ok(counts[0] + counts[1] > 0, "the project has assignments");
  });

  pageTest("a drag to another row moves a phase of the draft, too", {}, async ({ page, service }) => {
    const project = await draftOf(page, service);
    const [a, b, c] = project.phases;
    const from = await holdAt(page, c, "whole");
    await swapped(page, async () => {
      await page.mouse.move(from.x, from.y);
      await page.mouse.down();
      for (let step = 1; step <= 20; step += 1) await page.mouse.move(from.x, from.y - 4 * step);
      await page.mouse.up();
    });
    assert.deepEqual(Object.keys(await typedDates(page)), [c.id, a.id, b.id]);
  });
});
