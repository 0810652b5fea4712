/** Rows to ask a model about, from a text, and its answers as a text. Pure. */
import type { Schema } from "../../app/queries.ts";
import type { Row } from "./queries.ts";

export type Form = "csv" | "jsonl";

export interface Rows {
  form: Form;
  rows: Row[];
}

export const MOST_ROWS = 10_000;

/** The rows in `text`: JSON Lines, a JSON list, or CSV with a header. Throws an Error that says what is wrong. */
export function rowsOf(text: string, schema: Schema): Rows {
  const content = text.replace(/^\uFEFF/, "").trim();
  const json = content.startsWith("{") || content.startsWith("[");
  const rows = json ? jsonRows(content) : csvRows(content, schema);
  if (rows.length === 0) throw new Error("There is no row.");
  if (rows.length > MOST_ROWS) throw new Error(`At most ${MOST_ROWS.toLocaleString("en-US")} rows at a time; there are ${rows.length.toLocaleString("en-US")}.`);
  return { form: json ? "jsonl" : "csv", rows };
}

function jsonRows(content: string): Row[] {
  const lines = content.startsWith("[") ? [content] : content.split("\n");
  const found: Row[] = [];
  lines.forEach((line, index) => {
    if (line.trim() === "") return;
    const value = parsed(line, index + 1);
    for (const row of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (typeof row !== "object" || row === null || Array.isArray(row)) throw new Error(`Line ${index + 1} is no object.`);
      found.push(row as Row);
    }
  });
  return found;
}

function parsed(line: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new Error(`Line ${number} is no JSON.`);
  }
}

function csvRows(content: string, schema: Schema): Row[] {
  const [header = [], ...records] = cellsOf(content);
  return records.map((cells, index) => {
    if (cells.length !== header.length) throw new Error(`Row ${index + 1} has ${cells.length} fields, and the header has ${header.length}.`);
    const row: Row = {};
    header.forEach((name, at) => {
      const value = valueOf(schema.properties?.[name]?.type, cells[at]!);
      if (value !== undefined) row[name] = value;
    });
    return row;
  });
}

/** A cell as the type that the model takes; what cannot be read as it is left for the model to refuse. */
function valueOf(type: string | string[] | undefined, cell: string): unknown {
  const types = Array.isArray(type) ? type : type === undefined ? [] : [type];
  const number = types.includes("number") || types.includes("integer");
  if (cell === "" && (number || types.includes("null") || types.includes("boolean"))) return undefined;
  if (number && Number.isFinite(Number(cell))) return Number(cell);
  if (types.includes("boolean") && /^(true|false)$/i.test(cell)) return cell.toLowerCase() === "true";
  return cell;
}

/** The cells of a CSV text, with quotes as RFC 4180 has them; empty lines are none. */
export function cellsOf(text: string): string[][] {
  const lines: string[][] = [];
  let cells: string[] = [];
  let quoted = false;
  // Each piece is a field and what ends it: a comma, a line break, or the end.
  for (const [, quotedField, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    quoted = quotedField !== undefined;
    cells.push(quoted ? quotedField!.replaceAll('""', '"') : plain!);
    if (end === ",") continue;
    if (cells.length > 1 || cells[0] !== "" || quoted) lines.push(cells);
    cells = [];
    if (end === "") break;
  }
  return lines;
}

/** Each row with its answer, in the form that it was asked in. */
export function answersAs(form: Form, rows: readonly Row[], answers: readonly Row[]): string {
  const joined = rows.map((row, index) => ({ ...row, ...answers[index] }));
  if (form === "jsonl") return joined.map((row) => `${JSON.stringify(row)}\n`).join("");
  const names = [...new Set(joined.flatMap((row) => Object.keys(row)))];
  return [names, ...joined.map((row) => names.map((name) => (row as Row)[name]))].map((cells) => `${cells.map(cellOf).join(",")}\n`).join("");
}

function cellOf(value: unknown): string {
  const text = value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
