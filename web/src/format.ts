/** How the page writes numbers, durations, sizes and times. Unknown is an en dash, never 0. */
import type { Num } from "pulsetrain";

export const UNKNOWN = "–";

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** 18612 → 18,612. */
export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? UNKNOWN : whole.format(value);
}

/** "1 line", "2 lines". */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** A measured number with four significant digits: 0.7131, 15.8, 1.2e-7. */
export function measured(value: Num | null | undefined, digits = 4): string {
  if (value === null || value === undefined) return UNKNOWN;
  if (typeof value === "string") return value === "NaN" ? "NaN" : value.replace("Infinity", "∞");
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "-∞";
  const size = Math.abs(value);
  if (value === 0) return "0";
  if (size >= 1e6 || size < 1e-4) return value.toExponential(Math.min(2, digits - 1)).replace("e+", "e");
  if (size >= 1000) return value.toLocaleString("en-US", { maximumFractionDigits: size >= 10_000 ? 0 : 1 });
  return String(Number(value.toPrecision(digits)));
}

/** Like `measured`, but with a fixed number of decimals, so that a moving value does not dance. */
export function steady(value: number): string {
  if (!Number.isFinite(value)) return measured(value);
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e5 || size < 1e-3)) return value.toExponential(2).replace("e+", "e");
  return value.toFixed(size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 4);
}

export function percent(value: number | null | undefined, digits = 0): string {
  return value === null || value === undefined ? UNKNOWN : `${value.toFixed(digits)} %`;
}

/** A share 0–1 as a percentage. */
export function share(value: number | null | undefined, digits = 0): string {
  return percent(value === null || value === undefined ? null : value * 100, digits);
}

const UNITS = ["B", "kB", "MB", "GB", "TB"];

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return UNKNOWN;
  let size = value;
  let unit = 0;
  while (size >= 1000 && unit < UNITS.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${size >= 100 || unit === 0 ? size.toFixed(0) : size.toFixed(1)} ${UNITS[unit]}`;
}

/** 3725 → 1 h 2 m. Two units at most; below a second, "under 1 s". */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return UNKNOWN;
  const total = Math.max(0, Math.round(seconds));
  if (seconds < 1) return "under 1 s";
  const [d, h, m, s] = [Math.floor(total / 86400), Math.floor(total / 3600) % 24, Math.floor(total / 60) % 60, total % 60];
  if (d > 0) return h > 0 ? `${d} d ${h} h` : `${d} d`;
  if (h > 0) return m > 0 ? `${h} h ${m} m` : `${h} h`;
  if (m > 0) return s > 0 ? `${m} m ${s} s` : `${m} m`;
  return `${s} s`;
}

/** Milliseconds since the epoch of an event time. */
export function ms(time: string): number {
  return Date.parse(time);
}

/** "just now", "4 min ago", "yesterday", or the date. */
export function ago(time: string, now: number): string {
  const seconds = (now - ms(time)) / 1000;
  if (seconds < 45) return "just now";
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  if (seconds < 86_400) return `${Math.round(seconds / 3600)} h ago`;
  if (seconds < 7 * 86_400) return `${Math.round(seconds / 86_400)} d ago`;
  return new Date(time).toLocaleDateString("en-GB", { year: "numeric", month: "short", day: "numeric" });
}

export function clock(unixSeconds: number): string {
  return new Date(unixSeconds * 1000).toLocaleTimeString("en-GB");
}

export function dateTime(time: string): string {
  return new Date(time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
}

/** "generator_loss" → "Generator loss". */
export function label(key: string): string {
  const words = key.replace(/[_]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
