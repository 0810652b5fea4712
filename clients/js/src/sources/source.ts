/** What every transport is to the stream: it reads one connection and tells what it hears, in the protocol's words. */
import type { ApiError, Place } from "../http.ts";
import type { Event } from "../types.ts";

/** How a connection is read; `shared` through a SharedWorker, which then names its own. */
export type Transport = "sse" | "websocket" | "poll" | "shared";

export type Connection =
  | { readonly state: "connecting" }
  /** Caught up, and told of each change. By `poll` if nothing else gets through. */
  | { readonly state: "live"; readonly transport: Transport; readonly shared?: boolean }
  /** `retryAt` in milliseconds as of `Date.now()`; `attempt` counts failures in a row, from 1. */
  | {
      readonly state: "reconnecting" | "offline";
      readonly retryAt: number;
      readonly attempt: number;
      /** What the server said, if it said anything. */
      readonly error: ApiError | null;
    }
  /** Let go of on purpose, because nobody looks; goes on from its cursor. */
  | { readonly state: "asleep" }
  /** The run that was followed `until` its end has ended, and all of it was told. */
  | { readonly state: "finished" }
  /** Retrying is pointless. */
  | { readonly state: "refused"; readonly error: ApiError };

/** The messages of PROTOCOL §3.4. Sources of other transports put what they hear into the same form. */
export type Signal =
  | {
      readonly op: "hello";
      readonly cursor: string | null;
      readonly heartbeat_seconds: number;
      /** What to wait before the next attempt; server-sent events alone tell it here. */
      readonly retry_seconds?: number | null;
    }
  | { readonly op: "events"; readonly cursor: string; readonly events: readonly Event[] }
  | { readonly op: "live" | "heartbeat"; readonly cursor: string }
  | { readonly op: "skipped"; readonly cursor: string; readonly events: number }
  | { readonly op: "reset"; readonly reason: string }
  | { readonly op: "bye"; readonly reason: string; readonly retry_seconds: number | null }
  /** How the connection stands that a SharedWorker holds for this reader. */
  | { readonly op: "connection"; readonly connection: Connection };

export interface Filter {
  /** Events of these runs alone. */
  readonly run?: readonly string[] | undefined;
  /** Events of these types alone; `run.*` means all that begin so. */
  readonly type?: readonly string[] | undefined;
  /** Of values that only matter while new, one each so many seconds. What is left out is counted by `onSkipped`. */
  readonly latest?: number | undefined;
  /** With exactly one run: finish where it has ended. */
  readonly until?: "end" | undefined;
}

export interface Ask extends Filter {
  readonly at: Place;
  /** Events after it are read. */
  readonly cursor: string;
}

export interface Reader {
  /** Throws where the connection is to be left; that ends `read`. */
  take(signal: Signal): void;
  /** Something came, though no whole signal yet. */
  heard(): void;
}

export interface Source {
  readonly transport: Transport;
  /** Read from `ask.cursor` on, until the connection ends: that resolves, or throws an ApiError that tells why. */
  read(ask: Ask, reader: Reader, signal: AbortSignal): Promise<void>;
  /** How to read where that takes more than one connection: polling looks beside it whether a stream gets through again. */
  attend?(line: Line, life: AbortSignal): Promise<void>;
  /** False where there is no such transport, and never will be. */
  usable?(): boolean;
  /** Somebody does not want to wait. */
  retryNow?(): void;
}

/** What a source may ask of the stream that it serves. */
export interface Line {
  /** The sources that stream. */
  readonly streams: readonly Source[];
  /** The position is lost: a new snapshot is due. */
  lost(): boolean;
  /** One connection over `source`, from the cursor on. */
  read(source: Source, life: AbortSignal, onLive?: () => void): Promise<void>;
  /** Wait as before attempt `n`, but so many times as long. */
  pause(n: number, signal: AbortSignal, times: number): Promise<void>;
}

/** The resource that `ask` reads. */
export function eventsPath({ cursor, run = [], type = [], latest, until }: Ask): string {
  const query = new URLSearchParams({ cursor });
  for (const each of run) query.append("run", each);
  for (const each of type) query.append("type", each);
  if (latest) query.set("latest", `${latest}s`);
  if (until) query.set("until", until);
  return `/api/events?${query}`;
}
