// Lists: a notice says that others changed something, and shows it on request.
import { follow } from "./live.js";
import { notice } from "./notices.js";

// The list has what the log had when the page was made; the past, and later pages, stay as they are.
if (document.querySelector("[data-live]")) {
  let shown = null;
  follow("/live", ({ position }, isFirst) => {
    if (isFirst) {
      shown = position;
      return;
    }
    const events = position - shown;
    notice("changes", "info", `${events} new ${events === 1 ? "event" : "events"} in the log.`, [["Show", () => location.reload()]]);
  });
}
