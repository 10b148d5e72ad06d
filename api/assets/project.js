// A project's page.
import * as bars from "./bars.js";
import * as draft from "./draft.js";
import { follow } from "./live.js";
import * as moments from "./moments.js";
import { dismiss, notice } from "./notices.js";
import { decorate, here, isConflict, isDraft, isNow, region } from "./region.js";
import { report } from "./server.js";

const main = document.getElementById("main");
decorate(region());
draft.listen(main);
bars.listen(main);
moments.listen();
draft.resume();

// Whether something is under the pointer, in the hand or in the focus, which must not move.
const isBusy = () => region().matches(":hover") || region().contains(document.activeElement);

const show = (isWanted) => draft.showSaved(null, isWanted).catch((failure) => report(failure));

let latest = null;

// Shows what changed, or offers to.
function changed({ version, digest }, isFirst) {
  latest = digest;
  if (isDraft()) {
    const { version: mine } = JSON.parse(region().dataset.draft);
    if (version === mine || isConflict()) return;
    notice("changes", "warn", "Someone else has changed this timeline. Your draft is as it was.", [["Show", () => draft.edit({ kind: "none" })]]);
  } else if (!isNow()) {
    if (!isFirst) notice("changes", "info", "The timeline has changed since.", [["Back to now", () => moments.go(null)]]);
  } else if (digest === region().dataset.digest) {
    dismiss("changes");
  } else if (isBusy()) {
    const changes = version - Number(region().dataset.version);
    const words = changes > 0 ? `${changes} new ${changes === 1 ? "change" : "changes"}.` : "The planner's data of this project changed.";
    notice("changes", "info", words, [["Show", () => show(isNow)]]);
  } else {
    show(() => isNow() && !isBusy());
  }
}

// A page that shows the past by itself has no present to follow: the project is deleted, or the tables have the legacy shape.
if (isNow() || new URL(location.href).searchParams.has("at")) {
  follow(`${here}/live`, changed, (failure) => report(failure, isDraft() ? draft.KEPT : ""));
}

document.addEventListener("phaseline-back", draft.sendAgain);
document.addEventListener("phaseline-history", () => {
  if (latest === region().dataset.digest) dismiss("changes");
});
