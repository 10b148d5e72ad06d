// Moving through time: a slider over the commands of the timeline, a second one to compare with, and keys for both.
import { isUntil, localTime } from "./clock.js";
import { parseDay } from "./days.js";
import { notice, say } from "./notices.js";
import { here, isDraft, put, region } from "./region.js";
import { ask, base, loadPage, report } from "./server.js";

const KEPT_PAGES = 40;
const PLAY = 500;

const slider = document.getElementById("moment");
const other = document.getElementById("compare");
const compares = document.getElementById("compares");
const pages = new Map();
let commands = [];
let earlier = 0;
let loading = null;
let playing = null;
// The sliders whose moment is before the first command.
const early = new Set();

// The positions of the URL; null for now, and for no comparison.
function places() {
  const query = new URL(location.href).searchParams;
  // A time means the position that the page found for it.
  const number = (name) => {
    const value = query.get(name);
    if (value === null) return null;
    return Number(/^\d+$/.test(value) ? value : region().dataset[name]);
  };
  return { at: number("at"), compare: number("compare") };
}

function pathOf({ at, compare }) {
  const query = new URLSearchParams();
  if (at !== null) query.set("at", at);
  if (compare !== null) query.set("compare", compare);
  const select = new URL(location.href).searchParams.get("select");
  if (select) query.set("select", select);
  const text = query.toString();
  return here + (text ? `?${text}` : "");
}

// The newest command up to a position; -1 before the first one.
const indexOf = (position) => commands.findLastIndex((command) => command.position <= position);

function wordsOf(index) {
  if (index >= commands.length) return "Now";
  if (index < 0) return "Before the first change";
  const { time, actor, words: text, reason } = commands[index];
  const number = earlier + index + 1;
  return `${number} of ${earlier + commands.length}, ${localTime(time)}, ${actor}: ${text}${reason ? ` (${reason})` : ""}`;
}

// Shows on the sliders what the URL says.
function sync() {
  const { at: asked, compare } = places();
  const at = asked ?? (region().dataset.mode === "past" ? Number(region().dataset.at) : null);
  for (const range of [slider, other]) range.max = String(commands.length);
  early.clear();
  if (at !== null && indexOf(at) < 0) early.add(slider);
  if (compare !== null && indexOf(compare) < 0) early.add(other);
  slider.value = String(at === null ? commands.length : Math.max(indexOf(at), 0));
  compares.checked = compare !== null;
  document.getElementById("compare-slide").hidden = compare === null;
  if (compare !== null) other.value = String(Math.max(indexOf(compare), 0));
  describe();
  for (const item of document.querySelectorAll("#history li")) {
    if (item.id === `command-${at}`) item.setAttribute("aria-current", "true");
    else item.removeAttribute("aria-current");
  }
}

function describe() {
  for (const [range, output] of [[slider, "moment-words"], [other, "compare-words"]]) {
    const text = wordsOf(early.has(range) ? -1 : Number(range.value));
    range.setAttribute("aria-valuetext", text);
    const words = document.getElementById(output);
    words.textContent = text;
    words.title = text;
  }
}

async function pageOf(path, signal) {
  if (pages.has(path)) return pages.get(path);
  const page = await loadPage(path, { part: "timeline", signal });
  if (path.includes("at=")) {
    pages.set(path, page);
    if (pages.size > KEPT_PAGES) pages.delete(pages.keys().next().value);
  }
  return page;
}

// Shows a moment: `at` and `compare` are positions, or null. Only the last requested one is shown.
async function show(next, { push = false } = {}) {
  if (isDraft()) {
    notice("draft", "warn", "Save or discard your draft before you look back.");
    sync();
    return;
  }
  const path = pathOf(next);
  if (base + path !== location.pathname + location.search) {
    if (push) history.pushState(null, "", base + path);
    else history.replaceState(null, "", base + path);
  }
  loading?.abort();
  loading = new AbortController();
  const { signal } = loading;
  try {
    const page = await pageOf(path, signal);
    if (signal.aborted || isDraft()) return;
    put(page, { quiet: true });
    sync();
    prefetch(next);
  } catch (failure) {
    report(failure);
  }
}

