/**
 * A room: some snapshots, and the stream that keeps them true. Between load and stream nothing is lost or doubled,
 * because each part remembers the cursor of its own snapshot and takes only events after it, and the stream begins
 * at the oldest of them.
 */
import { parseCursor } from "./cursor.ts";
import type { Connection } from "./sources/source.ts";
import { EventStream, type StreamOptions } from "./stream.ts";
import type { Event } from "./types.ts";

/** Something that a snapshot fills and events keep true. */
export interface Part {
  /** Replace the state by a fresh snapshot, and answer the snapshot's cursor. */
  load(signal: AbortSignal): Promise<string>;
  apply(event: Event): void;
}

export interface RoomOptions extends Omit<StreamOptions, "snapshot" | "onEvent" | "onConnection"> {
  readonly parts: readonly Part[];
  /** Calls back at the next frame; `requestAnimationFrame` where there is one, so that hidden tabs draw nothing. */
  readonly nextFrame?: (callback: () => void) => void;
}

/** Told of each event and each change of the connection at once, in order; `subscribe` is for what draws. */
export interface Listener {
  /** The parts have taken it in. */
  onEvent?(event: Event): void;
  onConnection?(connection: Connection): void;
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
  #after: number[] = [];
  readonly #drawers = new Set<() => void>();
  readonly #listeners = new Set<Listener>();
  readonly #nextFrame: (callback: () => void) => void;
  #marked = false;
  #holders = 0;

  constructor(options: RoomOptions) {
    this.#parts = options.parts;
    this.#nextFrame = options.nextFrame ?? nextFrame;
    this.#stream = new EventStream({
      ...options,
      snapshot: (signal) => this.#load(signal),
      onEvent: (event) => this.#apply(event),
      onConnection: (connection) => {
        for (const listener of this.#listeners) listener.onConnection?.(connection);
        this.#mark();
      },
    });
  }

  get connection(): Connection {
    return this.#stream.connection;
  }

  start(): void {
    this.#stream.start();
  }

  stop(): void {
    this.#stream.stop();
  }

  /** Follow for as long as anyone holds; answers how to let go. */
  hold(): () => void {
    this.#holders += 1;
    this.start();
    return () => {
      this.#holders -= 1;
      // Not at once: who lets go may be about to hold again.
      setTimeout(() => this.#holders === 0 && this.stop());
    };
  }

  readonly retryNow = (): void => this.#stream.retryNow();

  /** Call `listener` at most once per frame after changes; answers how to stop. */
  subscribe(listener: () => void): () => void {
    this.#drawers.add(listener);
    return () => this.#drawers.delete(listener);
  }

  /** Answers how to stop. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A part changed by itself, with what it fetched beside the stream. */
  changed(): void {
    this.#mark();
  }

  async #load(signal: AbortSignal): Promise<string> {
    const texts = await Promise.all(this.#parts.map((part) => part.load(signal)));
    const cursors = texts.map(parseCursor);
    if (new Set(cursors.map((cursor) => cursor?.generation)).size !== 1) {
      // The log began a new life between two snapshots.
      throw new Error("generations differ");
    }
    this.#after = cursors.map((cursor) => cursor!.seq);
    this.loaded = true;
    this.#mark();
    return texts[this.#after.indexOf(Math.min(...this.#after))]!;
  }

  #apply(event: Event): void {
    this.#parts.forEach((part, index) => {
      if (event.seq <= this.#after[index]!) return;
      this.#after[index] = event.seq;
      part.apply(event);
    });
    for (const listener of this.#listeners) listener.onEvent?.(event);
    this.#mark();
  }

  #mark(): void {
    this.version += 1;
    if (this.#marked) return;
    this.#marked = true;
    this.#nextFrame(() => {
      this.#marked = false;
      for (const draw of this.#drawers) draw();
    });
  }
}
