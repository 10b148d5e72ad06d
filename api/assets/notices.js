// Notices at the top of the page, and what assistive technology says.

const shown = new Map();
let spoken;
let waiting = null;
let last = 0;

// Shows a notice until it is dismissed or replaced by one of the same name. `actions` are [text, function or URL].
export function notice(name, kind, text, actions = []) {
  dismiss(name);
  const paragraph = document.createElement("p");
  paragraph.className = kind;
  paragraph.dataset.notice = name;
  paragraph.append(text);
  for (const [label, act] of [...actions, ["Close", () => {}]]) {
    const element = document.createElement(typeof act === "string" ? "a" : "button");
    element.textContent = label;
    if (typeof act === "string") {
      element.href = act;
    } else {
      element.type = "button";
      element.addEventListener("click", () => {
        dismiss(name);
        act();
      });
    }
    paragraph.append(" ", element);
  }
  shown.set(name, paragraph);
  document.getElementById("notices").append(paragraph);
  // Information disappears by itself; a notice with an action stays longer.
  if (kind === "info" && name !== "changes") {
    setTimeout(() => shown.get(name) === paragraph && !paragraph.matches(":hover, :focus-within") && dismiss(name), actions.length ? 30_000 : 8_000);
  }
}

export function dismiss(name) {
  const hasFocus = shown.get(name)?.contains(document.activeElement);
  shown.get(name)?.remove();
  shown.delete(name);
  if (hasFocus) document.getElementById("main").focus({ preventScroll: true });
}

export function isShown(name) {
  return shown.has(name);
}

// Has assistive technology say a sentence, at most one a second: of several only the last one.
export function say(text) {
  if (!text) return;
  if (!spoken) {
    spoken = document.createElement("p");
    spoken.id = "said";
    spoken.className = "unseen";
    spoken.setAttribute("aria-live", "polite");
    document.body.append(spoken);
  }
  clearTimeout(waiting);
  const wait = Math.max(60, last + 1000 - performance.now());
  waiting = setTimeout(() => {
    last = performance.now();
    spoken.textContent = text;
  }, wait);
}
