// What every page does.
import { showLocalTimes } from "./clock.js";

document.documentElement.dataset.script = "";
showLocalTimes(document);

// Who signs out leaves no drafts behind.
document.querySelector("form.session")?.addEventListener("submit", () => {
  for (const key of Object.keys(sessionStorage)) {
    if (key.startsWith("phaseline-draft ")) sessionStorage.removeItem(key);
  }
});
