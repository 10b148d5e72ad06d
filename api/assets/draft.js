// The draft: edits go to the service, which applies and checks them and returns the part of the page that shows the result.
import { dismiss, notice, say } from "./notices.js";
import { here, isConflict, isDraft, isPutting, project, put, region } from "./region.js";
import { ask, base, Failure, headerText, loadPage, newKey, report } from "./server.js";

const STORED = `phaseline-draft ${document.body.dataset.visitor} ${project}`;
export const KEPT = "Your changes are kept in this tab.";

const undone = [];
// Edits that are to be sent, as [change, focus], in their order: those that the service could not take stay.
const unsent = [];
let queue = Promise.resolve();
let sent = { text: null, key: null, isOpen: false };

// The draft as the service returned it last; null if there is none.
const applied = () => (isDraft() ? JSON.parse(region().dataset.draft) : null);

// Whether a field has another value than the service gave it. An input has no line breaks, though a name may have some.
function isTyped({ tagName, value, defaultValue }) {
  return value !== (tagName === "INPUT" ? defaultValue.replace(/[\r\n]/g, "") : defaultValue);
}

// The same with what was typed since. Dates are edits of their own, as neighbours may follow them.
function held() {
  const state = applied();
  for (const row of state?.rows ?? []) {
    for (const input of region().querySelectorAll(`#row-${row.id} [data-field]:not(.day)`)) {
      if (isTyped(input)) row[input.dataset.field] = input.value;
    }
  }
  return state;
}

// Runs work after all earlier work, also if that failed.
function enqueue(work) {
  queue = queue.catch(() => undefined).then(work);
  return queue;
}

// Keeps the draft for other pages of this tab: what it is, the reason, and the edits that could not be sent.
function remember(state = applied()) {
  try {
    if (state || unsent.length > 0) {
      const reason = document.getElementById("reason")?.value ?? "";
      sessionStorage.setItem(STORED, JSON.stringify({ state, reason, changes: unsent.map(([change]) => change) }));
    } else {
      sessionStorage.removeItem(STORED);
    }
  } catch {
    // Without storage a draft lives as long as its page.
  }
}

// What an earlier page of this tab left; null for nothing.
function stored() {
  try {
    return JSON.parse(sessionStorage.getItem(STORED));
  } catch {
    return null;
  }
}

async function request(state, edit, focus, keeps = false) {
  const page = await loadPage(`${here}/draft`, { body: { state, edit } });
  if (keeps && state) keepTyped(state, edit, page);
  const select = page.querySelector(".bar.selected")?.id;
  put(page, { focus: focus === "bar" ? (select ?? null) : focus });
  dismiss("changes");
  if (isConflict()) document.getElementById("conflict").focus();
  remember();
}

// What is in a field and was not in the request was typed meanwhile: it stays, and counts when the field is left.
function keepTyped({ rows }, edit, page) {
  for (const input of region().querySelectorAll("[data-field]")) {
    const { id, value, dataset: { field } } = input;
    const [row, next] = [rows.find((one) => id.endsWith(one.id)), page.getElementById(id)];
    const date = edit.phase === row?.id ? edit[field.replace("_date", "")] : undefined;
    if (!row || !next || !isTyped(input) || [row[field].trim(), date].includes(value.trim())) continue;
    next.value = value;
    next.dataset.typed = "";
  }
}

// Applies an edit after those before it. `focus` is the id of what gets the focus, or "bar" for the bar of the edited phase.
export function edit(change, focus = null) {
  return enqueue(async () => {
    if (!isDraft() && stored()) await bringBack();
    unsent.push([change, focus]);
    await sendUnsent();
  });
}

// Sends the edits again that could not be sent.
export function sendAgain() {
  if (unsent.length > 0) enqueue(sendUnsent);
}

async function sendUnsent() {
  while (unsent.length > 0) {
    const [change, focus] = unsent[0];
    const state = held();
    const former = applied();
    try {
      await request(state, change, focus, true);
      const { version, base } = applied();
      undone.push(former ?? { version, base, rows: base });
      if (undone.length > 100) undone.shift();
    } catch (failure) {
      if (failure.kind !== "refused") {
        remember(state);
        report(failure, KEPT);
        return;
      }
      report(failure);
    }
    unsent.shift();
    remember();
  }
}

async function undo() {
  // The state before the last edit; what was typed since is undone with it.
  let state = undone.pop();
  const now = JSON.stringify(applied()?.rows);
  while (state && JSON.stringify(state.rows) === now) state = undone.pop();
  if (!state) {
    notice("undo", "info", "There is nothing to undo.");
    say("There is nothing to undo.");
    return;
  }
  try {
    await request(state, { kind: "none" }, null);
    say("Undone.");
  } catch (failure) {
    report(failure, KEPT);
  }
}

