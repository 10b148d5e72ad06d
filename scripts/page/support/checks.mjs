// What can be checked on any page: accessibility, focus, layout, smoothness; and what a person wants to look at.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { axeSource, screenshots } from "./tools.mjs";

// Runs all rules of axe on the page, or on the part `within`; fails with a line per element and rule. `without` are ids of rules.
export async function assertAccessible(page, { within, without = [] } = {}) {
  await page.evaluate(axeSource);
  const violations = await page.evaluate(
    async ([selector, ids]) => {
      const rules = Object.fromEntries(ids.map((id) => [id, { enabled: false }]));
      const result = await window.axe.run(selector ?? document, { rules, resultTypes: ["violations"], preload: false });
      return result.violations.map(({ id, impact, help, nodes }) => ({
        title: `${id} (${impact}): ${help}`,
        nodes: nodes.map((node) => `${node.target.flat().join(" ")}\n      ${node.failureSummary.replaceAll("\n", "\n      ")}`),
      }));
    },
    [within, without],
  );
  const text = violations.map(({ title, nodes }) => [title, ...nodes].join("\n    ")).join("\n  ");
  assert.ok(violations.length === 0, `axe found on ${page.url()}:\n  ${text}`);
}

// Saves what the page shows, as target/page/screenshots/NAME-WIDTH-SCHEME.png. `whole`: also what is below the fold.
export async function screenshot({ page, width, scheme }, name, { whole = true, folder = screenshots } = {}) {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}-${width}-${scheme}.png`);
  await page.screenshot({ path, fullPage: whole, animations: "disabled", caret: "hide" });
  return path;
}

// What assistive technology reads, as text: a line per element with role and name.
export async function accessibleTree(page, within = "body") {
  return await page.locator(within).ariaSnapshot();
}

// Fails if the page can be scrolled to the side.
export async function assertNoSideScroll(page) {
  const wide = await page.evaluate(() => {
    const limit = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= limit) return null;
    const beyond = [...document.querySelectorAll("body *")].filter((element) => element.getBoundingClientRect().right > limit + 0.5);
    return { limit, by: beyond.slice(0, 5).map((element) => element.outerHTML.slice(0, 120)) };
  });
  assert.ok(!wide, `the page is wider than ${wide?.limit} px because of:\n  ${wide?.by.join("\n  ")}`);
}

// Presses Tab from the start of the page until focus returns to it, or `limit` times. Per stop the element's role and name as in the
// accessible tree, and whether it shows that it has the focus.
export async function tabOrder(page, { limit = 100, key = "Tab" } = {}) {
  await page.evaluate(() => {
    document.activeElement?.blur();
    window.getSelection()?.removeAllRanges();
  });
  const stops = [];
  while (stops.length < limit) {
    await page.keyboard.press(key);
    const state = await page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return null;
      const first = element.dataset.tabStop === undefined;
      element.dataset.tabStop = "";
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
      const outlined = outlineStyle !== "none" && parseFloat(outlineWidth) > 0;
      // A bar shows it by the frame of its row: browsers differ in outlines within SVG.
      const frame = element.querySelector(":scope > .row");
      const framed = frame !== null && getComputedStyle(frame).stroke !== "none";
      return { first, visible: outlined || framed || boxShadow !== "none" };
    });
    if (!state?.first) break;
    const [line] = (await page.locator(":focus").ariaSnapshot()).split("\n");
    stops.push({ name: line.replace(/^- /, "").replace(/:$/, ""), visible: state.visible });
  }
  await page.evaluate(() => {
    for (const element of document.querySelectorAll("[data-tab-stop]")) delete element.dataset.tabStop;
  });
  return stops;
}

// Fails if an element that Tab reaches does not show that it has the focus.
export function assertFocusVisible(stops) {
  const hidden = stops.filter(({ visible }) => !visible).map(({ name }) => name);
  assert.deepEqual(hidden, [], "these elements have the focus and do not show it");
}

// Counts frames and long tasks (over 50 ms) of the page while `action` runs. Times in milliseconds; a frame's time is the interval
// to the one before it.
export async function measure(page, action) {
  await page.evaluate(() => {
    const state = { frames: [], longTasks: [], running: true };
    state.observer = new PerformanceObserver((list) => {
      state.longTasks.push(...list.getEntries().map((entry) => Math.round(entry.duration)));
    });
    state.observer.observe({ type: "longtask" });
    const frame = (time) => {
      state.frames.push(time);
      if (state.running) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    window.measured = state;
  });
  await action();
  const { times, longTasks } = await page.evaluate(async () => {
    const state = window.measured;
    // Long tasks are reported after they end.
    await new Promise((resolve) => setTimeout(resolve, 100));
    state.running = false;
    state.observer.disconnect();
    delete window.measured;
    return { times: state.frames, longTasks: state.longTasks };
  });
  const intervals = times.slice(1).map((time, index) => time - times[index]);
  const sorted = [...intervals].sort((one, other) => one - other);
  const at = (share) => Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) * 10) / 10;
  return { frames: sorted.length, median: at(0.5), p95: at(0.95), longest: at(1), longTasks };
}

// Presses the mouse at a point, moves it in steps, one per frame or so, and releases it. `hold`: without the release.
export async function drag(page, from, to, { steps = 30, hold = false } = {}) {
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  for (let step = 1; step <= steps; step += 1) {
    const share = step / steps;
    await page.mouse.move(from.x + (to.x - from.x) * share, from.y + (to.y - from.y) * share);
  }
  if (!hold) await page.mouse.up();
}
