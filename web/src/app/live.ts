/**
 * Live data: one connection for all tabs. The page that is shown enters a room; leaving it lets its reading go, and
 * coming back goes on from the cursor. A tab that nobody has looked at for a minute sleeps.
 */
import { call, Room, RunList, type Connection, type Part } from "pulsetrain";
import { useEffect, useReducer } from "react";
import { create } from "zustand";
import { queries, type DatasetList } from "./queries.ts";
import { server, sources } from "./server.ts";

interface LiveState {
  connection: Connection;
  /** When the last data was taken in, for the badge of a page that is offline. */
  lastLiveAt: number | null;
}

export const useLive = create<LiveState>(() => ({ connection: { state: "connecting" }, lastLiveAt: null }));

let current: Room | null = null;
let unsubscribe: (() => void) | null = null;

function follow(room: Room): void {
  const { connection } = room;
  useLive.setState((before) => {
    if (before.connection === connection) return before;
    const wasLive = before.connection.state === "live" && connection.state !== "live";
    return { connection, lastLiveAt: wasLive ? Date.now() : before.lastLiveAt };
  });
}

/** Make `room` the one that this tab follows. */
function enter(room: Room): void {
  if (current !== room) {
    current?.stop();
    unsubscribe?.();
    current = room;
    unsubscribe = room.subscribe(() => follow(room));
  }
  room.start();
  follow(room);
}

function leave(room: Room): void {
  if (current !== room) return;
  room.stop();
  unsubscribe?.();
  current = null;
}

export function retryNow(): void {
  current?.retryNow();
}

/** Follow `room` while the calling component is shown, and render it at most every `everyMs` milliseconds. */
export function useRoom(room: Room, everyMs = 100): void {
  const [, render] = useReducer((n: number) => n + 1, 0);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = 0;
    const changed = () => {
      if (timer !== undefined) return;
      const wait = Math.max(0, last + everyMs - performance.now());
      timer = setTimeout(() => {
        timer = undefined;
        last = performance.now();
        render();
      }, wait);
    };
    const stop = room.subscribe(changed);
    enter(room);
    changed();
    return () => {
      clearTimeout(timer);
      stop();
      leave(room);
    };
  }, [room, everyMs]);
}

/** What is asked for again when an event of one of these types comes. */
const CONCERNS: Readonly<Record<string, RegExp>> = {
  datasets: /^dataset\./,
  models: /^(model\.|deployment\.changed)/,
  deployments: /^deployment\./,
  queue: /^run\.(created|status|queue)$/,
};
const GATHER_MS = 150;

/** Keeps what is fetched like any resource as new as the log: data sets, models, deployments, the queue. */
class Watch implements Part {
  readonly #moved = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  async load(signal: AbortSignal): Promise<string> {
    const answer = await call<DatasetList & { cursor: string }>(server, "GET", "/api/datasets?wait=0", { signal });
    queries.setQueryData<DatasetList>(["datasets"], answer);
    for (const key of ["models", "deployments", "queue"]) this.#again(key);
    return answer.cursor;
  }

  apply(event: { type: string; data?: { id?: unknown } }): void {
    if (event.type === "dataset.updated") {
      for (const about of ["preview", "versions", "examples"]) void queries.invalidateQueries({ queryKey: [about, event.data?.id] });
    }
    for (const [key, types] of Object.entries(CONCERNS)) if (types.test(event.type)) this.#again(key);
  }

  /** Many events at once, as of a queue that moves, are one question. */
  #again(key: string): void {
    this.#moved.add(key);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      for (const moved of this.#moved) void queries.invalidateQueries({ queryKey: [moved] });
      this.#moved.clear();
    }, GATHER_MS);
  }
}

export const runList = new RunList(server);

/** What all pages but a run's own follow: every run's state, but neither logs nor machine samples. */
export const house = new Room({
  at: server,
  sources,
  type: [
    "run.created",
    "run.status",
    "run.lease",
    "run.stage",
    "run.progress",
    "run.metrics",
    "run.artifact",
    "alert",
    "command.*",
    "run.queue",
    "dataset.*",
    "model.*",
    "deployment.*",
  ],
  parts: [runList, new Watch()],
});
