/**
 * A room: some snapshots, and the stream that keeps them true. Between load and stream nothing is lost or doubled,
 * because each part remembers the cursor of its own snapshot and takes only events after it, and the stream begins
 * at the oldest of them.
 */
import { formatCursor, parseCursor } from "./cursor.ts";
import { EventStream, type Connection, type StreamOptions } from "./stream.ts";
import type { Event } from "./types.ts";

/** Something that a snapshot fills and events keep true. */
export interface Part {
  /** Replace the state by a fresh snapshot, and answer the snapshot's cursor. */
  load(signal: AbortSignal): Promise<string>;
  apply(event: Event): void;
}

export interface RoomOptions extends Pick<StreamOptions, "at" | "run" | "type"> {
  readonly parts: readonly Part[];
  /** Calls back at the next frame; `requestAnimationFrame` where there is one, so that hidden tabs draw nothing. */
  readonly nextFrame?: (callback: () => void) => void;
}

const nextFrame = (callback: () => void): void => {
  if (typeof requestAnimationFrame === "function") requestAnimationFrame(callback);
  else setTimeout(callback, 16);
};

export class Room {
  /** Grows with every change of state or connection; what `subscribe` tells of. */
  version = 0;
  /** Whether all parts hold a snapshot. */
  loaded = false;

  readonly #stream: EventStream;
  readonly #parts: readonly Part[];
  readonly #after: number[];
  readonly #listeners = new Set<() => void>();
  readonly #nextFrame: (callback: () => void) => void;
  #marked = false;

  constructor(options: RoomOptions) {
    this.#parts = options.parts;
    this.#after = options.parts.map(() => 0);
    this.#nextFrame = options.nextFrame ?? nextFrame;
    this.#stream = new EventStream({
      at: options.at,
      run: options.run ?? [],
      type: options.type ?? [],
      snapshot: (signal) => this.#load(signal),
      onEvent: (event) => this.#apply(event),
      onConnection: () => this.#mark(),
    });
  }

  get connection(): Connection {
    return this.#stream.connection;
  }

  start(): void {
    this.#stream.start();
  }

  stop(asleep = false): void {
    this.#stream.stop(asleep);
  }

  retryNow(): void {
    this.#stream.retryNow();
  }

  /** Call `listener` at most once per frame after changes; answers how to stop. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A part changed by itself, with what it fetched beside the stream. */
  changed(): void {
    this.#mark();
  }

  async #load(signal: AbortSignal): Promise<string> {
    const cursors = await Promise.all(
      this.#parts.map(async (part) => {
        const text = await part.load(signal);
        const cursor = parseCursor(text);
        if (!cursor) throw new Error(`not a cursor: ${text}`);
        return cursor;
      }),
    );
    const [first] = cursors;
    if (!first || cursors.some((cursor) => cursor.generation !== first.generation)) {
      throw new Error("the log changed its generation between two snapshots");
    }
    cursors.forEach((cursor, index) => (this.#after[index] = cursor.seq));
    this.loaded = true;
    this.#mark();
    return formatCursor({ generation: first.generation, seq: Math.min(...cursors.map((cursor) => cursor.seq)) });
  }

  #apply(event: Event): void {
    this.#parts.forEach((part, index) => {
      if (event.seq <= this.#after[index]!) return;
      this.#after[index] = event.seq;
      part.apply(event);
    });
    this.#mark();
  }

  #mark(): void {
    this.version += 1;
    if (this.#marked) return;
    this.#marked = true;
    this.#nextFrame(() => {
      this.#marked = false;
      for (const listener of this.#listeners) listener();
    });
  }
}
