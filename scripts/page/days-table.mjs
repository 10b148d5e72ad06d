// For every line of stdin what api/assets/days.js makes of it: day, formatted, weekday, name of the weekday, separated by
// tabs; "null" if it is no date. A test in Rust compares that with another calendar (api/tests/it/page_days.rs).

import { createInterface } from "node:readline";
import { formatDay, parseDay, weekday, weekdayName } from "../../api/assets/days.js";

const rows = [];
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const day = parseDay(line);
  rows.push(day === null ? "null" : [day, formatDay(day), weekday(day), weekdayName(day)].join("\t"));
}
process.stdout.write(rows.map((row) => `${row}\n`).join(""));