// Puts the draft on top of what others saved, and shows what that was. It cannot be undone: the draft before is of an earlier version.
async function merge() {
  await edit({ kind: "merge" }, "save");
  undone.length = 0;
  await loadPage(here).then(showHistory, report);
}

// Shows the saved timeline, and its history; nothing if `isWanted` says so once they are there.
export async function showSaved(focus = null, isWanted = () => true) {
  const page = await loadPage(here);
  if (!isWanted()) return;
  put(page, { focus });
  showHistory(page);
}

function showHistory(page) {
  const history = page.getElementById("history");
  if (history) document.getElementById("history")?.replaceWith(document.importNode(history, true));
  document.dispatchEvent(new CustomEvent("phaseline-history"));
}

async function discard() {
  const state = held();
  undone.length = 0;
  unsent.length = 0;
  try {
    await showSaved("edit");
    remember();
    notice("discarded", "info", "Your changes are discarded.", [["Bring them back", () => restoreDraft(state)]]);
  } catch (failure) {
    report(failure, KEPT);
  }
}

async function restoreDraft(state, reason = "") {
  try {
    await request(state, { kind: "none" }, null);
    if (reason) document.getElementById("reason").value = reason;
    remember();
  } catch (failure) {
    report(failure, KEPT);
  }
}

export const resume = () => enqueue(bringBack);

// Brings back a draft that an earlier page of this tab left, or says that there is one.
async function bringBack() {
  const found = stored();
  if (!found) return;
  if (!document.getElementById("edit")) {
    notice("resumed", "info", "You have unsaved changes of this timeline.", [["Back to them", `${base}${here}`]]);
    return;
  }
  await restoreDraft(found.state, found.reason);
  if (!isDraft()) return;
  notice("resumed", "info", "Your unsaved changes from before are back.");
  unsent.push(...found.changes.map((change) => [change, null]));
  await sendUnsent();
}

// What saving sends.
function batch() {
  const state = held();
  const phases = state.rows.map((row) => ({
    id: row.is_new ? null : row.id,
    name: row.name,
    start_date: row.start_date,
    end_date: row.end_date,
    description: row.description || null,
    capital_budget: row.capital_budget.replaceAll(",", ""),
    expense_budget: row.expense_budget.replaceAll(",", ""),
    total_budget: row.total_budget,
  }));
  const reason = document.getElementById("reason").value.trim();
  return { version: state.version, phases, reason, text: JSON.stringify([state.version, phases, reason]) };
}

// The headers of a command. The same command (`text`) again has the same key: then it counts once, if the first one was carried out, too.
function writeHeaders(version, text, reason) {
  if (sent.text !== text) sent = { text, key: newKey(), isOpen: false };
  return {
    "If-Match": `"${version}"`,
    "Idempotency-Key": sent.key,
    ...(reason ? { "Phaseline-Reason": headerText(reason) } : {}),
  };
}

async function save() {
  await queue.catch(() => undefined);
  // What was typed last is shown before anything is sent. A request without an answer is only repeated: it may have been carried out.
  if (isDraft() && !(sent.isOpen && sent.text === batch().text)) {
    const before = region().dataset.draft;
    await edit({ kind: "none" });
    if (unsent.length > 0 || !isDraft()) return;
    if (region().dataset.draft !== before) {
      notice("look", "info", "Look at what your last change does, then save.");
      return;
    }
  }
  const button = document.getElementById("save");
  if (!isDraft() || !button || button.disabled || button.ariaDisabled) return;
  const { version, phases, reason, text } = batch();
  // A button that is disabled loses the focus.
  button.ariaDisabled = "true";
  button.textContent = "Saving…";
  try {
    await ask("POST", `/api/v1/projects/${project}/phases/batch`, {
      body: { phases },
      headers: writeHeaders(version, text, reason),
    });
    undone.length = 0;
    sent = { text: null, key: null, isOpen: false };
    await showSaved("edit");
    remember();
    for (const name of ["discarded", "resumed", "look", "refused"]) dismiss(name);
    notice("saved", "info", "Your changes are saved.");
  } catch (failure) {
    sent.isOpen = failure.kind === "away";
    if (failure.status === 412) {
      await edit({ kind: "none" });
      return;
    }
    if (failure instanceof Failure && failure.kind === "refused") {
      await edit({ kind: "none" });
    } else {
      button.ariaDisabled = null;
      button.textContent = "Save again";
    }
    const errors = failure.body?.errors ?? [];
    if (errors.length > 0) failure.message = errors.map(({ message }) => message).join("; ");
    report(failure, failure.kind === "expired" ? KEPT : `Nothing is lost: save again. ${KEPT}`);
  }
}

