/** From a column of points to what a chart of some pixels shows. Pure but for the caches, which only save time. */
import type { Column } from "pulsetrain";

export type XAxis = "step" | "epoch" | "relative" | "wall";

/**
 * A debiased exponential moving average, weight 0–0.99, kept as the points come in.
 * Non-finite values are passed through and leave the average alone.
 */
export class Smoothed {
  values = new Float64Array(256);
  #weight = -1;
  #done = 0;
  #average = 0;
  #mass = 0;

  /** The smoothed values of all points of `column`. */
  update(column: Column, weight: number): Float64Array {
    // A point that came late moved others: what was averaged from there on is stale.
    if (weight !== this.#weight || column.stable < this.#done) this.#restart(weight);
    if (this.values.length < column.length) {
      const bigger = new Float64Array(column.value.length);
      bigger.set(this.values.subarray(0, this.#done));
      this.values = bigger;
    }
    for (let index = this.#done; index < column.length; index += 1) {
      const value = column.value[index]!;
      if (Number.isFinite(value)) {
        this.#average = weight * this.#average + (1 - weight) * value;
        this.#mass = weight * this.#mass + (1 - weight);
      }
      this.values[index] = Number.isFinite(value) ? this.#average / this.#mass : value;
    }
    this.#done = column.stable = column.length;
    return this.values;
  }

  #restart(weight: number): void {
    this.#weight = weight;
    this.#done = this.#average = this.#mass = 0;
  }
}

/** A place where the value is not a finite number. */
export interface Mark {
  readonly x: number;
  readonly kind: "NaN" | "+∞" | "−∞";
}

export interface Decimated {
  readonly x: number[];
  /** Log₁₀ of the values where that is asked for. null where there is none: not finite, or not positive. */
  readonly y: (number | null)[];
  readonly marks: Mark[];
}

/** First index whose x is at least `x`; `xs` ascends over its first `length` places. */
export function lowerBound(xs: ArrayLike<number>, length: number, x: number): number {
  let [from, to] = [0, length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (xs[middle]! < x) from = middle + 1;
    else to = middle;
  }
  return from;
}

const MAX_MARKS = 200;

/**
 * At most about `2 × pixels` points that draw the same line: per pixel the lowest and the highest, in their order.
 * Takes one point beyond each end of `range`, so that the line leaves the plot instead of ending in it.
 */
export function decimate(
  xs: ArrayLike<number>,
  ys: ArrayLike<number>,
  length: number,
  options: { pixels: number; range: readonly [number, number] | null; log: boolean },
): Decimated {
  const { pixels, range, log } = options;
  const from = range ? Math.max(0, lowerBound(xs, length, range[0]) - 1) : 0;
  const to = range ? Math.min(length, lowerBound(xs, length, range[1]) + 1) : length;
  const out: Decimated = { x: [], y: [], marks: [] };
  const push = (index: number) => {
    const value = ys[index]!;
    out.x.push(xs[index]!);
    if (!Number.isFinite(value)) out.y.push(null);
    else if (log) out.y.push(value > 0 ? Math.log10(value) : null);
    else out.y.push(value);
  };
  const mark = (index: number) => {
    const value = ys[index]!;
    const kind = Number.isNaN(value) ? "NaN" : value > 0 ? "+∞" : "−∞";
    if (out.marks.length < MAX_MARKS) out.marks.push({ x: xs[index]!, kind });
  };
  // Powers of two, counted from the first point: so the line holds still while points are added at its end.
  const size = 2 ** Math.max(0, Math.ceil(Math.log2((to - from) / Math.max(1, pixels))));
  for (let start = from - (from % size); start < to; start += size) {
    const end = Math.min(to, start + size);
    if (size <= 2) {
      for (let index = Math.max(start, from); index < end; index += 1) {
        if (!Number.isFinite(ys[index]!)) mark(index);
        push(index);
      }
    } else bucket(ys, start, end, push, mark);
  }
  return out;
}

function bucket(ys: ArrayLike<number>, start: number, end: number, push: (index: number) => void, mark: (index: number) => void): void {
  let low = -1;
  let high = -1;
  let gap = -1;
  for (let index = start; index < end; index += 1) {
    const value = ys[index]!;
    if (!Number.isFinite(value)) {
      mark(index);
      gap = index;
    } else {
      if (low < 0 || value < ys[low]!) low = index;
      if (high < 0 || value > ys[high]!) high = index;
    }
  }
  const chosen = [low, high, gap].filter((index, at, all) => index >= 0 && all.indexOf(index) === at);
  for (const index of chosen.sort((a, b) => a - b)) push(index);
}

/** `column` against another x axis: seconds since `start`, Unix seconds, or the epoch that held at that time. */
export function xOf(column: Column, axis: XAxis, start: number, epoch: Column | undefined): Float64Array {
  if (axis === "step") return column.step;
  const xs = new Float64Array(column.length);
  let last = -Infinity;
  let at = 0;
  for (let index = 0; index < column.length; index += 1) {
    const time = column.time[index]!;
    let x = axis === "relative" ? time - start : time;
    if (axis === "epoch") {
      const step = column.step[index]!;
      while (epoch && at < epoch.length && epoch.step[at]! <= step) at += 1;
      x = epoch && at > 0 ? epoch.value[at - 1]! : NaN;
    }
    // The plot needs an x that ascends; a clock that was set back holds still instead.
    if (!(x >= last)) x = Number.isFinite(last) ? last : 0;
    xs[index] = last = x;
  }
  return xs;
}

/** Whether a range is too narrow for its ticks to be told apart: uPlot would look for them without end. */
export function tooNarrow(low: number, high: number): boolean {
  return !(high - low > 1e-9 * Math.max(1e-6, Math.abs(low), Math.abs(high)));
}

/** A range around `min … max` with some room, never too narrow. */
export function padded(min: number, max: number): [number, number] {
  const room = tooNarrow(min, max) ? Math.abs(max) * 0.1 || 1 : (max - min) * 0.06;
  return [min - room, max + room];
}

/** Multiples of `step` from `low` to `high`. */
export function linearTicks(low: number, high: number, step: number): number[] {
  const ticks: number[] = [];
  const first = Math.ceil(low / step);
  for (let n = first; n * step <= high && ticks.length < 50; n += 1) ticks.push(Number((n * step).toPrecision(12)));
  return ticks;
}

/** Places of round numbers on an axis of log₁₀ values: powers of ten, and 2 and 5 times those where there is room. */
export function logTicks(low: number, high: number): number[] {
  const wide = high - low;
  const every = Math.max(1, Math.ceil(wide / 8));
  const factors = wide > 2.5 ? [1] : wide > 0.8 ? [1, 2, 5] : [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9];
  const ticks: number[] = [];
  for (let power = Math.floor(low); power <= high; power += 1) {
    if (power % every !== 0) continue;
    for (const factor of factors) {
      const tick = power + Math.log10(factor);
      if (tick >= low && tick <= high) ticks.push(tick);
    }
  }
  return ticks;
}

/** Several lines on one x: `undefined` where a line has no point there, so that it is not broken. */
export function align(lines: readonly Decimated[]): { x: number[]; ys: (number | null | undefined)[][] } {
  const [first] = lines;
  if (first && lines.every((line) => sameX(line.x, first.x))) return { x: first.x, ys: lines.map((line) => line.y) };
  const x = [...new Set(lines.flatMap((line) => line.x))].sort((a, b) => a - b);
  const place = new Map(x.map((each, index) => [each, index]));
  const ys = lines.map((line) => {
    const y: (number | null | undefined)[] = new Array<undefined>(x.length).fill(undefined);
    line.x.forEach((each, index) => (y[place.get(each)!] = line.y[index]));
    return y;
  });
  return { x, ys };
}

function sameX(a: number[], b: number[]): boolean {
  return a === b || (a.length === b.length && a.every((each, index) => each === b[index]));
}
