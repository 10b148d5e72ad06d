// Changes by others. For now it asks again and again whether anything changed; a stream may take its place here.
import { ask } from "./server.js";

const INTERVAL = 1_200;

// Calls `changed` with the answer whenever that of `path` is another than before, and `failed` when there is none. Returns a function that
// ends it.
export function follow(path, changed, failed) {
  let tag = null;
  let timer = null;
  let ended = false;
  let asking = false;
  async function poll() {
    clearTimeout(timer);
    if (ended || asking) return;
    asking = true;
    if (!document.hidden) {
      try {
        const answer = await ask("GET", path, { headers: tag ? { "If-None-Match": tag } : {} });
        if (answer.body) {
          const isFirst = tag === null;
          tag = answer.headers.get("etag");
          changed(answer.body, isFirst);
        }
      } catch (failure) {
        failed(failure);
        if (failure.kind === "expired") ended = true;
      }
    }
    asking = false;
    if (!ended) timer = setTimeout(poll, INTERVAL);
  }
  document.addEventListener("visibilitychange", poll);
  poll();
  return () => {
    ended = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", poll);
  };
}
