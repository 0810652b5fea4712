import { expect, it } from "vitest";
import type { Dataset, Trainer } from "../src/app/queries.ts";
import { takes, trainerFor } from "../src/pages/start/choice.ts";

const trainer = (name: string, data: Trainer["data"], available = true) => ({ name, data, available }) as Trainer;
const all = [trainer("gone", "table", false), trainer("gan", "table"), trainer("nlu", "jsonl"), trainer("command", null)];
const data = (format: Dataset["format"], task: string | null = null) => ({ format, task }) as Dataset;

it("offers each trainer the data that it learns from", () => {
  expect(["csv", "jsonl", "parquet"].map((format) => all.map((each) => takes(each, data(format as Dataset["format"]))))).toEqual([
    [true, true, false, false],
    [true, true, true, false],
    [true, true, false, false],
  ]);
});

it("chooses a trainer for the data where nobody did", () => {
  expect(trainerFor(all, undefined, null)?.name).toBe("gan");
  expect(trainerFor(all, undefined, data("jsonl", "nlu"))?.name).toBe("nlu");
  expect(trainerFor(all, undefined, data("jsonl"))?.name).toBe("gan");
  expect(trainerFor(all, "gone", data("csv"))?.name, "what was asked for is shown, with what is wrong").toBe("gone");
  expect(trainerFor([], undefined, null)).toBeUndefined();
});
