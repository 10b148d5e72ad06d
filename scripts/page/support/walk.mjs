// What a person does on a project's page, and what the page shows then.

import assert from "node:assert/strict";
import { drag } from "./checks.mjs";

const PHASE_HEIGHT = 16;

// Opens a project's page, and waits until its scripts have read the history.
export async function openProject(page, { path }, query = "") {
  await page.goto(path + query);
  await page.locator("html[data-script]").waitFor({ state: "attached" });
  if (await page.locator("#moment").count()) await page.locator('#moment[aria-valuetext], #time[hidden]').first().waitFor({ state: "attached" });
}

// Runs `action`, and waits until another timeline is in its place.
export async function swapped(page, action) {
  await page.evaluate(() => (document.getElementById("timeline").dataset.former = ""));
  await action();
  await page.locator("#timeline:not([data-former])").waitFor({ state: "attached" });
}

export async function startDraft(page) {
  await swapped(page, () => page.locator("#edit").click());
  await page.locator("#draft").waitFor();
}

export const bar = (page, { id }) => page.locator(`#bar-${id}`);
export const field = (page, name, { id }) => page.locator(`#${name}-${id}`);
export const mode = (page) => page.locator("#timeline").getAttribute("data-mode");
export const notice = (page, name) => page.locator(`#notices [data-notice="${name}"]`);

// Types a value into a field of the draft, and leaves the field.
export async function type(page, name, phase, text) {
  const input = field(page, name, phase);
  await input.fill(text);
  await swapped(page, () => input.press("Tab"));
}

// Where a bar's body is: its box in pixels, and the pixels per day.
export async function boxOf(page, { id }) {
  return await page.evaluate((name) => {
    const { x, y, width, height } = document.querySelector(`#bar-${name} .body`).getBoundingClientRect();
    const { width: all } = document.getElementById("bars").getBoundingClientRect();
    return { x, y, width, height, perDay: all / Number(document.getElementById("timeline").dataset.days) };
  }, id);
}

// Where the mouse takes hold of a bar: "start", "end", or "whole".
export async function holdAt(page, phase, edge) {
  await bar(page, phase).scrollIntoViewIfNeeded();
  const box = await boxOf(page, phase);
  const x = { start: box.x + 2, end: box.x + box.width - 2, whole: box.x + box.width / 2 }[edge];
  return { x, y: box.y + PHASE_HEIGHT, perDay: box.perDay };
}

// Drags an edge, or a whole bar, by days.
export async function dragDays(page, phase, edge, days, options) {
  const from = await holdAt(page, phase, edge);
  await drag(page, from, { x: from.x + days * from.perDay, y: from.y }, options);
}

// The days of bars as they are drawn, by phase.
export async function drawnDays(page) {
  return await page.evaluate(() => {
    const { first, days } = document.getElementById("timeline").dataset;
    const chart = document.getElementById("bars").getBoundingClientRect();
    const perDay = chart.width / Number(days);
    const drawn = Array.from(document.querySelectorAll(".bar"), (element) => {
      const { left, right } = element.querySelector(".body").getBoundingClientRect();
      const at = (x) => Number(first) + Math.round((x - chart.left) / perDay);
      return [element.dataset.phase, [at(left), at(right) - 1]];
    });
    return Object.fromEntries(drawn);
  });
}

// The dates in the fields of the draft, by phase.
export async function typedDates(page) {
  return await page.evaluate(() =>
    Object.fromEntries(
      Array.from(document.querySelectorAll("#draft tr[data-phase]"), (row) => [
        row.dataset.phase,
        ["start_date", "end_date"].map((name) => row.querySelector(`[data-field="${name}"]`).value),
      ]),
    ),
  );
}

export async function save(page, reason) {
  if (reason !== undefined) await page.locator("#reason").fill(reason);
  await page.locator("#save").click();
  await notice(page, "saved").waitFor();
}

export async function assertSaid(page, pattern) {
  await page.locator("#said", { hasText: pattern }).waitFor({ state: "attached" }).catch(async () => {
    assert.fail(`said ${JSON.stringify(await page.locator("#said").textContent({ timeout: 100 }).catch(() => null))}, not ${pattern}`);
  });
}

export async function assertShown(locator, pattern) {
  const found = locator.filter({ hasText: pattern }).first();
  await found.waitFor().catch(async () => {
    assert.fail(`${locator} shows ${JSON.stringify((await locator.allTextContents()).join(" | "))}, not ${pattern}`);
  });
}
