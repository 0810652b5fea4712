/** What the pages of data sets ask for besides the list. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { call } from "pulsetrain";
import { server } from "../../app/server.ts";

export interface Version {
  version: number;
  digest: string;
  size: number;
  rows: number | null;
  created_at: string;
  /** Whether its content can still be read. */
  kept: boolean;
}

export interface Example {
  index: number;
  text: string;
  intent: string;
  entities: unknown[];
  problem: string | null;
}

export interface ExamplePage {
  digest: string;
  total: number;
  examples: Example[];
  intents: Record<string, number>;
  labels: string[];
}

export const PAGE = 50;

export const pathOf = (id: string) => `/api/datasets/${encodeURIComponent(id)}`;

export const useVersions = (id: string) =>
  useQuery({
    queryKey: ["versions", id],
    queryFn: async ({ signal }) => (await call<{ versions: Version[] }>(server, "GET", `${pathOf(id)}/versions`, { signal })).versions,
  });

export const useExamples = (id: string, q: string, from: number) =>
  useQuery({
    queryKey: ["examples", id, q, from],
    // What was there stays while the next page or search is on its way.
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      call<ExamplePage>(server, "GET", `${pathOf(id)}/examples?${new URLSearchParams({ q, offset: String(from), limit: String(PAGE) })}`, { signal }),
  });
