// Bars: chosen and edited with a pointer or with keys. An edit changes bars here only; releasing them, or Enter, sends it.
import { formatDay, parseDay, weekdayName } from "./days.js";
import * as draft from "./draft.js";
import { say } from "./notices.js";
import { bars, canEdit, region } from "./region.js";

// Pixels on both sides of an edge where a press grips the edge.
const GRIP = 12;
// Pixels before a press becomes a drag.
const THRESHOLD = 4;
const ROW_HEIGHT = 40;

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const EDGES = { s: "start", e: "end", m: "whole" };

// "30 Jul 2022".
export function spoken(day) {
  const [year, month, date] = formatDay(day).split("-").map(Number);
  return `${date} ${MONTHS[month - 1]} ${year}`;
}

const days = (count) => `${count} ${count === 1 ? "day" : "days"}`;

// An edit of one bar that is not sent yet.
class BarEdit {
  constructor(id, edge) {
    this.all = bars();
    this.index = this.all.findIndex((bar) => bar.id === id);
    this.bar = this.all[this.index];
    this.before = this.all[this.index - 1] ?? null;
    this.after = this.all[this.index + 1] ?? null;
    this.edge = edge;
    this.first = this.bar.first;
    this.last = this.bar.last;
    this.chart = { first: Number(region().dataset.first), days: Number(region().dataset.days) };
  }

  // How far an edge may go: a neighbour keeps a day, and the outer edges are the project's.
  limits(edge) {
    const { before, after, bar } = this;
    if (edge === "start") return before ? [before.first + 1, this.last] : [bar.first, bar.first];
    return after ? [this.first, after.last - 1] : [bar.last, bar.last];
  }

  whyFixed() {
    if (this.edge === "start" && !this.before) return "The first phase starts with the project.";
    if (this.edge === "end" && !this.after) return "The last phase ends with the project.";
    if (this.edge === "whole" && !(this.before && this.after)) return "The first and the last phase cannot move as a whole: they start or end with the project.";
    return null;
  }

  // Moves by days from where the bar is saved; clamped. Returns whether anything moved.
  moveTo(offset) {
    const { bar, before, after } = this;
    const had = [this.first, this.last];
    if (this.whyFixed()) return false;
    if (this.edge === "start") this.first = Math.min(Math.max(bar.first + offset, before.first + 1), bar.last);
    if (this.edge === "end") this.last = Math.max(Math.min(bar.last + offset, after.last - 1), bar.first);
    if (this.edge === "whole") {
      const least = before.first + 1 - bar.first;
      const most = after.last - 1 - bar.last;
      const by = Math.min(Math.max(offset, least), most);
      [this.first, this.last] = [bar.first + by, bar.last + by];
    }
    this.draw();
    return had[0] !== this.first || had[1] !== this.last;
  }

  get offset() {
    return this.edge === "end" ? this.last - this.bar.last : this.first - this.bar.first;
  }

  get moved() {
    return this.first !== this.bar.first || this.last !== this.bar.last;
  }

  draw() {
    place(this.bar, this.first, this.last, this.chart);
    if (this.before) place(this.before, this.before.first, this.first - 1, this.chart);
    if (this.after) place(this.after, this.last + 1, this.after.last, this.chart);
  }

  undo() {
    [this.first, this.last] = [this.bar.first, this.bar.last];
    this.draw();
  }

  words() {
    const span = `${spoken(this.first)} to ${spoken(this.last)}, ${days(this.last - this.first + 1)}`;
    return `${this.bar.name}: ${span}`;
  }

  send(focus) {
    return draft.setDates(this.bar.id, formatDay(this.first), formatDay(this.last), focus);
  }
}

// Draws a bar over these days.
function place(bar, first, last, chart) {
  const x = ((first - chart.first) * 100) / chart.days;
  const width = ((last - first + 1) * 100) / chart.days;
  for (const part of bar.element.querySelectorAll(".body, .pattern, .clip")) {
    part.setAttribute("x", `${x}%`);
    part.setAttribute("width", `${width}%`);
  }
  bar.element.querySelector(".label.behind")?.setAttribute("x", `${x + width}%`);
  bar.element.querySelector(".label.before")?.setAttribute("x", `${x}%`);
}

// What is at the pointer: the bar, and the edge if it is near enough.
function holdOf(event) {
  const element = event.target.closest?.(".bar");
  if (!element) return null;
  const box = element.querySelector(".body").getBoundingClientRect();
  const [fromStart, fromEnd] = [Math.abs(event.clientX - box.left), Math.abs(event.clientX - box.right)];
  let edge = null;
  if (Math.min(fromStart, fromEnd) <= GRIP) edge = fromStart < fromEnd ? "start" : "end";
  else if (event.clientX > box.left && event.clientX < box.right) edge = "whole";
  return { element, id: element.dataset.phase, edge };
}

let drag = null;
let keyed = null;

function hint(words) {
  const title = document.getElementById("chart-title");
  if (!title) return;
  title.dataset.words ??= title.textContent;
  title.textContent = words ?? title.dataset.words;
}

