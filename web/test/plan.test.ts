import { describe, expect, it } from "vitest";
import { PLAN, planOf, wishesOf, wrongOf } from "../src/pages/start/plan.ts";

const run = {
  priority: 3,
  retries: 2,
  resources: { cores: 0.5, memory_bytes: 2_000_000_000, gpus: 2, gpu_indices: [0, 3] },
  watchdogs: [
    { kind: "bound", action: "stop", metric: "accuracy", above: null, below: 0.1 },
    { kind: "bound", action: "warn", metric: "loss", above: 9, below: null },
    { kind: "diverges", action: "pause", metric: "loss", factor: 3, window: 20 },
  ],
};

describe("when and where", () => {
  it("says nothing where nobody chose anything", () => {
    expect(wishesOf(PLAN)).toEqual({});
    expect(wrongOf(PLAN)).toBeNull();
  });

  it("sends what was chosen, with its type", () => {
    const plan = { ...PLAN, priority: "-5", retries: "1", cores: "0.5", memory: "1.5", gpus: "#1, #0", stalled: "stop", disk: "off" } as const;
    expect(wrongOf(plan)).toBeNull();
    expect(wishesOf(plan)).toEqual({
      priority: -5,
      retries: 1,
      resources: { cores: 0.5, memory_bytes: 1_500_000_000, gpu_indices: [1, 0] },
      watchdogs: [
        { kind: "nan", action: "warn" },
        { kind: "stalled", action: "stop", minutes: 15 },
      ],
    });
    expect(wishesOf({ ...PLAN, gpus: "2" })).toEqual({ resources: { gpus: 2 } });
  });

  it("finds what is wrong only where it is asked for", () => {
    expect(wrongOf({ ...PLAN, priority: "1.5" })).toBe("priority");
    expect(wrongOf({ ...PLAN, retries: "-1" })).toBe("retries");
    expect(wrongOf({ ...PLAN, gpus: "#1, #1" })).toBe("gpus");
    expect(wrongOf({ ...PLAN, minutes: "" })).toBeNull();
    expect(wrongOf({ ...PLAN, minutes: "", stalled: "warn" })).toBe("minutes");
    expect(wrongOf({ ...PLAN, bound: "warn", metric: "loss" })).toBe("value");
    expect(wrongOf({ ...PLAN, free: "100" })).toBe("free");
  });

  it("is taken from an earlier run without losing what the form cannot show", () => {
    const plan = planOf(run);
    expect(plan).toMatchObject({ priority: "3", retries: "2", cores: "0.5", memory: "2", gpus: "#0, #3", nan: "off", disk: "off" });
    expect(plan).toMatchObject({ bound: "stop", metric: "accuracy", side: "below", value: "0.1" });
    expect(plan.others).toEqual(run.watchdogs.slice(1));
    expect(wishesOf(plan, plan)).toEqual({});
    expect(wishesOf({ ...plan, priority: "", gpus: "" }, plan)).toEqual({ priority: 0, resources: { gpus: 0 } });
    expect(wishesOf({ ...plan, nan: "stop" }, plan)["watchdogs"]).toEqual([
      { kind: "nan", action: "stop" },
      { kind: "bound", action: "stop", metric: "accuracy", below: 0.1 },
      ...run.watchdogs.slice(1),
    ]);
  });
});
