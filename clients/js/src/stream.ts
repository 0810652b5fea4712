/**
 * One reader of `GET /api/events` that does not give up: snapshot, stream, and again from the last cursor, over
 * whichever transport gets through.
 *
 * It says honestly how it stands (`Connection`), and it goes on after whatever may pass: a lost network, a server
 * that restarts, a silent proxy. Only a refusal that no retry can mend ends it. Nothing is lost, doubled or reordered
 * on the way from one transport to another, because a cursor is good on each and the seq of the last event is kept.
 */
import { documentAttention, type Attention } from "./attention.ts";
import { backoff } from "./backoff.ts";
import { parseCursor } from "./cursor.ts";
import { ApiError, type Place } from "./http.ts";
import { poll } from "./sources/poll.ts";
import type { Ask, Connection, Filter, Line, Signal, Source } from "./sources/source.ts";
import { sse } from "./sources/sse.ts";
import type { Event } from "./types.ts";

export interface StreamOptions extends Filter {
  readonly at: Place;
  /** Takes what the stream goes on from, and answers its cursor. Called at the start and after each reset. */
  readonly snapshot: (signal: AbortSignal) => Promise<string>;
  readonly onEvent: (event: Event) => void;
  readonly onConnection?: (connection: Connection) => void;
  /** Caught up with the tail. */
  readonly onLive?: () => void;
  /** The position could not be served; the next snapshot stands for what lies between. */
  readonly onReset?: (reason: string) => void;
  /** With `latest`: so many values were left out. */
  readonly onSkipped?: (events: number) => void;
  /** In order of liking; `poll` is the last resort wherever it stands. Server-sent events, then polling by default. */
  readonly sources?: readonly Source[];
  /** When nobody has looked for `pauseAfterMs`, the connection is let go until somebody does. */
  readonly attention?: Attention;
  readonly pauseAfterMs?: number;
  /** Milliseconds before attempt n; for tests. */
  readonly backoff?: (n: number) => number;
}

/** Failures in a row after which "reconnecting" is called "offline". */
const OFFLINE_AFTER = 4;
/** Failures in a row after which polling is tried in turn. */
const POLL_AFTER = 5;
const POINTLESS = new Set([401, 403, 404, 410]);
/** Silence that ends a connection, in heartbeats: they come every 15 s ± 20 %. */
const PATIENCE = 2.5;
const FIRST_PATIENCE_MS = 20_000;
/** A connection that was live for so long is no failure, though it brought nothing. */
const HELD_MS = 10_000;
const PAUSE_AFTER_MS = 60_000;

/** The connection is over: for good, or for the next one to come. */
class Ended extends Error {
  constructor(readonly finished = false) {
    super();
  }
}

