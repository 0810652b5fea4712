import { Column } from "pulsetrain";
import { expect, it } from "vitest";
import { gathered, markX, type RunMark } from "../src/charts/marks.ts";

const mark = (given: Partial<RunMark>): RunMark => ({ id: 1, time: 0, step: null, kind: "command", tone: "", text: "", ...given });
const column = Column.from({ step: [10, 20, 30], time: [101, 102, 103], value: [1, 2, 3] });
const epoch = Column.from({ step: [10, 30], time: [101, 103], value: [1, 2] });

it("puts a mark at the step that it was told with", () => {
  expect(markX(mark({ step: 20, time: 999 }), column, "step", 100, undefined)).toBe(20);
});

it("puts a mark without a step at the last step before its time", () => {
  expect(markX(mark({ time: 102.5 }), column, "step", 100, undefined)).toBe(20);
  expect(markX(mark({ time: 100 }), column, "step", 100, undefined)).toBeNull();
});

it("leaves out a stage that began when the line had ended", () => {
  expect(markX(mark({ time: 104, kind: "stage" }), column, "step", 100, undefined)).toBeNull();
  expect(markX(mark({ time: 104, kind: "alert" }), column, "step", 100, undefined)).toBe(30);
});

it("goes by the time on axes of time", () => {
  expect(markX(mark({ step: 20, time: 102.25 }), column, "relative", 100, undefined)).toBe(2.25);
  expect(markX(mark({ step: 20, time: 102.25 }), column, "wall", 100, undefined)).toBe(102.25);
});

it("finds the epoch that held at the step", () => {
  expect(markX(mark({ step: 20 }), column, "epoch", 100, epoch)).toBe(1);
  expect(markX(mark({ step: 30 }), column, "epoch", 100, epoch)).toBe(2);
  expect(markX(mark({ step: 5 }), column, "epoch", 100, epoch)).toBeNull();
});

it("gathers what would lie over each other", () => {
  const places = [50, 4, 10, 200].map((pixel, id) => ({ pixel, mark: mark({ id }) }));
  expect(gathered(places).map(({ pixel, marks }) => [pixel, marks.map(({ id }) => id)])).toEqual([
    [4, [1, 2]],
    [50, [0]],
    [200, [3]],
  ]);
});
