/** A form from a JSON Schema, a trainer's or a model's: which fields, what they hold, and what is wrong. Pure. */
import type { Property, Schema } from "../app/queries.ts";

export type FieldKind = "integer" | "number" | "boolean" | "choice" | "text";

export interface Field {
  readonly key: string;
  readonly kind: FieldKind;
  readonly title: string;
  readonly help: string;
  readonly required: boolean;
  readonly advanced: boolean;
  readonly initial: string;
  readonly property: Property;
}

/** What people typed, field by field; booleans are "true" and "false". */
export type Draft = Readonly<Record<string, string>>;

export function fieldsOf(schema: Schema): Field[] {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).map(([key, property]) => ({
    key,
    kind: kindOf(property),
    title: property.title ?? key.replace(/_/g, " ").replace(/^./, (letter) => letter.toUpperCase()),
    help: property.description ?? "",
    required: required.has(key),
    advanced: property["x-advanced"] === true,
    initial: textOf(property.default),
    property,
  }));
}

/** A value as a form shows it. */
export function textOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function kindOf(property: Property): FieldKind {
  if (property.enum) return "choice";
  const types = Array.isArray(property.type) ? property.type : [property.type];
  for (const kind of ["integer", "number", "boolean"] as const) if (types.includes(kind)) return kind;
  return "text";
}

/** The bounds in words: "1 to 1,000". */
export function boundsOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Property): string {
  const low = minimum ?? exclusiveMinimum;
  let high = maximum ?? exclusiveMaximum;
  // The end of what a machine can count is no help to anybody.
  if (high !== undefined && high >= 2 ** 31 - 1) high = undefined;
  const text = (value: number) => value.toLocaleString("en-US", { maximumFractionDigits: 12 });
  const above = exclusiveMinimum !== undefined && minimum === undefined ? "above " : "";
  const below = exclusiveMaximum !== undefined && maximum === undefined ? "below " : "";
  if (low !== undefined && high !== undefined) return `${above}${text(low)} to ${below}${text(high)}`;
  if (low !== undefined) return above ? `above ${text(low)}` : `at least ${text(low)}`;
  if (high !== undefined) return below ? `below ${text(high)}` : `at most ${text(high)}`;
  return "";
}

/** What is wrong with `text` in `field`, or null. */
export function wrongWith(field: Field, text: string): string | null {
  const { property, kind } = field;
  if (text.trim() === "") return field.required ? "Needed" : null;
  if (kind !== "integer" && kind !== "number") return null;
  const value = Number(text);
  if (!Number.isFinite(value)) return "Not a number";
  if (kind === "integer" && !Number.isInteger(value)) return "A whole number, please";
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = property;
  const outside =
    (minimum !== undefined && value < minimum) ||
    (maximum !== undefined && value > maximum) ||
    (exclusiveMinimum !== undefined && value <= exclusiveMinimum) ||
    (exclusiveMaximum !== undefined && value >= exclusiveMaximum);
  return outside ? `Must be ${boundsOf(property)}` : null;
}

/** The parameters to send: only what differs from the default, so that a run's page shows what was chosen. */
export function parametersOf(fields: readonly Field[], draft: Draft): Record<string, unknown> {
  const parameters: Record<string, unknown> = {};
  for (const field of fields) {
    const text = draft[field.key] ?? field.initial;
    if (text.trim() === "" || text === field.initial) continue;
    parameters[field.key] = valueOf(field, text);
  }
  return parameters;
}

/** What was filled in like an earlier run: its own values where it has any. */
export function draftOf(fields: readonly Field[], parameters: Readonly<Record<string, unknown>>): Draft {
  const known = fields.filter(({ key }) => key in parameters);
  return Object.fromEntries(known.map(({ key }) => [key, textOf(parameters[key])]));
}

/** What a run that is like another has other than that one; what was emptied goes back to the default. */
export function changesOf(fields: readonly Field[], like: Draft, draft: Draft): Record<string, unknown> {
  const changed: Record<string, unknown> = {};
  for (const field of fields) {
    const text = draft[field.key] ?? field.initial;
    if (text === (like[field.key] ?? field.initial)) continue;
    changed[field.key] = text.trim() === "" ? (field.property.default ?? (field.kind === "text" ? "" : null)) : valueOf(field, text);
  }
  return changed;
}

export function valueOf(field: Field, text: string): unknown {
  if (field.kind === "integer" || field.kind === "number") return Number(text);
  if (field.kind === "boolean") return text === "true";
  if (field.kind === "choice") return field.property.enum!.find((choice) => String(choice) === text) ?? text;
  return text;
}
