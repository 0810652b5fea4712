import { describe, expect, it } from "vitest";
import { better, differences, figuresOf, metricRows } from "../src/pages/models/compare.ts";
import type { Model } from "../src/pages/models/queries.ts";
import { answersAs, cellsOf, rowsOf } from "../src/pages/models/rows.ts";

const model = (metrics: Model["metrics"], parameters: Model["parameters"] = {}, rest: Partial<Model> = {}) =>
  ({ metrics, parameters, dataset: "wine.csv", dataset_digest: "sha256:aa", commit: "c1", trainer: "classifier", ...rest }) as Model;

describe("versions side by side", () => {
  it("knows which way a figure is better, where its name says so", () => {
    expect(["loss", "Calibration error", "test_mae", "val_rmse"].map(better)).toEqual(["lower", "lower", "lower", "lower"]);
    expect(["Accuracy", "entity_f1", "AUC", "R²"].map(better)).toEqual(["higher", "higher", "higher", "higher"]);
    expect(["rows_per_second", "Held out", "image", "generator_loss", "fake_scores"].map(better)).toEqual([null, null, null, null, null]);
  });

  it("marks the best, and none where nobody can say", () => {
    const rows = metricRows([model({ only: 1, loss: 0.2, accuracy: 0.9, rows: 5 }), model({ loss: 0.1, accuracy: 0.9, rows: 6 }), model({ loss: "NaN", accuracy: 0.8, rows: 7 })]);
    expect(rows.map(({ key, best }) => [key, best])).toEqual([
      ["loss", [false, true, false]],
      ["accuracy", [true, true, false]],
      ["rows", [false, false, false]],
      ["only", [false, false, false]],
    ]);
  });

  it("tells a figure once that a run told twice", () => {
    expect(figuresOf(model({ Accuracy: 0.9, accuracy: 0.9, live_accuracy: 0.9, Loss: 1, loss: 2 })).map(([key]) => key)).toEqual(["Accuracy", "live_accuracy", "Loss", "loss"]);
  });

  it("lists what differs and nothing else", () => {
    const rows = differences([model({}, { epochs: 5, seed: 0 }), model({}, { epochs: 7, seed: 0, device: "" }, { dataset_digest: "sha256:bb" })]);
    expect(rows).toEqual([
      { key: "epochs", values: ["5", "7"] },
      { key: "device", values: ["–", "empty"] },
      { key: "Data content", values: ["aa", "bb"] },
    ]);
  });
});

describe("rows to ask about", () => {
  const schema = { properties: { n: { type: ["number", "null"] }, yes: { type: ["boolean", "null"] }, text: { type: "string" } } };

  it("reads CSV with the types that the model takes", () => {
    const { form, rows } = rowsOf('\uFEFFn,yes,text\r\n1.5,true,"a ""b"",\nc"\r\n,,\n\nx,no,7\n', schema);
    expect(form).toBe("csv");
    expect(rows).toEqual([{ n: 1.5, yes: true, text: 'a "b",\nc' }, { text: "" }, { n: "x", yes: "no", text: "7" }]);
  });

  it("reads JSON Lines and a JSON list", () => {
    expect(rowsOf('{"n": 1}\n\n{"n": 2}', schema)).toEqual({ form: "jsonl", rows: [{ n: 1 }, { n: 2 }] });
    expect(rowsOf('[{"n": 1},\n {"n": 2}]', schema).rows).toHaveLength(2);
  });

  it("says which line is wrong", () => {
    expect(() => rowsOf('{"n": 1}\n{"n": ', schema)).toThrow("Line 2 is no JSON.");
    expect(() => rowsOf('{"n": 1}\n7', schema)).toThrow("Line 2 is no object.");
    expect(() => rowsOf("n,text\n1", schema)).toThrow("Row 1 has 1 fields, and the header has 2.");
    expect(() => rowsOf("n,text", schema)).toThrow("There is no row.");
    expect(() => rowsOf(`n,text\n${"1,x\n".repeat(10_001)}`, schema)).toThrow("At most 10,000 rows");
  });

  it("keeps empty quoted lines and a text without line break at its end", () => {
    expect(cellsOf('a\n""\nb')).toEqual([["a"], [""], ["b"]]);
    expect(cellsOf("a,\n,b")).toEqual([["a", ""], ["", "b"]]);
  });

  it("writes the answers in the form that was asked in, so that it reads them again", () => {
    const rows = [{ text: 'x, "y"' }, { text: "z" }];
    const answers = [{ prediction: "a", shares: { a: 1 } }, { prediction: null, shares: {} }];
    const csv = answersAs("csv", rows, answers);
    expect(cellsOf(csv)).toEqual([["text", "prediction", "shares"], ['x, "y"', "a", '{"a":1}'], ["z", "", "{}"]]);
    expect(rowsOf(answersAs("jsonl", rows, answers), schema).rows).toEqual([{ ...rows[0], ...answers[0] }, { ...rows[1], ...answers[1] }]);
  });
});
