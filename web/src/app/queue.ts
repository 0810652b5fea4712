/** The queue of runs: fetched when it moves, as the log tells. */
import { useQuery } from "@tanstack/react-query";
import { call, type Resources } from "pulsetrain";
import { server } from "./server.ts";

export interface Waiting {
  run: string;
  name: string;
  position: number;
  priority: number;
  resources: Resources;
  start_seconds: number | null;
  reason: string;
}

export interface Holding {
  run: string;
  name: string;
  resources: Resources;
  eta_seconds: number | null;
}

export interface Machine {
  cores: number;
  memory_bytes: number;
  gpus: { index: number; name: string }[];
  slots: number;
}

export interface Queue {
  cursor: string;
  waiting: Waiting[];
  running: Holding[];
  machine: Machine;
}

export const useQueue = () =>
  useQuery({ queryKey: ["queue"], queryFn: ({ signal }) => call<Queue>(server, "GET", "/api/queue", { signal }) });

export const useMachine = (): Machine | undefined => useQueue().data?.machine;
