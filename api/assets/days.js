// Days as integers: the number of days since 1970-01-01, in the Gregorian calendar, for the years 0001 to 9999.
//
// A day has no time zone, so nothing here uses Date.

const DAYS_PER_ERA = 146_097;
// From 0000-03-01, where the first era of 400 years starts, to 1970-01-01.
const EPOCH = 719_468;
const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

// 0001-01-01 and 9999-12-31.
export const FIRST_DAY = -719_162;
export const LAST_DAY = 2_932_896;

function isLeap(year) {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

function daysInMonth(year, month) {
  if (month === 2) return isLeap(year) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

// A year that starts in March has its leap day at its end; so the length of a month depends on its number only.
function dayOf(year, month, day) {
  const shifted = month > 2 ? year : year - 1;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const leapDays = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100);
  return era * DAYS_PER_ERA + yearOfEra * 365 + leapDays + dayOfYear - EPOCH;
}

// "YYYY-MM-DD" as a day; null for everything else, such as "2023-02-29" or "2023-2-1".
export function parseDay(text) {
  const parts = typeof text === "string" ? /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/.exec(text) : null;
  if (!parts) return null;
  const [year, month, day] = parts.slice(1).map(Number);
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return null;
  return dayOf(year, month, day);
}

function refuseOther(day) {
  if (!Number.isInteger(day) || day < FIRST_DAY || day > LAST_DAY) {
    throw new RangeError(`${day} is no day from 0001-01-01 to 9999-12-31`);
  }
}

// The day as "YYYY-MM-DD"; a RangeError if it is outside the years 0001 to 9999.
export function formatDay(day) {
  refuseOther(day);
  const shifted = day + EPOCH;
  const era = Math.floor(shifted / DAYS_PER_ERA);
  const dayOfEra = shifted - era * DAYS_PER_ERA;
  const leapDays = Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const dayOfMonth = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return [padded(year, 4), padded(month, 2), padded(dayOfMonth, 2)].join("-");
}

function padded(number, width) {
  return String(number).padStart(width, "0");
}

// 0 (Monday) to 6 (Sunday).
export function weekday(day) {
  refuseOther(day);
  // 1970-01-01 was a Thursday.
  return (((day + 3) % 7) + 7) % 7;
}

// "Monday" to "Sunday".
export function weekdayName(day) {
  return WEEKDAYS[weekday(day)];
}
