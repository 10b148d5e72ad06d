// Timestamps of events, in the visitor's time zone. Days of phases have no zone: those are in days.js.
import { parseDay } from "./days.js";

const parts = new Intl.DateTimeFormat("en-GB", {
  year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
  hourCycle: "h23", timeZoneName: "short",
});

// "2026-05-12 14:02:33 CEST" for "2026-05-12T12:02:33.123456Z".
export function localTime(text) {
  const found = Object.fromEntries(parts.formatToParts(new Date(text)).map(({ type, value }) => [type, value]));
  const { year, month, day, hour, minute, second, timeZoneName } = found;
  return `${year}-${month}-${day} ${hour}:${minute}:${second} ${timeZoneName}`;
}

// Today here, as a number of days since 1970-01-01.
export function today() {
  const now = new Date();
  const two = (number) => String(number).padStart(2, "0");
  return parseDay(`${String(now.getFullYear()).padStart(4, "0")}-${two(now.getMonth() + 1)}-${two(now.getDate())}`);
}

// Whether the timestamp is not after the end of the day here.
export function isUntil(timestamp, dayText) {
  return localTime(timestamp).slice(0, 10) <= dayText;
}

// Shows the timestamps below an element in the visitor's time zone; the service's text stays as a hint.
export function showLocalTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    // A day has no zone.
    if (!time.dateTime.includes("T") || time.title) continue;
    time.title = time.textContent;
    time.textContent = localTime(time.dateTime);
  }
}
