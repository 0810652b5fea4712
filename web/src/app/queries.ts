/** What the page asks for once and keeps: sessions, data sets, previews, trainers. */
import { ApiError, call, type Resources } from "pulsetrain";
import { QueryClient, useQuery } from "@tanstack/react-query";
import { server } from "./server.ts";

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      retry: (failures, error) => (!(error instanceof ApiError) || error.status === 0) && failures < 3,
      refetchOnWindowFocus: false,
    },
  },
});

export interface RowProblem {
  /** Counted from 1. */
  row: number;
  message: string;
}

export interface Dataset {
  id: string;
  name: string;
  title: string;
  rows: number | null;
  columns: number | null;
  size: number;
  digest: string;
  created_at: string;
  sample: boolean;
  source: string | null;
  licence: string | null;
  problem: string | null;
  format: "csv" | "jsonl" | "parquet";
  version: number;
  updated_at: string | null;
  task: string | null;
  problems: RowProblem[];
  problems_total: number;
  /** Its file lies outside the data folder. */
  external: boolean;
}

export const FORMATS: Readonly<Record<Dataset["format"], string>> = { csv: "CSV", jsonl: "JSON Lines", parquet: "Parquet" };

export type Cell = string | number | boolean | null;

export interface Column {
  name: string;
  kind: "integer" | "number" | "category" | "text" | "datetime" | "boolean" | "constant" | "empty";
  dtype: string;
  missing: number;
  unique: number | null;
  min: Cell;
  max: Cell;
  mean: number | null;
  std: number | null;
  top: { value: Cell; count: number }[] | null;
  histogram: { edges: number[]; counts: number[] } | null;
}

export interface Table {
  rows: number;
  columns: Column[];
  first_rows: Cell[][];
  series: Record<string, (number | string | null)[]>;
  warnings: string[];
}

export interface Property {
  type?: string | string[];
  title?: string;
  description?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  enum?: (string | number | null)[];
  examples?: unknown[];
  "x-advanced"?: boolean;
  "x-lines"?: boolean;
}

/** The part of JSON Schema that a form is made from. */
export interface Schema {
  properties?: Record<string, Property>;
  required?: string[];
}

export interface Trainer {
  name: string;
  title: string;
  summary: string;
  data: "csv" | "jsonl" | "table" | null;
  stages: string[];
  parameters: Schema;
  available: boolean;
  problem: string | null;
  /** What its runs take of the machine, unless they are started with something else. */
  resources: Resources;
}

export interface Session {
  authenticated: boolean;
  token_required: boolean;
  version: string;
}

const get = <T>(path: string, signal?: AbortSignal) => call<T>(server, "GET", path, { signal });

export const useSession = () =>
  useQuery({ queryKey: ["session"], queryFn: ({ signal }) => get<Session>("/api/session", signal) });

export interface DatasetList {
  datasets: Dataset[];
  /** Sample sets are still being made. */
  preparing: boolean;
}

export const useDatasets = () =>
  useQuery({
    queryKey: ["datasets"],
    queryFn: ({ signal }) => get<DatasetList>("/api/datasets?wait=0", signal),
    // Each new set is announced; that there will be no more is not.
    refetchInterval: (query) => (query.state.data?.preparing ? 1000 : false),
  });

export const usePreview = (id: string | null, version?: number) =>
  useQuery({
    queryKey: ["preview", id, version ?? null],
    enabled: id !== null,
    staleTime: Infinity,
    queryFn: ({ signal }) =>
      get<{ dataset: Dataset; table: Table }>(`/api/datasets/${encodeURIComponent(id!)}/preview${version ? `?version=${version}` : ""}`, signal),
  });

export const useTrainers = () =>
  useQuery({
    queryKey: ["trainers"],
    queryFn: async ({ signal }) => (await get<{ trainers: Trainer[] }>("/api/trainers", signal)).trainers,
  });

/** What went wrong, and what to do, in the server's own words. */
export function explain(error: unknown): { message: string; hint: string } {
  if (error instanceof ApiError) return { message: error.message, hint: error.hint };
  return { message: error instanceof Error ? error.message : String(error), hint: "" };
}
