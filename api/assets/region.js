// The part of the page with the timeline: where it is, and putting another one into its place.
import { showLocalTimes, today } from "./clock.js";
import { say } from "./notices.js";

export const region = () => document.getElementById("timeline");
export const project = region().dataset.project;
export const here = `/projects/${project}`;

// What is typed or chosen beside the draft, by id.
const KEPT = ["follow", "reason", "restore-reason"];

export const isDraft = () => region().dataset.mode === "draft";
export const isConflict = () => document.getElementById("conflict") !== null;
export const isNow = () => region().dataset.mode === "now";
// Whether bars can be edited here and now.
export const canEdit = () => (isDraft() && !isConflict()) || (isNow() && document.getElementById("edit") !== null);

// The bars as { id, first, last, element }, in their order.
export function bars() {
  return Array.from(region().querySelectorAll(".bar"), (element) => ({
    id: element.dataset.phase,
    first: Number(element.dataset.first),
    last: Number(element.dataset.last),
    name: element.querySelector(".label").textContent,
    element,
  }));
}

// True while one timeline replaces another: the focused field gets its blur events then, which are not the user's.
export let isPutting = false;

// Puts the timeline of another page into place. The focus stays where it was, or goes to the element with the id `focus`.
export function put(page, { focus = null, quiet = false } = {}) {
  const next = document.importNode(page.getElementById("timeline"), true);
  const active = document.activeElement;
  const had = region().contains(active) ? active : null;
  const place = had && { id: had.id, start: had.selectionStart, end: had.selectionEnd };
  const scrolls = Array.from(region().querySelectorAll(".scroll"), (element) => element.scrollLeft);
  for (const id of KEPT) {
    const [old, fresh] = [document.getElementById(id), next.querySelector(`#${id}`)];
    if (old && fresh) [fresh.value, fresh.checked] = [old.value, old.checked];
  }
  isPutting = true;
  region().replaceWith(next);
  isPutting = false;
  decorate(next);
  next.querySelectorAll(".scroll").forEach((element, index) => (element.scrollLeft = scrolls[index] ?? 0));
  const target = document.getElementById(focus ?? place?.id ?? "");
  if (target && (focus || had)) {
    target.focus({ preventScroll: focus === null });
    if (!focus && place.start !== undefined && place.start !== null) target.setSelectionRange?.(place.start, place.end);
  }
  if (had && document.activeElement === document.body) {
    // What had the focus is gone or disabled now.
    const near = target?.parentElement.querySelector("button:enabled") ?? next.querySelector("#conflict, #edit, .bar");
    (near ?? document.getElementById("main")).focus({ preventScroll: true });
  }
  if (!quiet) say(next.dataset.said);
}

// What the service cannot know: today here, and the zone.
export function decorate(root) {
  showLocalTimes(root);
  const line = root.querySelector("#today");
  const { first, days } = root.dataset;
  if (!line || first === undefined) return;
  const place = today() - Number(first);
  if (place >= 0 && place < Number(days)) {
    const x = `${(place * 100) / Number(days)}%`;
    line.setAttribute("x1", x);
    line.setAttribute("x2", x);
    line.removeAttribute("visibility");
  } else {
    line.setAttribute("visibility", "hidden");
  }
}