function prefetch({ at, compare }) {
  if (at === null) return;
  const index = indexOf(at);
  for (const near of [commands[index - 1], commands[index + 1]]) {
    if (near) pageOf(pathOf({ at: near.position, compare })).catch(() => {});
  }
}

const positionAt = (index) => (index >= commands.length ? null : commands[Math.max(index, 0)].position);

// Goes to a command by its index; null is now.
export function go(index, options) {
  if (index === null || index >= commands.length) return show({ ...places(), at: null }, options);
  return show({ ...places(), at: positionAt(index) }, options);
}

function step(by) {
  const now = Number(slider.value);
  go(by === "first" ? 0 : by === "now" ? null : Math.min(Math.max(now + Number(by), 0), commands.length));
}

function toDay(text) {
  if (parseDay(text) === null) {
    notice("day", "warn", `${text || "An empty field"} is no day: write it as 2026-01-31.`);
    return;
  }
  const index = commands.findLastIndex((command) => isUntil(command.time, text));
  if (index < 0) notice("day", "warn", `The first change was after ${text}.`);
  else go(index, { push: true });
}

function compareHere(index) {
  show({ ...places(), compare: index === null ? null : (positionAt(index) ?? commands.at(-1)?.position ?? null) });
}

function play() {
  if (playing || matchMedia("(prefers-reduced-motion: reduce)").matches) {
    clearInterval(playing);
    say(playing ? "Stopped." : "Playing is off, as your system asks for less motion.");
    playing = null;
    return;
  }
  if (Number(slider.value) >= commands.length) go(0);
  playing = setInterval(() => {
    if (isDraft()) {
      play();
      return;
    }
    const next = Number(slider.value) + 1;
    go(next >= commands.length ? null : next);
    if (next >= commands.length) play();
  }, PLAY);
}

function keys(event) {
  const isOther = event.target === other;
  const by = { PageUp: -10, PageDown: 10 }[event.key];
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (by !== undefined) {
    const range = isOther ? other : slider;
    range.value = String(Number(range.value) + by);
    range.dispatchEvent(new Event("input", { bubbles: true }));
  } else if (key === "d") document.getElementById("day").focus();
  else if (key === "c") compareHere(compares.checked && !isOther ? Number(slider.value) : Math.max(Number(slider.value) - 1, 0));
  else if (key === "r") document.getElementById("restore-this")?.click();
  else if (key === " ") play();
  else return;
  event.preventDefault();
}

async function load() {
  try {
    const { body } = await ask("GET", `${here}/commands`);
    ({ commands, earlier } = body);
    const { at } = region().dataset;
    document.getElementById("time").hidden = commands.length === 0 && at === undefined;
    sync();
  } catch (failure) {
    report(failure);
  }
}

export function listen() {
  if (!slider) return;
  load();
  let frame = 0;
  const moved = (event) => {
    early.delete(event.target);
    describe();
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => {
      const compare = compares.checked ? (positionAt(Number(other.value)) ?? commands.at(-1)?.position ?? null) : null;
      show({ at: positionAt(Number(slider.value)), compare });
    });
  };
  for (const range of [slider, other]) {
    range.addEventListener("input", moved);
    range.addEventListener("keydown", keys);
  }
  compares.addEventListener("change", () => compareHere(compares.checked ? Math.max(Number(slider.value) - 1, 0) : null));
  document.getElementById("time").addEventListener("click", (event) => {
    const by = event.target.closest("button")?.dataset.step;
    if (by) step(by);
  });
  document.getElementById("day").addEventListener("change", (event) => toDay(event.target.value.trim()));
  document.addEventListener("phaseline-history", load);
  document.addEventListener("phaseline-moment", sync);
  addEventListener("popstate", () => {
    if (isDraft()) history.pushState(null, "", base + here);
    show(places());
  });
  document.getElementById("main").addEventListener("click", (event) => {
    const link = event.target.closest("#to-now");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      show({ at: null, compare: places().compare }, { push: true });
    }
  });
}
