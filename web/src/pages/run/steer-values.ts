/** What is typed for a control: read, checked against its bounds, and moved by sensible steps. Pure. */
import type { Control } from "pulsetrain";
import { valueText } from "./timeline.ts";

export type ControlValue = number | string | boolean;

export type Typed = { readonly value: ControlValue; readonly problem?: undefined } | { readonly value?: undefined; readonly problem: string };

const KIND: Readonly<Record<Control["type"], string>> = { number: "a number", integer: "a whole number", string: "a text", boolean: "on or off" };

/** `text` as a value of `control`, or why it is none. The server and the run check again. */
export function typed(control: Control, text: string): Typed {
  if (control.choices) {
    const choice = control.choices.find((each) => String(each) === text);
    return choice === undefined ? { problem: "Choose one of the list." } : { value: choice };
  }
  if (control.type === "boolean") return { value: text === "true" };
  if (control.type === "string") return { value: text };
  // A comma is what many keyboards offer for a decimal point.
  const value = text.trim() === "" ? NaN : Number(text.trim().replace(",", "."));
  if (!Number.isFinite(value) || (control.type === "integer" && !Number.isInteger(value))) return { problem: `This must be ${KIND[control.type]}.` };
  const { minimum, maximum } = control;
  if ((minimum !== null && value < minimum) || (maximum !== null && value > maximum)) return { problem: `This must be ${boundsText(control)}.` };
  return { value };
}

/** "from 0 to 1", "at least 1", or nothing where there are no bounds. */
export function boundsText({ minimum, maximum }: Control): string {
  if (minimum !== null && maximum !== null) return `from ${valueText(minimum)} to ${valueText(maximum)}`;
  if (minimum !== null) return `at least ${valueText(minimum)}`;
  return maximum === null ? "" : `at most ${valueText(maximum)}`;
}

/**
 * The next value up or down. Small positive numbers, such as learning rates, go 1, 2, 5, 10 through their decades;
 * others by a tenth of their own size; whole numbers at least by one.
 */
export function nudged(control: Control, value: number, way: 1 | -1): number {
  const next = control.type === "integer" ? value + way * Math.max(1, 10 ** Math.floor(Math.log10(Math.max(1, Math.abs(value))) - 1)) : isRate(control, value) ? decade(value, way) : linear(control, value, way);
  return Math.min(control.maximum ?? Infinity, Math.max(control.minimum ?? -Infinity, Number(next.toPrecision(6))));
}

/** Whether factors tell more of a value than differences. */
function isRate({ minimum }: Control, value: number): boolean {
  return value > 0 && (minimum === null || minimum >= 0) && value < 0.1;
}

function decade(value: number, way: 1 | -1): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const places = [0.5, 1, 2, 5, 10].map((factor) => Number((factor * power).toPrecision(6)));
  const found = way > 0 ? places.find((place) => place > value * 1.0001) : places.findLast((place) => place < value * 0.9999);
  return found ?? value;
}

function linear({ minimum, maximum }: Control, value: number, way: 1 | -1): number {
  const span = minimum !== null && maximum !== null ? maximum - minimum : 0;
  const size = Math.max(Math.min(Math.abs(value) || 1, span || Infinity), 1e-6);
  const step = 10 ** Math.floor(Math.log10(size) - 0.3);
  return Math.round((value + way * step) / step) * step;
}
