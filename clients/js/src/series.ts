/** One metric's points in growing packed arrays, ordered by step. */
import { toFloat, type Num, type Series } from "./types.ts";

export class Column {
  length = 0;
  /** Grows with every change, so that what is derived from the points knows when it is stale. */
  version = 0;
  /** What is derived from the points before this index still holds; whoever derives sets it to `length`. */
  stable = 0;
  /** Ascending. A point that came without a step counts on from the one before. */
  step: Float64Array;
  /** Unix seconds. */
  time: Float64Array;
  /** NaN and infinities are kept as such. */
  value: Float64Array;

  constructor(capacity = 256) {
    this.step = new Float64Array(capacity);
    this.time = new Float64Array(capacity);
    this.value = new Float64Array(capacity);
  }

  static from(series: Series): Column {
    const column = new Column(Math.max(256, series.value.length * 2));
    series.value.forEach((value, index) => column.append(series.step[index] ?? null, series.time[index]!, value));
    return column;
  }

  append(step: number | null, time: number, value: Num): void {
    if (this.length === this.step.length) this.#grow();
    // A point without a step comes after all others; one with an earlier step is put where it belongs.
    const at = step ?? (this.length > 0 ? this.step[this.length - 1]! + 1 : 0);
    let place = this.length;
    while (place > 0 && this.step[place - 1]! > at) place -= 1;
    if (place < this.length) {
      for (const column of [this.step, this.time, this.value]) column.copyWithin(place + 1, place, this.length);
    }
    this.step[place] = at;
    this.time[place] = time;
    this.value[place] = toFloat(value);
    this.length += 1;
    this.version += 1;
    this.stable = place < this.length - 1 ? Math.min(this.stable, place) : this.stable;
  }

  #grow(): void {
    for (const name of ["step", "time", "value"] as const) {
      const bigger = new Float64Array(this[name].length * 2);
      bigger.set(this[name]);
      this[name] = bigger;
    }
  }
}