function pointerDown(event) {
  const hold = event.button === 0 && canEdit() ? holdOf(event) : null;
  if (!hold?.edge) return;
  leaveKeys();
  drag = { ...hold, x: event.clientX, y: event.clientY, pointer: event.pointerId, edit: null, order: 0, frame: 0 };
}

function pointerMove(event) {
  if (!drag || event.pointerId !== drag.pointer) {
    if (!drag && canEdit()) showHold(event);
    return;
  }
  const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
  if (!drag.edit) {
    if (Math.hypot(dx, dy) < THRESHOLD) return;
    drag.isOrder = drag.edge === "whole" && Math.abs(dy) > Math.abs(dx) && event.pointerType !== "touch";
    drag.edit = new BarEdit(drag.id, drag.edge);
    drag.width = drag.edit.chart.days / document.getElementById("bars").getBoundingClientRect().width;
    document.getElementById("bars").setPointerCapture(event.pointerId);
    document.getElementById("bars").classList.add("dragging");
    drag.element.classList.add("editing");
    const why = drag.isOrder ? null : drag.edit.whyFixed();
    if (why) {
      hint(why);
      say(why);
    }
  }
  event.preventDefault();
  cancelAnimationFrame(drag.frame);
  drag.frame = requestAnimationFrame(() => {
    if (!drag) return;
    if (drag.isOrder) {
      const rows = drag.edit.all.length - 1;
      drag.order = Math.min(Math.max(Math.round(dy / ROW_HEIGHT), -drag.edit.index), rows - drag.edit.index);
      drag.element.setAttribute("transform", `translate(0 ${dy})`);
      hint(`${drag.edit.bar.name}: ${drag.order === 0 ? "same place" : `to place ${drag.edit.index + drag.order + 1}`}`);
    } else if (drag.edit.moveTo(Math.round(dx * drag.width))) {
      const edge = drag.edge === "start" ? drag.edit.first : drag.edit.last;
      hint(`${drag.edit.words()} (${weekdayName(edge)})`);
    }
  });
}

function showHold(event) {
  const hold = holdOf(event);
  if (!hold) return;
  const cursor = { start: "ew-resize", end: "ew-resize", whole: "grab" }[hold.edge] ?? "pointer";
  hold.element.style.cursor = cursor;
}

function endDrag(event, isCancelled) {
  if (!drag || (event.pointerId !== undefined && event.pointerId !== drag.pointer)) return;
  const { edit, element, isOrder, order, id, frame } = drag;
  cancelAnimationFrame(frame);
  drag = null;
  if (!edit) return;
  const chart = document.getElementById("bars");
  chart.classList.remove("dragging");
  element.classList.remove("editing");
  element.removeAttribute("transform");
  element.style.cursor = "";
  hint(null);
  const box = chart.getBoundingClientRect();
  const isOutside = event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
  if (isCancelled || isOutside) {
    const isMoved = edit.moved || order !== 0;
    edit.undo();
    if (isMoved) say("Cancelled.");
  } else if (isOrder) {
    if (order) draft.edit({ kind: "move", phase: id, by: order }, "bar");
  } else if (edit.moved) {
    edit.send("bar").then(() => !canEdit() || region().dataset.mode === "draft" || edit.undo());
  }
}

// One bar is the stop of the Tab key.
function stopAt(element) {
  for (const other of region().querySelectorAll(".bar[tabindex='0']")) other.tabIndex = -1;
  element.tabIndex = 0;
  element.focus();
}

function enterKeys(element) {
  if (!canEdit()) {
    const words = region().dataset.mode === "past" ? "The past cannot be edited: go back to now first." : "You may look at this timeline only.";
    say(words);
    return;
  }
  keyed = { edit: new BarEdit(element.dataset.phase, "end"), element, typed: "" };
  if (keyed.edit.whyFixed()) keyed.edit.edge = keyed.edit.before ? "start" : "end";
  element.classList.add("editing");
  announce(`Editing ${keyed.edit.bar.name}. S, E and M choose the start, the end or the whole phase; arrow keys move it by days, with Shift by weeks; a typed date counts; Enter previews, Escape leaves. `);
}

function announce(before = "") {
  const { edit } = keyed;
  const [least, most] = edit.edge === "whole" ? [null, null] : edit.limits(edit.edge);
  const why = edit.whyFixed();
  const range = why ?? (least === null ? "" : `It may be from ${spoken(least)} to ${spoken(most)}.`);
  const words = `${edit.edge === "whole" ? "Whole phase" : edit.edge === "start" ? "Start" : "End"}. ${edit.words()}. ${range}`;
  hint(`${words} Keys: S start, E end, M whole phase, ← → days, Enter previews, Escape leaves.`);
  say(before + words);
}

function leaveKeys(keep = false) {
  if (!keyed) return;
  const { edit, element } = keyed;
  keyed = null;
  element.classList.remove("editing");
  hint(null);
  if (!keep) edit.undo();
}

