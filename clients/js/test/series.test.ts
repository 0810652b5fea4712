import { expect, it } from "vitest";
import { Column } from "../src/series.ts";

const steps = (column: Column) => [...column.step.subarray(0, column.length)];

it("grows, and keeps NaN and infinities", () => {
  const column = new Column(2);
  column.append(1, 0.1, 1);
  column.append(2, 0.2, "NaN");
  column.append(3, 0.3, "-Infinity");
  expect([...column.value.subarray(0, 3)]).toEqual([1, NaN, -Infinity]);
  expect(column.length).toBe(3);
});

it("orders by step, later points of one step after earlier ones, and tells from where on what is derived is stale", () => {
  const column = new Column(1);
  for (const step of [1, 2, 5]) column.append(step, step, step);
  column.stable = column.length;
  column.append(2, 9, 22);
  expect(steps(column)).toEqual([1, 2, 2, 5]);
  expect([...column.value.subarray(0, 4)]).toEqual([1, 2, 22, 5]);
  expect(column.stable).toBe(2);
});

it("counts on where no step is given", () => {
  const column = new Column();
  for (const step of [null, null, 7, null]) column.append(step, 0, 0);
  expect(steps(column)).toEqual([0, 1, 7, 8]);
});