async function openTimeline(button) {
  const { start, end } = region().dataset;
  if (button.ariaDisabled) return;
  button.ariaDisabled = "true";
  try {
    await ask("PUT", `/api/v1/projects/${project}/timeline`, { body: { start_date: start, end_date: end } });
    await showSaved("edit");
  } catch (failure) {
    report(failure);
    button.ariaDisabled = null;
  }
}

async function confirmRestore(form) {
  const days = form.querySelector("[data-days]").dataset.days === "true";
  const reason = document.getElementById("restore-reason").value.trim();
  const { at } = region().dataset;
  const { version } = document.getElementById("restore").dataset;
  const button = form.querySelector("button");
  if (button.ariaDisabled) return;
  button.ariaDisabled = "true";
  const text = JSON.stringify(["restore", at, days, version, reason]);
  try {
    await ask("POST", `/api/v1/projects/${project}/timeline/restore`, {
      body: { to: Number(at), with_project_days: days },
      headers: writeHeaders(version, text, reason),
    });
    history.pushState(null, "", base + here);
    document.dispatchEvent(new CustomEvent("phaseline-moment"));
    await showSaved("edit");
    notice("restored", "info", `The timeline of position ${at} is restored.`);
  } catch (failure) {
    button.ariaDisabled = null;
    if (failure.status === 412) {
      notice("refused", "warn", "Someone else changed the timeline meanwhile: look at what restoring does now.", [["Look again", location.href]]);
    } else {
      report(failure);
    }
  }
}

const follows = () => document.getElementById("follow")?.checked ?? true;

// Requests other dates for a phase.
export function setDates(phase, start, end, focus) {
  return edit({ kind: "dates", phase, start, end, follow: follows() }, focus);
}

// What the buttons and fields of the draft do.
export function listen(main) {
  main.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const phase = button.closest("[data-phase]")?.dataset.phase;
    const acts = {
      edit: () => edit({ kind: "none" }, region().querySelector(".bar[tabindex='0']")?.id ?? null),
      open: () => openTimeline(button),
      merge,
      "take-theirs": discard,
      undo: () => enqueue(undo),
      discard,
    };
    const edits = {
      up: () => edit({ kind: "move", phase, by: -1 }, button.id),
      down: () => edit({ kind: "move", phase, by: 1 }, button.id),
      add: () => edit({ kind: "add", within: phase }).then(focusSelectedName),
      remove: () => edit({ kind: "remove", phase }).then(focusSelectedName),
    };
    (edits[button.dataset.do] ?? acts[button.id])?.();
  });
  main.addEventListener("change", (event) => {
    const input = event.target.closest("#draft [data-field]");
    if (!input || isPutting) return;
    const row = input.closest("[data-phase]");
    const field = (name) => row.querySelector(`[data-field="${name}"]`).value.trim();
    if (input.dataset.field.endsWith("_date")) setDates(row.dataset.phase, field("start_date"), field("end_date"), null);
    else edit({ kind: "none" });
  });
  main.addEventListener("focusout", ({ target }) => {
    if (isPutting || target.dataset.typed === undefined) return;
    delete target.dataset.typed;
    target.dispatchEvent(new Event("change", { bubbles: true }));
  });
  main.addEventListener("keydown", (event) => {
    // Enter applies a field and does not save: the preview comes first.
    if (event.key === "Enter" && event.target.matches("#draft input:not([type=checkbox])")) {
      event.preventDefault();
      event.target.dispatchEvent(new Event("change", { bubbles: true }));
    }
    if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && isDraft() && !event.target.matches("input, textarea")) {
      event.preventDefault();
      enqueue(undo);
    }
  });
  main.addEventListener("input", ({ target }) => target.id === "reason" && remember());
  main.addEventListener("submit", (event) => {
    if (event.target.id === "draft") {
      event.preventDefault();
      save();
    }
    if (event.target.id === "confirm-restore") {
      event.preventDefault();
      confirmRestore(event.target);
    }
  });
}

function focusSelectedName() {
  const selected = region().querySelector(".bar.selected")?.dataset.phase;
  const input = document.getElementById(`name-${selected}`);
  input?.focus();
  input?.select();
}
