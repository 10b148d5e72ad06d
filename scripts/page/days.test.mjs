// The page's arithmetic with days against the calendar of the language, which works with instants of UTC.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as days from "../../api/assets/days.js";

const MILLISECONDS = 86_400_000;
const NAMES = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

test("every day of the years 0001 to 9999 is parsed, formatted and named as by another calendar", () => {
  let day = days.FIRST_DAY;
  for (; day <= days.LAST_DAY; day += 1) {
    const instant = new Date(day * MILLISECONDS);
    const text = instant.toISOString().slice(0, 10);
    // Comparing by hand: assert would take a minute.
    if (days.parseDay(text) !== day || days.formatDay(day) !== text) {
      assert.fail(`${text} is ${day}, but parsed ${days.parseDay(text)}, formatted ${days.formatDay(day)}`);
    }
    if (days.weekdayName(day) !== NAMES[instant.getUTCDay()] || days.weekday(day) !== (instant.getUTCDay() + 6) % 7) {
      assert.fail(`${text} is a ${NAMES[instant.getUTCDay()]}, but has ${days.weekday(day)}, ${days.weekdayName(day)}`);
    }
  }
  assert.equal(day - days.FIRST_DAY, 3_652_059);
});

test("the first and the last day, and the day 0, are known", () => {
  assert.equal(days.formatDay(days.FIRST_DAY), "0001-01-01");
  assert.equal(days.formatDay(days.LAST_DAY), "9999-12-31");
  assert.equal(days.parseDay("1970-01-01"), 0);
  assert.equal(days.weekdayName(0), "Thursday");
});

const NO_DATES = [
  ["2023-02-29", "1900-02-29", "2100-02-29", "2024-02-30", "2024-04-31", "2024-06-31", "2024-09-31", "2024-11-31", "2024-01-32"],
  ["2024-00-10", "2024-13-01", "2024-01-00", "0000-01-01", "0000-12-31", "10000-01-01", "-001-01-01", "+2024-01-01"],
  ["", "2024", "2024-01", "2024-1-01", "2024-01-1", "24-01-01", "2024/01/01", "20240101", "2024-01-01T00:00", "2024-01-01\n"],
  [" 2024-01-01", "2024-01-01 ", "2024-01-0١", "２024-01-01", "2024-W01-1", "2024-001", "today", "1e03-01-01", "0x10-01-01"],
  [null, undefined, 20_240_101, ["2024-01-01"], { toString: () => "2024-01-01" }],
].flat();

test("what is no date is refused, also a day that its month does not have", () => {
  for (const value of NO_DATES) {
    assert.equal(days.parseDay(value), null, `${JSON.stringify(value)}`);
  }
});

test("a number that is no day of these years is an error, not a wrong date", () => {
  for (const value of [days.FIRST_DAY - 1, days.LAST_DAY + 1, 0.5, NaN, Infinity, "0", null, undefined]) {
    for (const name of ["formatDay", "weekday", "weekdayName"]) {
      assert.throws(() => days[name](value), RangeError, `${name}(${value})`);
    }
  }
});
