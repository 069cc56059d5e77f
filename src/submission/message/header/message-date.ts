// Owns the question whether a Date field tells a date that can be understood (RFC 5322 §3.3 and §4.3).

import { withoutComments } from './structured-text.ts';

/** Longer is no date, whatever it repeats. */
const MAX_CHARACTERS = 100;
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const FULL_MONTHS =
  'january february march april may june july august september october november december'.split(' ');

const DATE_TIME =
  /^(?:(?:[a-z]{2,12}\.? ?, ?|[a-z]{2,12} ))?(\d{1,2}) ([a-z]{3,9})\.? (\d{2,4}) (\d{1,2}) ?: ?(\d{1,2})(?: ?: ?(\d{1,2}))?(?: ?([+-]\d{4})| ([a-z]{1,5}))?$/;

/**
 * Whether mail programs read a date in it. Beyond the syntax of RFC 5322, the obsolete one included, that holds for what
 * clients in use write and everybody reads: an hour of one digit, a month in full, a weekday that is not that day's, in another
 * language or without its comma, no zone. A time that no clock shows and a day that no calendar has are no date.
 */
export function isDate(value: string): boolean {
  const text = withoutComments(value)?.toLowerCase();
  if (text === undefined || text.length > MAX_CHARACTERS) return false;
  const [match, day, name, year, hour, minute, second, offset, zone] = DATE_TIME.exec(text) ?? [];
  if (match === undefined) return false;
  const month =
    MONTHS.indexOf(name ?? '') >= 0 ? MONTHS.indexOf(name ?? '') : FULL_MONTHS.indexOf(name ?? '');
  return (
    isDay(fullYear(year ?? ''), month, Number(day)) &&
    Number(hour) <= 23 &&
    Number(minute) <= 59 &&
    // RFC 5322 §3.3: 60 is a leap second.
    Number(second ?? 0) <= 60 &&
    (offset === undefined || Number(offset.slice(-2)) <= 59) &&
    // RFC 5322 §4.3: a name nobody knows counts as -0000. These two are no zone, but another way to write the hour.
    zone !== 'am' &&
    zone !== 'pm'
  );
}

function isDay(year: number, month: number, day: number): boolean {
  if (month < 0 || day < 1 || year < 1900) return false;
  return day <= new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
}

/** RFC 5322 §4.3: two digits up to 49 are of this century, three count from 1900. */
function fullYear(digits: string): number {
  const year = Number(digits);
  if (digits.length === 4) return year;
  return digits.length === 2 && year <= 49 ? year + 2000 : year + 1900;
}
