import { place, poll, shared, sse, type Place, type Source } from "pulsetrain";

/** The server that gave us this page. */
export const server: Place = place("", { headers: { "Pulsetrain-Client": "page" } });

/** All tabs read through one worker; where there is none, each reads for itself. */
export const sources: readonly Source[] = [
  shared(() => new SharedWorker(new URL("./worker.ts", import.meta.url), { type: "module", name: "pulsetrain" })),
  sse,
  poll,
];
