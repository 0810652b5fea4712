/** What the page of models asks for. */
import { useQuery } from "@tanstack/react-query";
import { ApiError, call, type Num } from "pulsetrain";
import type { Schema } from "../../app/queries.ts";
import { server } from "../../app/server.ts";

export interface Model {
  id: string;
  name: string;
  version: number;
  run: string;
  trainer: string | null;
  artifact: string;
  size: number;
  digest: string;
  metrics: Record<string, Num>;
  dataset: string | null;
  dataset_digest: string | null;
  parameters: Record<string, unknown>;
  commit: string | null;
  created_at: string;
  deployments: string[];
  predicts: boolean;
}

export interface Deployment {
  name: string;
  model: string;
  version: number | null;
  previous: string | null;
  state: "loading" | "serving" | "failed" | "removed";
  message: string | null;
  predictions: number;
  errors: number;
  latency_p50_seconds: number | null;
  latency_p95_seconds: number | null;
  since: string;
}

export type Row = Record<string, unknown>;

export interface InputSchema extends Schema {
  examples?: Row[];
}

export const pathOf = (model: Model) => `/api/models/${encodeURIComponent(model.id)}`;

export const useModels = () =>
  useQuery({
    queryKey: ["models"],
    queryFn: async ({ signal }) => (await call<{ models: Model[] }>(server, "GET", "/api/models?native=1", { signal })).models,
  });

export const useDeployments = () =>
  useQuery({
    queryKey: ["deployments"],
    queryFn: async ({ signal }) => (await call<{ deployments: Deployment[] }>(server, "GET", "/api/deployments", { signal })).deployments,
  });

/** The form of a row that the model takes. The server loads the model for it, which may take a moment. */
export const useInput = (model: Model, enabled: boolean) =>
  useQuery({
    queryKey: ["input", model.id],
    enabled,
    staleTime: Infinity,
    retry: (failures, error) => error instanceof ApiError && error.status === 0 && failures < 2,
    queryFn: async ({ signal }) => (await call<{ input: InputSchema }>(server, "GET", `${pathOf(model)}/input`, { signal })).input,
  });

export async function ask(model: Model, rows: Row[]): Promise<Row[]> {
  const answer = await call<{ predictions: Row[] }>(server, "POST", `${pathOf(model)}/predict`, { body: { rows } });
  return answer.predictions;
}
