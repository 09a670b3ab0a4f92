// Numbers and times as people read them; what is not known is a dash.

const NOTHING = "–";
const WHOLE = new Intl.NumberFormat("en");
const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const TIME = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const CLOCK = new Intl.DateTimeFormat(undefined, TIME);
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const YEAR = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });

/** Returns dollars, with as many digits as a picture's price needs. */
export function usd(x) {
  if (!known(x)) return NOTHING;
  const size = Math.abs(x);
  const digits = size === 0 || size >= 100 ? 2 : size >= 0.1 ? 3 : size >= 0.001 ? 4 : 6;
  const text = size.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: digits });
  return `${x < 0 ? "−" : ""}$${text}`;
}

/** Returns a duration that is given in milliseconds. */
export function ms(x) {
  if (!known(x)) return NOTHING;
  if (x < 1 && x > 0) return "<1 ms";
  if (x < 1000) return `${Math.round(x)} ms`;
  if (x < 60_000) return `${(x / 1000).toFixed(x < 10_000 ? 2 : 1)} s`;
  const minutes = Math.floor(x / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.round((x % 60_000) / 1000)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.round(hours / 24)} days`;
}

/** Returns a moment: the time alone if it was today. */
export function when(iso) {
  if (iso === null || iso === undefined || iso === "") return NOTHING;
  const moment = new Date(iso);
  if (Number.isNaN(moment.getTime())) return String(iso);
  const now = new Date();
  if (moment.toDateString() === now.toDateString()) return CLOCK.format(moment);
  const day = moment.getFullYear() === now.getFullYear() ? DAY : YEAR;
  return `${day.format(moment)}, ${CLOCK.format(moment)}`;
}

/** Returns a share of one as a percentage. */
export function percent(x) {
  if (!known(x)) return NOTHING;
  const value = x * 100;
  const digits = value === 0 || Math.abs(value) >= 99.95 || Number.isInteger(value) ? 0 : Math.abs(value) < 10 ? 2 : 1;
  return `${value.toFixed(digits)} %`;
}

/** Returns how many, with a letter for thousands and millions past ten thousand. */
export function count(x) {
  if (!known(x)) return NOTHING;
  return Math.abs(x) < 10_000 ? WHOLE.format(x) : COMPACT.format(x);
}

/** Returns the kind of badge that a status of HTTP has. */
export function kindOfStatus(status) {
  if (!status) return "dim";
  if (status < 400) return "ok";
  return status < 500 ? "warn" : "bad";
}

function known(x) {
  return typeof x === "number" && Number.isFinite(x);
}
