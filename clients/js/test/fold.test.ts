import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { fold, foldAll, isActive, isFinal } from "../src/fold.ts";
import type { Event, Run } from "../src/types.ts";

interface Case {
  name: string;
  events: Event[];
  expect: Partial<Run> | null;
}

const file = new URL("../../../protocol/fixtures/fold.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(file, "utf8")) as { cases: Case[] };

describe("the fold, on the shared cases", () => {
  it.each(cases.map((each) => [each.name, each] as const))("%s", (_, { events, expect: wanted }) => {
    const run = foldAll(events);
    if (wanted === null) expect(run).toBeNull();
    else expect(pick(run!, wanted)).toEqual(wanted);
  });

  it("never changes the state that it was given", () => {
    for (const { events } of cases) {
      let run: Run | null = null;
      for (const event of events) {
        const before = JSON.stringify(run);
        const next = fold(run, event);
        expect(JSON.stringify(run)).toBe(before);
        run = next;
      }
    }
  });

  it("changes nothing when all events come a second time", () => {
    for (const { events } of cases) {
      const once = foldAll(events);
      expect(events.reduce(fold, once)).toEqual(once);
    }
  });
});

it("knows which states end a run", () => {
  expect((["succeeded", "failed", "stopped"] as const).every(isFinal)).toBe(true);
  expect(isFinal("lost")).toBe(false);
  expect(isActive("lost")).toBe(false);
  expect(isActive("queued")).toBe(true);
});

function pick(run: Run, like: Partial<Run>): Partial<Run> {
  return Object.fromEntries(Object.keys(like).map((key) => [key, run[key as keyof Run]]));
}
