import { Column } from "pulsetrain";
import { describe, expect, it } from "vitest";
import { align, decimate, linearTicks, logTicks, padded, Smoothed, tooNarrow, xOf } from "../src/charts/derive.ts";

function column(values: (number | "NaN" | "Infinity")[]): Column {
  const out = new Column();
  values.forEach((value, index) => out.append(index + 1, 100 + index, value));
  return out;
}

const all = { pixels: 400, range: null, log: false } as const;

describe("decimation", () => {
  it("keeps every point while there is room, and marks what is not finite instead of blanking", () => {
    const { step, value, length } = column([1, "NaN", 3, "Infinity", 5]);
    const { x, y, marks } = decimate(step, value, length, all);
    expect(x).toEqual([1, 2, 3, 4, 5]);
    expect(y).toEqual([1, null, 3, null, 5]);
    expect(marks).toEqual([
      { x: 2, kind: "NaN" },
      { x: 4, kind: "+∞" },
    ]);
  });

  it("draws a long series with about two points per pixel, and loses neither its peak nor its NaN", () => {
    const long = column(Array.from({ length: 100_000 }, (_, index) => (index === 55_555 ? 1e6 : index === 70_000 ? "NaN" : Math.sin(index / 50))));
    const { x, y, marks } = decimate(long.step, long.value, long.length, all);
    expect(x.length).toBeLessThanOrEqual(3 * 400);
    expect(Math.max(...y.map((value) => value ?? 0))).toBe(1e6);
    expect(marks).toEqual([{ x: 70_001, kind: "NaN" }]);
    expect(x.every((each, index) => index === 0 || each > x[index - 1]!)).toBe(true);
  });

  it("holds still while points are added at the end", () => {
    const noise = (count: number) => column(Array.from({ length: count }, (_, index) => Math.sin(index * 12.9898) * 43_758));
    const before = noise(10_000);
    const after = noise(10_300);
    const first = decimate(before.step, before.value, before.length, all);
    const second = decimate(after.step, after.value, after.length, all);
    expect(second.x.slice(0, first.x.length - 3)).toEqual(first.x.slice(0, -3));
  });

  it("takes one point beyond each end of a zoom, so that the line leaves the plot", () => {
    const { step, value, length } = column([1, 2, 3, 4, 5, 6]);
    expect(decimate(step, value, length, { ...all, range: [3, 4] }).x).toEqual([2, 3, 4]);
    expect(decimate(step, value, length, { ...all, range: [2.5, 4.5] }).x).toEqual([2, 3, 4, 5]);
  });

  it("has no place for values that are not positive on a logarithmic axis", () => {
    const { step, value, length } = column([100, 0, -1, 1000]);
    expect(decimate(step, value, length, { ...all, log: true }).y).toEqual([2, null, null, 3]);
  });
});

describe("smoothing", () => {
  it("is debiased: a constant stays that constant from its first point on", () => {
    const constant = column([0.7131, 0.7131, 0.7131]);
    const smoothed = new Smoothed().update(constant, 0.9);
    for (let index = 0; index < 3; index += 1) expect(smoothed[index]).toBeCloseTo(0.7131, 12);
  });

  it("goes on where it was, and gives what it would give from the start", () => {
    const values = Array.from({ length: 700 }, (_, index) => (index % 97 === 5 ? ("NaN" as const) : Math.cos(index)));
    const whole = new Smoothed().update(column(values), 0.6);
    const growing = new Column(2);
    const stepwise = new Smoothed();
    values.forEach((value, index) => {
      growing.append(index + 1, index, value);
      if (index % 50 === 0) stepwise.update(growing, 0.6);
    });
    const last = stepwise.update(growing, 0.6);
    expect([...last.subarray(0, 700)]).toEqual([...whole.subarray(0, 700)]);
  });

  it("starts again when a late point moved others, or when its weight changes", () => {
    const late = new Column();
    for (const step of [1, 2, 4]) late.append(step, step, step);
    const smoothed = new Smoothed();
    smoothed.update(late, 0.5);
    late.append(3, 9, 100);
    expect([...smoothed.update(late, 0).subarray(0, 4)]).toEqual([1, 2, 100, 4]);
    expect([...smoothed.update(late, 0.5).subarray(0, 4)]).toEqual([...new Smoothed().update(late, 0.5).subarray(0, 4)]);
  });
});

describe("ranges", () => {
  it("never are so narrow that ticks have no end", () => {
    const almost = 0.7131 * (1 + Number.EPSILON);
    expect(tooNarrow(0.7131, almost)).toBe(true);
    for (const [low, high] of [[0, 0], [0.7131, almost], [-5, -5], [1e9, 1e9 + 1e-6]] as const) {
      const [from, to] = padded(low, high);
      expect(tooNarrow(from, to)).toBe(false);
      expect(from).toBeLessThan(low);
      expect(to).toBeGreaterThan(high);
    }
  });
});

describe("ticks", () => {
  it("stand at round numbers", () => {
    expect(linearTicks(0.31, 1.02, 0.2)).toEqual([0.4, 0.6, 0.8, 1]);
    const logs = (low: number, high: number) => logTicks(Math.log10(low), Math.log10(high)).map((tick) => Number((10 ** tick).toPrecision(6)));
    expect(logs(0.0004, 900)).toEqual([0.001, 0.01, 0.1, 1, 10, 100]);
    expect(logs(0.15, 1.3)).toEqual([0.2, 0.5, 1]);
    expect(logs(0.55, 0.95)).toEqual([0.6, 0.7, 0.8, 0.9]);
    expect(logTicks(-30, 30).length).toBeLessThan(12);
  });
});

describe("axes", () => {
  it("holds still where a clock was set back, because the plot needs an x that ascends", () => {
    const jump = new Column();
    for (const [step, time] of [[1, 100], [2, 105], [3, 90], [4, 110]] as const) jump.append(step, time, 1);
    expect([...xOf(jump, "relative", 100, undefined)]).toEqual([0, 5, 5, 10]);
  });

  it("shows the epoch that held at a step", () => {
    const epoch = new Column();
    epoch.append(1, 1, 1);
    epoch.append(3, 3, 2);
    expect([...xOf(column([9, 9, 9, 9]), "epoch", 0, epoch)]).toEqual([1, 1, 2, 2]);
  });

  it("puts lines of different x on one, without breaking them", () => {
    const line = (x: number[]) => ({ x, y: x.map((each) => each * 10), marks: [] });
    const { x, ys } = align([line([1, 3]), line([2, 3])]);
    expect(x).toEqual([1, 2, 3]);
    expect(ys).toEqual([
      [10, undefined, 30],
      [undefined, 20, 30],
    ]);
  });
});
