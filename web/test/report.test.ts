import { expect, it } from "vitest";
import { standing, withUnit } from "../src/pages/run/report/form.ts";

it("writes shares in per cent, and does not round them to all or nothing", () => {
  expect(withUnit(0.984, "share")).toBe("98.4 %");
  expect(withUnit(0.9996, "share")).toBe("99.96 %");
  expect(withUnit(0.0004, "share")).toBe("0.04 %");
  expect(withUnit(240, "examples")).toBe("240 examples");
  expect(withUnit(null, "share")).toBe("–");
  expect(withUnit("NaN", "share")).toBe("NaN");
});

it("says how a figure stands against its baseline", () => {
  const accuracy = { name: "Accuracy", value: 0.9, unit: "share", better: "higher", baseline: 0.4, baseline_name: "most frequent class" } as const;
  expect(standing(accuracy)).toEqual({ value: 0.9, baseline: 0.4, sentence: "Most frequent class: 40.0 %", beats: true });
  expect(standing({ ...accuracy, value: 0.3 })?.beats).toBe(false);
  expect(standing({ name: "Loss", value: 2, better: "lower", baseline: 4 })).toMatchObject({ beats: true, sentence: "The baseline: 4" });
  expect(standing({ name: "R²", value: -0.5, better: "higher", baseline: 0 })?.value).toBe(0);
  expect(standing({ name: "Rows", value: 3 })).toBeNull();
});
