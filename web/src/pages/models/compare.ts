/** Versions side by side: which figure is better, and in what they differ. Pure. */
import type { Num } from "pulsetrain";
import { textOf } from "../../parts/schema.ts";
import type { Model } from "./queries.ts";

const LOWER = /loss|error|(^|[_ ])(mae|mse|rmse|mape)($|[_ ])|perplexity|latency|divergence|distance/i;
/** In a contest of two networks, neither one's figure is better by itself. */
const CONTEST = /generator|discriminator|critic|(real|fake)[_ ]score/i;
const HIGHER = /accuracy|(^|[_ ])(f1|auc|r2|r²|bleu)($|[_ ])|precision|recall|score|understood|quality|likeness/i;

/** Whether less or more of a figure is better; null where its name does not tell. */
export function better(key: string): "lower" | "higher" | null {
  if (CONTEST.test(key)) return null;
  return LOWER.test(key) ? "lower" : HIGHER.test(key) ? "higher" : null;
}

export interface MetricRow {
  key: string;
  values: (Num | undefined)[];
  /** Which of them are best; none where nobody can say, or all are alike. */
  best: boolean[];
}

/** The figures of a model. One that a run told twice, as a metric and in its report, is there once. */
export function figuresOf(model: Model): [string, Num][] {
  const said = new Map<string, Num>();
  return Object.entries(model.metrics).filter(([key, value]) => {
    const name = key.replaceAll("_", " ").toLowerCase();
    const again = said.get(name) === value;
    said.set(name, value);
    return !again;
  });
}

/** The figures of `models`, those that all have first. */
export function metricRows(models: readonly Model[]): MetricRow[] {
  const keys = [...new Set(models.flatMap((model) => figuresOf(model).map(([key]) => key)))];
  const rows = keys.map((key): MetricRow => {
    const values = models.map((model) => model.metrics[key]);
    return { key, values, best: bestOf(key, values) };
  });
  const missing = ({ values }: MetricRow) => Number(values.includes(undefined));
  return rows.sort((a, b) => missing(a) - missing(b));
}

function bestOf(key: string, values: readonly (Num | undefined)[]): boolean[] {
  const way = better(key);
  const finite = values.filter((value): value is number => typeof value === "number");
  const top = way === "lower" ? Math.min(...finite) : Math.max(...finite);
  const telling = way !== null && finite.length > 1 && new Set(finite).size > 1;
  return values.map((value) => telling && value === top);
}

export interface DifferenceRow {
  key: string;
  values: string[];
}

/** What was said differently of `models`: parameters, data, code. */
export function differences(models: readonly Model[]): DifferenceRow[] {
  const keys = [...new Set(models.flatMap((model) => Object.keys(model.parameters)))];
  const rows = [
    ...keys.map((key) => ({ key, values: models.map((model) => (key in model.parameters ? textOf(model.parameters[key]) || "empty" : "–")) })),
    { key: "Data set", values: models.map((model) => model.dataset ?? "–") },
    { key: "Data content", values: models.map((model) => model.dataset_digest?.replace("sha256:", "").slice(0, 12) ?? "–") },
    { key: "Code", values: models.map((model) => model.commit ?? "–") },
    { key: "Trainer", values: models.map((model) => model.trainer ?? "–") },
  ];
  return rows.filter(({ values }) => new Set(values).size > 1);
}

/** The two figures that say most of a model, for a list. */
export function keyFigures(model: Model): [string, Num][] {
  const known = figuresOf(model);
  const rank = ([key]: [string, Num]) => (better(key) === "higher" ? 0 : better(key) === "lower" ? 1 : 2);
  return known.sort((a, b) => rank(a) - rank(b)).slice(0, 2);
}
