/** The form of a report (PROTOCOL §8, model/report.py), and how its numbers read. */
import { measured, share } from "../../../format.ts";

export type Cell = string | number | null;
/** A number that was measured, or none. JSON lacks NaN and the infinities: they come by name. */
export type Value = number | string | null;

export interface Figure {
  readonly name: string;
  readonly value: Value;
  readonly unit?: string | null;
  readonly help?: string;
  readonly better?: "higher" | "lower" | null;
  readonly baseline?: number | null;
  readonly baseline_name?: string | null;
}

interface Titled {
  readonly title: string;
  readonly help?: string;
}

export interface TableBlock extends Titled {
  readonly kind: "table";
  readonly columns: readonly { readonly name: string; readonly kind?: "text" | "number" | "share" }[];
  readonly rows: readonly (readonly Cell[])[];
}

export interface BarsBlock extends Titled {
  readonly kind: "bars";
  readonly labels: readonly string[];
  readonly series: readonly { readonly name: string; readonly values: readonly (number | null)[]; readonly errors?: readonly (number | null)[] }[];
  readonly x_title?: string;
  readonly unit?: string | null;
}

export interface LinesBlock extends Titled {
  readonly kind: "lines";
  readonly series: readonly { readonly name: string; readonly x: readonly number[]; readonly y: readonly (number | null)[]; readonly dashed?: boolean }[];
  readonly x_title?: string;
  readonly y_title?: string;
}

export interface MatrixBlock extends Titled {
  readonly kind: "matrix";
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  readonly values: readonly (readonly (number | null)[])[];
  readonly row_title?: string;
  readonly column_title?: string;
  readonly scale?: "count" | "share" | "signed";
}

export interface ScatterBlock extends Titled {
  readonly kind: "scatter";
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly x_title?: string;
  readonly y_title?: string;
  readonly diagonal?: boolean;
}

export interface HistogramBlock extends Titled {
  readonly kind: "histogram";
  readonly edges: readonly number[];
  readonly series: readonly { readonly name: string; readonly counts: readonly number[] }[];
  readonly x_title?: string;
}

export interface TextsBlock extends Titled {
  readonly kind: "texts";
  readonly items: readonly { readonly text: string; readonly prompt?: string | null; readonly expected?: string | null; readonly note?: string | null }[];
}

export type Block = TableBlock | BarsBlock | LinesBlock | MatrixBlock | ScatterBlock | HistogramBlock | TextsBlock;

export interface Report {
  readonly format: string;
  readonly title: string;
  readonly summary: string;
  readonly figures: readonly Figure[];
  readonly sections?: readonly { readonly title: string; readonly text?: string; readonly blocks: readonly Block[] }[];
  readonly notes?: readonly string[];
}

/** `value` with its unit: shares in per cent, anything else behind the number. */
export function withUnit(value: Value | undefined, unit: string | null | undefined): string {
  if (typeof value === "string" || value === null || value === undefined) return measured(value as never);
  if (unit === "share") return share(value, decimals(value));
  return unit ? `${measured(value)} ${unit}` : measured(value);
}

/** 99.96 % must not read as 100 %, nor 0.04 % as 0 %. */
function decimals(value: number): number {
  const size = Math.abs(value);
  return value !== 0 && size !== 1 && (size > 0.995 || size < 0.01) ? 2 : 1;
}

export interface Standing {
  /** Places from 0 to 1 on the figure's meter. */
  readonly value: number;
  readonly baseline: number;
  readonly sentence: string;
  /** Whether the value is better than the baseline; null where nobody says which way is better. */
  readonly beats: boolean | null;
}

/** How a figure stands against its baseline; null where it has none. */
export function standing({ value, baseline, baseline_name, better, unit }: Figure): Standing | null {
  if (typeof value !== "number" || !Number.isFinite(value) || baseline === null || baseline === undefined) return null;
  const bounded = unit === "share" && value <= 1 && baseline <= 1;
  const low = Math.min(0, value, baseline);
  const high = bounded ? 1 : Math.max(value, baseline, 0) * 1.15 || 1;
  const beats = better ? (better === "higher" ? value > baseline : value < baseline) : null;
  const name = baseline_name || "the baseline";
  return {
    value: (value - low) / (high - low),
    baseline: (baseline - low) / (high - low),
    sentence: `${name.charAt(0).toUpperCase()}${name.slice(1)}: ${withUnit(baseline, unit)}`,
    beats,
  };
}
