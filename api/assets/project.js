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

// A page that shows the past without being asked to has no present to follow: the project is gone, or the tables are the legacy ones.
const hasPresent = isNow() || new URL(location.href).searchParams.has("at");

if (hasPresent) follow(`${here}/live`, ({ version, digest }, isFirst) => {
  latest = digest;
  const shown = region().dataset.digest;
  if (isNow() && digest === shown) return dismiss("changes");
  if (isDraft()) {
    const mine = JSON.parse(region().dataset.draft).version;
    if (version !== mine && !isConflict()) {
      notice("changes", "warn", "Someone else has changed this timeline. Your draft is as it was.", [["Show", () => draft.edit({ kind: "none" })]]);
    }
    return undefined;
  }
  if (!isNow()) {
    if (!isFirst) notice("changes", "info", "The timeline has changed since.", [["Back to now", () => moments.go(null)]]);
    return undefined;
  }
  const changes = version - Number(region().dataset.version);
  const words = changes > 0 ? `${changes} new ${changes === 1 ? "change" : "changes"}.` : "The planner's data of this project changed.";
  if (isBusy()) notice("changes", "info", words, [["Show", () => show(isNow)]]);
  else show(() => isNow() && !isBusy());
  return undefined;
}, (failure) => report(failure, isDraft() ? draft.KEPT : ""));

document.addEventListener("phaseline-back", draft.sendAgain);
document.addEventListener("phaseline-history", () => {
  if (latest === region().dataset.digest) dismiss("changes");
});
