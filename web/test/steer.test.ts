import type { Control, Event } from "pulsetrain";
import { expect, it } from "vitest";
import { boundsText, nudged, typed } from "../src/pages/run/steer-values.ts";
import { entriesOf, isMarked, markText } from "../src/pages/run/timeline.ts";

const control = (given: Partial<Control>): Control => ({ name: "lr", value: 0.1, type: "number", minimum: null, maximum: null, choices: null, help: null, ...given });

it("reads what is typed, or says why it cannot be", () => {
  expect(typed(control({}), "0,05")).toEqual({ value: 0.05 });
  expect(typed(control({}), "1e-4")).toEqual({ value: 0.0001 });
  expect(typed(control({}), "fast").problem).toBe("This must be a number.");
  expect(typed(control({}), " ").problem).toBe("This must be a number.");
  expect(typed(control({ type: "integer" }), "1.5").problem).toBe("This must be a whole number.");
  expect(typed(control({ minimum: 0, maximum: 1 }), "2").problem).toBe("This must be from 0 to 1.");
  expect(typed(control({ type: "string", choices: ["sgd", "adam"] }), "adam")).toEqual({ value: "adam" });
  expect(typed(control({ type: "integer", choices: [1, 2] }), "2")).toEqual({ value: 2 });
  expect(typed(control({ type: "boolean" }), "false")).toEqual({ value: false });
});

it("steps through the decades of a learning rate, and by the size of other values", () => {
  expect([1, 2, 3].reduce((value) => nudged(control({}), value, 1), 0.001)).toBe(0.01);
  expect(nudged(control({}), 0.0005, -1)).toBe(0.0002);
  expect(nudged(control({ type: "integer" }), 5, 1)).toBe(6);
  expect(nudged(control({ type: "integer" }), 400, 1)).toBe(410);
  expect(nudged(control({}), 0.5, 1)).toBeCloseTo(0.6);
  expect(nudged(control({ maximum: 0.5 }), 0.5, 1)).toBe(0.5);
  expect(nudged(control({ minimum: -1, maximum: 1 }), 0, -1)).toBeCloseTo(-0.1);
});

it("writes bounds as people read them", () => {
  expect(boundsText(control({ minimum: 0.00001, maximum: 10 }))).toBe("from 0.00001 to 10");
  expect(boundsText(control({ minimum: 1 }))).toBe("at least 1");
  expect(boundsText(control({}))).toBe("");
});

const event = (seq: number, type: string, data: Record<string, unknown>): Event => ({ seq, run: "r_a", type, time: "2026-11-20T10:00:00.000000Z", data });

it("makes one entry of a command and its answer", () => {
  const entries = entriesOf([
    event(1, "run.status", { state: "running" }),
    event(2, "command.requested", { id: "c_1", command: "set", arguments: { name: "lr", value: 0.0005 }, by: "ann" }),
    event(3, "command.applied", { id: "c_1", command: "set", step: 1200, details: { name: "lr", value: 0.0005, previous: 0.001 } }),
    event(4, "command.requested", { id: "c_2", command: "set", arguments: { name: "lr", value: -1 }, by: "ann" }),
    event(5, "command.rejected", { id: "c_2", command: "set", reason: "lr must be at least 0." }),
    event(6, "command.requested", { id: "c_3", command: "note", arguments: { text: "<b>here</b>" }, by: "ann" }),
    event(7, "command.applied", { id: "c_3", command: "note", step: 1300 }),
    event(8, "run.stage", { name: "Train", state: "done" }),
    event(9, "unknown.type", {}),
  ]);
  expect(entries.map(markText)).toEqual([
    "Running",
    "lr 0.001 → 0.0005 · after step 1,200 · by ann",
    "lr → -1: refused · by ann · lr must be at least 0.",
    "“<b>here</b>” · after step 1,300 · by ann",
  ]);
  expect(entries.map(isMarked)).toEqual([false, true, true, true]);
});
