const MINUTE = { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' };
const THIS_YEAR = new Intl.DateTimeFormat(undefined, MINUTE);
const OTHER_YEAR = new Intl.DateTimeFormat(undefined, { ...MINUTE, year: 'numeric' });
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
const UNITS = [
  ['year', 31_557_600_000],
  ['month', 2_629_800_000],
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
];

/** An ISO date in the user's language and time zone. */
export function absolute(iso) {
  const date = new Date(iso);
  return (date.getFullYear() === new Date().getFullYear() ? THIS_YEAR : OTHER_YEAR).format(date);
}

export function relative(iso) {
  const distance = new Date(iso) - Date.now();
  const [unit, length] = UNITS.find(([, milliseconds]) => Math.abs(distance) >= milliseconds) ?? UNITS.at(-1);
  return RELATIVE.format(Math.round(distance / length), unit);
}

/** An ISO date in the format of `datetime-local`: in the time zone of the browser, to the second. */
export function toLocal(iso) {
  const date = new Date(iso);
  return new Date(date - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

/** The value of a `datetime-local` or `date` field as ISO; a day may mean its end. */
export function fromLocal(value, { endOfDay = false } = {}) {
  const date = new Date(value.includes('T') ? value : `${value}T00:00:00`);
  if (endOfDay) date.setDate(date.getDate() + 1);
  return date.toISOString();
}

/** The login time from a session id: a UUID v7 begins with the milliseconds (RFC 9562). */
export const timeOfId = (id) => new Date(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)).toISOString();
