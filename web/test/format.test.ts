import { expect, it } from "vitest";
import { ago, bytes, duration, label, measured, percent, steady, UNKNOWN } from "../src/format.ts";
import { groupsOf } from "../src/pages/run/groups.ts";

it("never says 0 s, and says unknown where nothing is known", () => {
  expect(duration(0)).toBe("under 1 s");
  expect(duration(0.4)).toBe("under 1 s");
  expect([1, 59.6, 61, 252, 3600, 3725, 90_000].map(duration)).toEqual(["1 s", "1 m", "1 m 1 s", "4 m 12 s", "1 h", "1 h 2 m", "1 d 1 h"]);
  expect([duration(null), percent(null), bytes(undefined), measured(null)]).toEqual([UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN]);
});

it("writes numbers short and true, and those that JSON lacks by name", () => {
  expect([0.71312, 15.8, 18_612.4, 0, 1.234e-7, 2.5e9].map((value) => measured(value))).toEqual(["0.7131", "15.8", "18,612", "0", "1.23e-7", "2.50e9"]);
  expect(measured("NaN")).toBe("NaN");
  expect(measured("-Infinity")).toBe("-∞");
  expect([0.71312, -12.5, 812.44, 9052.3].map(steady)).toEqual(["0.7131", "-12.50", "812.4", "9052"]);
  expect(bytes(1500)).toBe("1.5 kB");
  expect(label("real_scores")).toBe("Real scores");
});

it("tells how long ago", () => {
  const now = Date.parse("2026-11-20T12:00:00Z");
  expect(["2026-11-20T11:59:40Z", "2026-11-20T11:55:00Z", "2026-11-20T03:00:00Z", "2026-11-18T12:00:00Z"].map((time) => ago(time, now))).toEqual([
    "just now",
    "5 min ago",
    "9 h ago",
    "2 d ago",
  ]);
});

it("groups metrics into charts: the GAN's own first, training and validation together, epoch never", () => {
  const groups = groupsOf(["val_loss", "zeta", "train_loss", "fake_scores", "generator_loss", "epoch", "real_scores"]);
  expect(groups.map(({ id, lines }) => [id, lines.map((line) => line.key)])).toEqual([
    ["generator_loss", ["generator_loss"]],
    ["scores", ["real_scores", "fake_scores"]],
    ["loss", ["train_loss", "val_loss"]],
    ["zeta", ["zeta"]],
  ]);
});
