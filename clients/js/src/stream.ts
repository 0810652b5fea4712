/**
 * One reader of `GET /api/events` that does not give up: snapshot, stream, and again from the last cursor.
 *
 * It says honestly how it stands (`Connection`), and it goes on after whatever may pass: a lost network, a server
 * that restarts, a silent proxy. Only a refusal that no retry can mend ends it.
 */
import { backoff } from "./backoff.ts";
import { ApiError, errorFrom, type Place } from "./http.ts";
import { SseParser, type Frame } from "./sse.ts";
import type { Event } from "./types.ts";

export type Connection =
  | { readonly state: "connecting" }
  | { readonly state: "live" }
  /** `retryAt` in milliseconds as of `Date.now()`; `attempt` counts failures in a row, from 1. */
  | { readonly state: "reconnecting" | "offline"; readonly retryAt: number; readonly attempt: number }
  /** Let go of on purpose, because nobody looks; goes on from its cursor. */
  | { readonly state: "asleep" }
  /** Retrying is pointless. */
  | { readonly state: "refused"; readonly error: ApiError };

export interface StreamOptions {
  readonly at: Place;
  readonly run?: readonly string[];
  readonly type?: readonly string[];
  /** Takes what the stream goes on from, and answers its cursor. Called at the start and after each reset. */
  readonly snapshot: (signal: AbortSignal) => Promise<string>;
  readonly onEvent: (event: Event) => void;
  readonly onConnection?: (connection: Connection) => void;
  /** Caught up with the tail. */
  readonly onLive?: () => void;
}

/** Failures in a row after which "reconnecting" is called "offline". */
const OFFLINE_AFTER = 4;
const POINTLESS = new Set([401, 403, 404, 410]);
/** Silence that ends a connection, in heartbeats: they come every 15 s ± 20 %. */
const PATIENCE = 2.5;

/** The connection is over and the next one may come. */
class Ended extends Error {}

export class EventStream {
  connection: Connection = { state: "connecting" };

  readonly #options: StreamOptions;
  #cursor: string | null = null;
  #failures = 0;
  /** Milliseconds that the server asked to wait before the next attempt. */
  #asked: number | null = null;
  #life: AbortController | null = null;
  #awake: (() => void) | null = null;

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#life) return;
    this.#life = new AbortController();
    this.#failures = 0;
    this.#say({ state: "connecting" });
    void this.#run(this.#life.signal);
  }

  /** Let go of the connection. The cursor is kept: `start()` goes on from it without a gap. */
  stop(asleep = false): void {
    this.#life?.abort();
    this.#life = null;
    if (asleep) this.#say({ state: "asleep" });
  }

  /** Do not wait for the next attempt. */
  retryNow(): void {
    this.#awake?.();
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#asked = null;
      try {
        this.#cursor ??= await this.#options.snapshot(signal);
        if (!signal.aborted) await this.#read(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ApiError && POINTLESS.has(error.status)) {
          this.#life = null;
          this.#say({ state: "refused", error });
          return;
        }
      }
      if (!signal.aborted) await this.#wait(signal);
    }
  }

  async #wait(signal: AbortSignal): Promise<void> {
    // What the server asked for counts for the first attempt; after that the back-off rules.
    const ms = this.#failures === 0 && this.#asked !== null ? this.#asked : backoff(this.#failures);
    this.#failures += 1;
    const attempt = this.#failures;
    const offline = attempt >= OFFLINE_AFTER || globalThis.navigator?.onLine === false;
    this.#say({ state: offline ? "offline" : "reconnecting", retryAt: Date.now() + ms, attempt });
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#awake = done;
      signal.addEventListener("abort", done, { once: true });
    });
    this.#awake = null;
  }

  async #read(life: AbortSignal): Promise<void> {
    const { at } = this.#options;
    const silence = new AbortController();
    const signal = AbortSignal.any([life, silence.signal]);
    let patienceMs = 20_000;
    let watchdog = setTimeout(() => silence.abort(), patienceMs);
    const heard = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => silence.abort(), patienceMs);
    };
    try {
      const response = await at.fetch(at.base + this.#path(), {
        headers: { Accept: "text/event-stream", ...at.headers },
        cache: "no-store",
        signal,
      });
      if (!response.ok || !response.body) throw errorFrom(response.status, await response.text());
      const parser = new SseParser();
      for await (const text of chunks(response.body)) {
        heard();
        for (const frame of parser.push(text)) {
          this.#asked = parser.retry;
          const heartbeat = this.#take(frame);
          if (heartbeat !== null) patienceMs = heartbeat * PATIENCE * 1000;
        }
      }
      throw new Ended("the server closed the connection");
    } finally {
      clearTimeout(watchdog);
      silence.abort();
    }
  }

  #path(): string {
    const query = new URLSearchParams({ cursor: this.#cursor! });
    for (const run of this.#options.run ?? []) query.append("run", run);
    for (const type of this.#options.type ?? []) query.append("type", type);
    return `/api/events?${query}`;
  }

  /** Takes in one frame. Answers the seconds between heartbeats if the frame tells them. */
  #take(frame: Frame): number | null {
    if (frame.event === "bye") {
      const { retry_seconds: seconds } = JSON.parse(frame.data) as { retry_seconds?: number | null };
      if (typeof seconds === "number") this.#asked = seconds * 1000;
      throw new Ended("bye");
    }
    if (frame.event === "reset") {
      // What lies between is gone, so the state is taken anew, and the stream from there.
      this.#cursor = null;
      this.#asked = 0;
      throw new Ended("reset");
    }
    const data: unknown = JSON.parse(frame.data);
    if (frame.event === "") {
      // A connection that brings events on is no failure, even if it does not last.
      this.#failures = 0;
      this.#options.onEvent(data as Event);
    }
    if (frame.id !== "") this.#cursor = frame.id;
    if (frame.event === "live") {
      this.#failures = 0;
      this.#say({ state: "live" });
      this.#options.onLive?.();
    }
    return frame.event === "hello" ? (data as { heartbeat_seconds: number }).heartbeat_seconds : null;
  }

  #say(connection: Connection): void {
    this.connection = connection;
    this.#options.onConnection?.(connection);
  }
}

async function* chunks(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

export interface ReplayOptions extends Pick<StreamOptions, "at" | "run" | "type" | "onEvent"> {
  /** Where to begin: events after it are read. */
  readonly cursor: string;
  readonly signal: AbortSignal;
}

/**
 * Read what the log holds after `cursor` up to its tail, once. Resolves early where the log cannot serve it any more:
 * what is replayed is an extra (the past of a sparkline), never what a state is built from.
 */
export function replay({ cursor, signal, ...rest }: ReplayOptions): Promise<void> {
  return new Promise((resolve) => {
    let taken = false;
    const finish = () => {
      stream.stop();
      resolve();
    };
    const stream = new EventStream({
      ...rest,
      snapshot: () => {
        // Asked a second time: the position was reset.
        if (taken) finish();
        taken = true;
        return Promise.resolve(cursor);
      },
      onConnection: ({ state }) => state === "refused" && resolve(),
      onLive: finish,
    });
    signal.addEventListener("abort", finish, { once: true });
    stream.start();
  });
}
