// Days are the same in every time zone: bars, table, draft, what is saved. Only the line of today and the times of events differ.

import assert from "node:assert/strict";
import { formatDay, parseDay } from "../../api/assets/days.js";
import { ownProject, stateOf } from "./support/projects.mjs";
import { pageSuite } from "./support/suite.mjs";
import { bar, dragDays, drawnDays, field, openProject, save, startDraft, swapped, type, typedDates } from "./support/walk.mjs";

const ZONES = ["Pacific/Pago_Pago", "UTC", "Pacific/Kiritimati", "America/New_York"];
// Nights of daylight saving time in New York, year ends, leap days, and where a century has none.
const DAYS = ["2024-03-10", "2024-11-03", "2023-12-31", "2024-01-01", "2024-02-29", "2000-02-29", "2100-02-28", "2100-03-01"];

// All that a page shows of the project's days.
async function shown(page) {
  const rows = await page.locator("#phases tbody tr td:nth-child(-n+4)").allTextContents();
  const labels = await page.locator(".bar").evaluateAll((bars) => bars.map((one) => one.getAttribute("aria-label")));
  const titles = await page.locator(".bar title").allTextContents();
  const ticks = await page.locator("text.tick").allTextContents();
  return { rows, labels, titles, ticks, drawn: await drawnDays(page), facts: await page.locator(".facts").textContent() };
}

pageSuite("zones", { args: ["--projects", "40"] }, (pageTest) => {
  pageTest("a project is the same everywhere", { timeZone: ZONES[0] }, async ({ page, service, open }) => {
    const project = await ownProject(service, { days: [20, 11, 40], start: "2024-02-09" });
    await openProject(page, project);
    const first = await shown(page);
    assert.deepEqual(first.drawn[project.phases[1].id], ["2024-02-29", "2024-03-10"].map(parseDay));
    assert.ok(first.rows.includes("2024-02-29"));
    for (const timeZone of ZONES.slice(1)) {
      const other = await open({ timeZone });
      await openProject(other.page, project);
      assert.deepEqual(await shown(other.page), first, timeZone);
    }
  });

  for (const timeZone of ZONES) {
    pageTest(`days that are typed and dragged in ${timeZone} are the days that are saved`, { timeZone }, async ({ page, service }) => {
      const project = await ownProject(service, { days: [400, 400], start: "2023-06-01" });
      const [a, b] = project.phases;
      await openProject(page, project);
      await startDraft(page);
      for (const text of DAYS.filter((day) => day > "2023-06-01" && day < b.end)) {
        await type(page, "start", b, text);
        const day = parseDay(text);
        assert.deepEqual((await typedDates(page))[a.id], [a.start, formatDay(day - 1)]);
        assert.deepEqual((await drawnDays(page))[b.id], [day, b.last]);
      }
      await type(page, "start", b, "2024-03-09");
      await field(page, "start", b).focus();
      await swapped(page, () => page.keyboard.press("ArrowUp"));
      assert.equal(await field(page, "start", b).inputValue(), "2024-03-10");
      await swapped(page, () => dragDays(page, b, "start", 239));
      const { [b.id]: [start] } = await typedDates(page);
      assert.equal(parseDay(start), (await drawnDays(page))[b.id][0]);
      await type(page, "start", b, "2024-11-03");
      await save(page);
      const { phases } = await stateOf(service, project.id);
      assert.deepEqual(phases.map((phase) => [phase.start, phase.end]), [["2023-06-01", "2024-11-02"], ["2024-11-03", b.end]]);
      assert.match(await bar(page, b).getAttribute("aria-label"), /, 3 Nov 2024 to /);
    });
  }

  pageTest("leap days and the ends of centuries are days, others are not", { timeZone: "America/New_York" }, async ({ page, service }) => {
    const project = await ownProject(service, { days: [36_700, 400], start: "2000-01-01" });
    const [, b] = project.phases;
    await openProject(page, project);
    await startDraft(page);
    for (const text of ["2000-02-29", "2100-02-28", "2100-03-01"]) {
      await type(page, "start", b, text);
      assert.equal((await typedDates(page))[b.id][0], text);
      assert.equal(await page.locator("#preview .faults").count(), 0, text);
    }
    for (const text of ["2100-02-29", "2023-02-29", "2024-02-30"]) {
      await type(page, "start", b, text);
      assert.match(await page.locator("#preview .faults").textContent(), /is no date/, text);
      await swapped(page, () => page.locator("#undo").click());
    }
  });

  pageTest("only the line of today and the times of events differ", {}, async ({ service, open }) => {
    const project = await ownProject(service);
    const seen = [];
    for (const timeZone of ZONES) {
      const { page } = await open({ timeZone });
      await openProject(page, { path: `/projects/${service.projects["Three phases"]}` });
      const today = await page.evaluate(() => {
        const { first, days } = document.getElementById("timeline").dataset;
        const x = parseFloat(document.getElementById("today").getAttribute("x1"));
        const now = new Date();
        const two = (number) => String(number).padStart(2, "0");
        const text = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
        return { day: Math.round(Number(first) + (x * Number(days)) / 100), text };
      });
      assert.equal(formatDay(today.day), today.text, timeZone);
      await openProject(page, project);
      seen.push(await page.locator("#history time").first().textContent());
    }
    assert.equal(new Set(seen).size, ZONES.length, seen.join(", "));
    assert.match(seen[1], / UTC$/);
  });
});
