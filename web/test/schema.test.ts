import { describe, expect, it } from "vitest";
import type { Schema } from "../src/app/queries.ts";
import { boundsOf, changesOf, draftOf, fieldsOf, parametersOf, wrongWith } from "../src/parts/schema.ts";

const schema: Schema = {
  required: ["epochs"],
  properties: {
    epochs: { type: "integer", minimum: 1, maximum: 1000, default: 100 },
    learning_rate: { type: "number", exclusiveMinimum: 0, default: 0.001, "x-advanced": true },
    device: { type: "string", enum: ["auto", "cpu"], default: "auto" },
    keep: { type: "boolean", default: false },
    target: { type: ["string", "null"], title: "Target column" },
  },
};
const fields = fieldsOf(schema);
const [epochs, rate, device, , target] = fields;

describe("the start form", () => {
  it("takes its fields from the schema", () => {
    expect(fields.map((field) => [field.key, field.kind, field.title, field.advanced, field.initial])).toEqual([
      ["epochs", "integer", "Epochs", false, "100"],
      ["learning_rate", "number", "Learning rate", true, "0.001"],
      ["device", "choice", "Device", false, "auto"],
      ["keep", "boolean", "Keep", false, "false"],
      ["target", "text", "Target column", false, ""],
    ]);
  });

  it("says what is wrong with a value, in words", () => {
    expect(wrongWith(epochs!, "0")).toBe("Must be 1 to 1,000");
    expect(wrongWith(epochs!, "1.5")).toBe("A whole number, please");
    expect(wrongWith(epochs!, "ten")).toBe("Not a number");
    expect(wrongWith(epochs!, " ")).toBe("Needed");
    expect(wrongWith(epochs!, "1000")).toBeNull();
    expect(wrongWith(rate!, "0")).toBe("Must be above 0");
    expect(wrongWith(target!, "")).toBeNull();
    expect(boundsOf(device!.property)).toBe("");
  });

  it("sends what was chosen, with its type, and leaves out what is as it was", () => {
    expect(parametersOf(fields, {})).toEqual({});
    const draft = { epochs: "5", learning_rate: "1e-4", device: "cpu", keep: "true", target: "" };
    expect(parametersOf(fields, draft)).toEqual({ epochs: 5, learning_rate: 0.0001, device: "cpu", keep: true });
  });

  it("is filled in like an earlier run, and sends what has changed since", () => {
    const like = draftOf(fields, { epochs: 5, keep: true, target: "price", gone: 1 });
    expect(like).toEqual({ epochs: "5", keep: "true", target: "price" });
    expect(changesOf(fields, like, like)).toEqual({});
    expect(changesOf(fields, like, { ...like, epochs: "7", keep: "false", learning_rate: "0.1" })).toEqual({ epochs: 7, keep: false, learning_rate: 0.1 });
    expect(changesOf(fields, like, { ...like, epochs: "", target: "" }), "what was emptied is as if never said").toEqual({ epochs: 100, target: "" });
  });
});