/** A listener's own mistake is to be seen, and is no reason to leave the connection. */
function guard(tell: () => void): void {
  try {
    tell();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

export class EventStream {
  connection: Connection = { state: "connecting" };
  /** All up to here was told; null until the first snapshot. */
  cursor: string | null = null;

  readonly #options: StreamOptions;
  readonly #streams: readonly Source[];
  readonly #poll: Source | undefined;
  readonly #line: Line;
  readonly #filter: Omit<Ask, "cursor">;
  #seq = 0;
  /** Attempts that failed in a row, for the back-off, and connections that did, for the choice of the source. */
  #failures = 0;
  #misses = 0;
  /** What was live last. */
  #worked: Source | null = null;
  #liveAt = 0;
  /** Milliseconds that the server asked to wait before the next attempt. */
  #asked: number | null = null;
  readonly #backoff: (n: number) => number;
  #life: AbortController | null = null;
  #unwatch: (() => void) | null = null;
  #sleep: ReturnType<typeof setTimeout> | undefined;
  readonly #waiting = new Set<() => void>();

  constructor(options: StreamOptions) {
    this.#options = options;
    const { sources = [sse, poll] } = options;
    this.#backoff = options.backoff ?? backoff;
    this.#streams = sources.filter((source) => source.transport !== "poll");
    this.#poll = sources.find((source) => source.transport === "poll");
    const { at, run, type, latest, until } = options;
    this.#filter = { at, run, type, latest, until };
    this.#line = {
      streams: this.#streams,
      lost: () => this.cursor === null,
      read: (...args) => this.#read(...args),
      pause: (n, signal, times) => this.#pause(times * this.#backoff(n), signal),
    };
  }

  start(): void {
    if (this.#unwatch) return;
    this.#unwatch = (this.#options.attention ?? documentAttention).subscribe(() => this.#look());
    this.#begin();
    this.#look();
  }

  /** Let go of the connection. The cursor is kept: `start()` goes on from it without a gap. */
  stop(): void {
    this.#unwatch?.();
    this.#unwatch = null;
    clearTimeout(this.#sleep);
    this.#end();
  }

  /** Do not wait for the next attempt. */
  retryNow(): void {
    for (const wake of this.#waiting) wake();
    for (const source of this.#streams) source.retryNow?.();
  }

  #begin(): void {
    this.#life = new AbortController();
    this.#failures = this.#misses = 0;
    this.#say({ state: "connecting" });
    void this.#run(this.#life.signal);
  }

  #end(): void {
    this.#life?.abort();
    this.#life = null;
  }

  #look(): void {
    clearTimeout(this.#sleep);
    const { attention = documentAttention, pauseAfterMs = PAUSE_AFTER_MS } = this.#options;
    if (!attention.hidden()) {
      if (this.connection.state === "asleep") this.#begin();
      else this.retryNow();
    } else if (pauseAfterMs < Infinity) {
      this.#sleep = setTimeout(() => {
        if (!this.#life) return;
        this.#end();
        this.#say({ state: "asleep" });
      }, pauseAfterMs);
    }
  }

  async #run(life: AbortSignal): Promise<void> {
    while (!life.aborted) {
      this.#asked = null;
      let failure: unknown = null;
      try {
        if (this.cursor === null) {
          const cursor = await this.#options.snapshot(life);
          if (life.aborted) return;
          this.#seq = 0;
          this.#advance(cursor);
        }
        await this.#connect(life);
      } catch (error) {
        failure = error;
      }
      if (life.aborted) return;
      if (failure instanceof Ended && failure.finished) return this.#over({ state: "finished" });
      const error = failure instanceof ApiError ? failure : null;
      if (error && POINTLESS.has(error.status)) return this.#over({ state: "refused", error });
      await this.#wait(error, life);
    }
  }

  #over(connection: Connection): void {
    this.stop();
    this.#say(connection);
  }

  async #wait(error: ApiError | null, life: AbortSignal): Promise<void> {
    // What the server asked for counts for the first attempt; after that the back-off rules.
    const ms = this.#failures === 0 && this.#asked !== null ? this.#asked : this.#backoff(this.#failures);
    this.#failures += 1;
    const attempt = this.#failures;
    const offline = attempt >= OFFLINE_AFTER || globalThis.navigator?.onLine === false;
    this.#say({ state: offline ? "offline" : "reconnecting", retryAt: Date.now() + ms, attempt, error });
    await this.#pause(ms, life);
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#waiting.add(done);
      signal.addEventListener("abort", done);
    });
  }

  /** One connection, over what should be tried now. */
  async #connect(life: AbortSignal): Promise<void> {
    const source = this.#choose();
    const seq = this.#seq;
    this.#liveAt = Infinity;
    this.#misses += 1;
    try {
      await (source.attend ? source.attend(this.#line, life) : this.#read(source, life));
    } catch (error) {
      if (error instanceof Ended) this.#misses = 0;
      throw error;
    } finally {
      // A connection that gets somewhere is no failure, even if it does not last. But one that was live and at once
      // over, with nothing brought, counts when it comes to another transport.
      if (this.#seq > seq || this.#liveAt < Infinity) this.#failures = 0;
      if (this.#seq > seq || Date.now() - this.#liveAt > HELD_MS) this.#misses = 0;
    }
  }

  /** What worked last; before anything has, each stream in turn; after five failures in a row polling in turn with them. */
  #choose(): Source {
    const streams = this.#streams.filter((source) => source.usable?.() !== false);
    const misses = this.#misses;
    const often = misses >= POLL_AFTER;
    const polls = !streams.length || (often ? misses % 2 === 1 : this.#worked === this.#poll);
    if (this.#poll && polls) return this.#poll;
    const known = streams.indexOf(this.#worked!);
    const turn = often ? misses >> 1 : known < 0 ? misses : known;
    const source = streams[turn % streams.length];
    if (!source) throw new Error("no source");
    return source;
  }

  /** Read over `source` until it ends, or is silent for too long. */
  async #read(source: Source, life: AbortSignal, onLive?: () => void): Promise<void> {
    const silence = new AbortController();
    const signal = AbortSignal.any([life, silence.signal]);
    let over = false;
    let patienceMs = FIRST_PATIENCE_MS;
    let watchdog: ReturnType<typeof setTimeout> | undefined;
    const heard = () => {
      clearTimeout(watchdog);
      if (!signal.aborted) watchdog = setTimeout(() => silence.abort(), patienceMs);
    };
    const take = (told: Signal) => {
      // A source may tell on in the same breath; but what follows a reset is not to be taken for what it was.
      if (over || signal.aborted) throw new Ended();
      if (told.op === "hello") patienceMs = told.heartbeat_seconds * PATIENCE * 1000;
      heard();
      over = true;
      this.#take(told, source);
      over = false;
      if (told.op === "live") onLive?.();
    };
    heard();
    try {
      await source.read({ ...this.#filter, cursor: this.cursor! }, { take, heard }, signal);
    } finally {
      clearTimeout(watchdog);
      silence.abort();
    }
  }

  #take(told: Signal, source: Source): void {
    switch (told.op) {
      case "hello":
        if (told.retry_seconds != null) this.#asked = told.retry_seconds * 1000;
        if (told.cursor !== null) this.#advance(told.cursor);
        break;
      case "events":
        for (const event of told.events) this.#tell(event);
        this.#advance(told.cursor);
        break;
      case "live":
        this.#advance(told.cursor);
        this.#live({ state: "live", transport: source.transport }, source);
        break;
      case "heartbeat":
        this.#advance(told.cursor);
        break;
      case "skipped":
        guard(() => this.#options.onSkipped?.(told.events));
        break;
      case "connection":
        if (told.connection.state === "live") this.#live({ ...told.connection, shared: true }, source);
        else this.#say(told.connection);
        break;
      case "reset":
        // What lies between is gone, so the state is taken anew, and the stream from there.
        this.cursor = null;
        this.#asked = 0;
        guard(() => this.#options.onReset?.(told.reason));
        throw new Ended();
      case "bye":
        if (typeof told.retry_seconds === "number") this.#asked = told.retry_seconds * 1000;
        throw new Ended(told.reason === "finished");
    }
  }

  #tell(event: Event): void {
    if (event.seq <= this.#seq) return;
    this.#seq = event.seq;
    guard(() => this.#options.onEvent(event));
  }

  /** Positions only go forward: of two connections, one may be behind the other. */
  #advance(cursor: string): void {
    const seq = parseCursor(cursor)?.seq ?? 0;
    if (this.cursor !== null && seq < this.#seq) return;
    this.cursor = cursor;
    this.#seq = seq;
  }

  #live(connection: Connection, source: Source): void {
    this.#liveAt = Math.min(this.#liveAt, Date.now());
    this.#worked = source;
    const before = this.connection;
    if (before.state === "live" && before.transport === (connection as typeof before).transport) return;
    this.#say(connection);
    guard(() => this.#options.onLive?.());
  }

  #say(connection: Connection): void {
    this.connection = connection;
    guard(() => this.#options.onConnection?.(connection));
  }
}