function editKey(event) {
  const { edit } = keyed;
  const { key } = event;
  const step = event.shiftKey ? 7 : 1;
  if (key === "ArrowLeft" || key === "ArrowRight") {
    keyed.typed = "";
    const why = edit.whyFixed();
    if (why) say(why);
    else if (edit.moveTo(edit.offset + (key === "ArrowLeft" ? -step : step))) {
      hint(edit.words());
      say(edit.words());
    } else say("No further.");
  } else if (EDGES[key.toLowerCase()] && !event.ctrlKey && !event.metaKey && !event.altKey) {
    edit.undo();
    edit.edge = EDGES[key.toLowerCase()];
    announce();
  } else if (/^[0-9-]$/.test(key) || (key === "Backspace" && keyed.typed)) {
    // A dash comes by itself; one that is typed, too, is the same one.
    const isSame = key === "-" && keyed.typed.endsWith("-");
    keyed.typed = key === "Backspace" ? keyed.typed.slice(0, -1) : (keyed.typed + (isSame ? "" : key)).slice(-10);
    if (/^\d{4}$|^\d{4}-\d{2}$/.test(keyed.typed) && key !== "-" && key !== "Backspace") keyed.typed += "-";
    const day = parseDay(keyed.typed);
    hint(`${edit.bar.name}, ${edit.edge}: ${keyed.typed}`);
    if (day !== null) {
      const from = edit.edge === "end" ? edit.bar.last : edit.bar.first;
      edit.moveTo(day - from);
      const reached = edit.edge === "end" ? edit.last : edit.first;
      hint(edit.words());
      say(reached === day ? edit.words() : `${spoken(day)} is not possible: ${edit.words()}`);
      keyed.typed = "";
    } else if (keyed.typed.length === 10) {
      say(`${keyed.typed} is no date.`);
      keyed.typed = "";
    }
  } else if (key === "Enter") {
    if (edit.moved) {
      leaveKeys(true);
      edit.send("bar");
    } else {
      leaveKeys();
      say("Nothing changed.");
    }
  } else if (key === "Escape") {
    leaveKeys();
    say("Left without a change.");
  } else if (key === "Tab") {
    leaveKeys();
    return;
  } else {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}

function keyDown(event) {
  if (event.key === "Escape" && drag) {
    endDrag({ ...drag, clientX: 0, clientY: 0, pointerId: drag.pointer }, true);
    event.preventDefault();
    return;
  }
  const element = event.target.closest?.(".bar");
  if (!element) {
    dayKey(event);
    return;
  }
  if (keyed) {
    editKey(event);
    return;
  }
  const all = Array.from(region().querySelectorAll(".bar"));
  const index = all.indexOf(element);
  const phase = element.dataset.phase;
  const to = { ArrowDown: index + 1, ArrowRight: index + 1, ArrowUp: index - 1, ArrowLeft: index - 1, Home: 0, End: all.length - 1 }[event.key];
  if (to !== undefined && event.altKey && canEdit() && /Up|Down/.test(event.key)) {
    draft.edit({ kind: "move", phase, by: event.key === "ArrowUp" ? -1 : 1 }, element.id);
  } else if (to !== undefined && !event.altKey) {
    if (all[to]) stopAt(all[to]);
  } else if (event.key === "Enter" || event.key === " " || event.key === "F2") {
    enterKeys(element);
  } else if (event.key === "Delete" && canEdit()) {
    draft.edit({ kind: "remove", phase }, "bar");
  } else if (event.key === "Insert" && canEdit()) {
    draft.edit({ kind: "add", within: phase }, "bar");
  } else {
    return;
  }
  event.preventDefault();
}

// The arrow keys change a date in the table by a day, with Shift by a week.
function dayKey(event) {
  const input = event.target.closest?.("#draft input.day");
  const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
  const day = input && step ? parseDay(input.value.trim()) : null;
  if (day === null) return;
  event.preventDefault();
  input.value = formatDay(day + step * (event.shiftKey ? 7 : 1));
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

export function listen(main) {
  main.addEventListener("pointerdown", pointerDown);
  main.addEventListener("pointermove", pointerMove);
  main.addEventListener("pointerup", (event) => endDrag(event, false));
  main.addEventListener("pointercancel", (event) => endDrag(event, true));
  main.addEventListener("keydown", keyDown);
  main.addEventListener("focusout", (event) => {
    if (keyed && event.target === keyed.element) leaveKeys();
  });
  main.addEventListener("click", (event) => {
    const element = event.target.closest?.(".bar, tbody tr[data-phase] > th");
    const phase = element?.closest("[data-phase]")?.dataset.phase;
    if (phase && !event.target.closest("input, button")) select(phase, element);
  });
}

// A bar and its row are chosen together; the URL has it.
function select(phase, element) {
  const url = new URL(location.href);
  url.searchParams.set("select", phase);
  history.replaceState(history.state, "", url);
  for (const other of region().querySelectorAll(".selected")) other.classList.remove("selected");
  for (const id of [`bar-${phase}`, `row-${phase}`]) document.getElementById(id)?.classList.add("selected");
  if (element.matches(".bar")) stopAt(element);
}
