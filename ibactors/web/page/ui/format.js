// Numbers, money and times as text. What is not known is an en dash, never 0.

export const UNKNOWN = "–";

const locale = "en-US";
const formats = new Map();

function format(digits, options) {
  const key = JSON.stringify([digits, options]);
  if (!formats.has(key)) {
    formats.set(key, new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits, ...options }));
  }
  return formats.get(key);
}

const known = (value) => typeof value === "number" && Number.isFinite(value);
// A hyphen is narrower than a plus sign, and columns of figures then do not align.
const withMinus = (text) => text.replace("-", "−");

export function number(value, digits = 0) {
  return known(value) ? withMinus(format(digits).format(value)) : UNKNOWN;
}

export function signed(value, digits = 2) {
  return known(value) ? withMinus(format(digits, { signDisplay: "exceptZero" }).format(value)) : UNKNOWN;
}

export function percent(fraction) {
  return known(fraction) ? `${signed(fraction * 100, 2)} %` : UNKNOWN;
}

export function compact(value) {
  if (!known(value)) return UNKNOWN;
  return value < 100_000 ? number(value) : format(1, { notation: "compact" }).format(value);
}

export function money(value, currency, digits = 2) {
  return known(value) ? `${number(value, digits)} ${currency}`.trim() : UNKNOWN;
}

// Decimals of a price as IB sent it: two at least, five for a currency pair.
export function decimals(...prices) {
  return Math.max(2, ...prices.filter(known).map((price) => Math.min(8, (String(price).split(".")[1] ?? "").length)));
}

export function clock(time) {
  return new Date(time).toLocaleTimeString("en-GB");
}

export function weekday(time) {
  return new Date(time).toLocaleString("en-GB", { weekday: "short", hour: "2-digit", minute: "2-digit" }).replace(",", "");
}

export function span(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

// The same in a narrow column.
export function briefly(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

// Whole sentences out of parts that may lack their full stop, as IB's texts do.
export function sentences(...parts) {
  return parts.filter(Boolean).map((part) => (/[.!?]$/.test(part) ? part : `${part}.`)).join(" ");
}

export function plural(count, word) {
  return `${number(count)} ${word}${count === 1 ? "" : "s"}`;
}

export const direction = (value) => (value > 0 ? "up" : value < 0 ? "down" : "");
