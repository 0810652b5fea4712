/** One stream for any number of members, each with a cursor of its own. */
import { parseCursor, type Cursor } from "../cursor.ts";
import type { Ask, Connection, Signal } from "../sources/source.ts";
import { EventStream, type StreamOptions } from "../stream.ts";
import type { Event } from "../types.ts";

/** Events that are kept for who joins late, or comes back. */
const KEPT = 1000;

export interface Member {
  send(signal: Signal): void;
}

export type TrunkOptions = Pick<StreamOptions, "sources" | "backoff">;

/** Always awake: a stream that is held for others is let go when none of them reads. */
const attention = { hidden: () => false, subscribe: () => () => undefined };

export class Trunk {
  /** The stream is over; who still wants to read opens a new one. */
  over = false;
  readonly members = new Set<Member>();
  readonly stream: EventStream;
  /** `#recent` holds all events after it. */
  #from: Cursor;
  #recent: Event[] = [];
  /** How many of `#recent` the members have not been sent yet. */
  #unsent = 0;

  /** Begins at the cursor of `ask`, which must be one of the log. */
  constructor(ask: Ask, options: TrunkOptions) {
    const { cursor, ...filter } = ask;
    this.#from = parseCursor(cursor)!;
    this.stream = new EventStream({
      ...filter,
      ...options,
      attention,
      snapshot: () => Promise.resolve(cursor),
      onEvent: (event) => this.#take(event),
      onConnection: (connection) => this.#connection(connection),
      onReset: (reason) => this.#end({ op: "reset", reason }),
      onSkipped: (events) => this.#send({ op: "skipped", cursor: this.stream.cursor!, events }),
    });
  }

  /**
   * Let `member` read from `cursor` on: it is sent what it lacks, then what comes. False where that is not known here.
   * `sure`: the cursor is known to be good, so that a stream of another generation is itself the one that is over.
   */
  join(member: Member, cursor: string, sure: boolean): boolean {
    const place = parseCursor(cursor);
    if (!place) return false;
    if (place.generation !== this.#from.generation) {
      if (sure) this.#end({ op: "reset", reason: "generation" });
      return false;
    }
    if (place.seq < this.#from.seq) return false;
    this.flush();
    // Members drop what they have: one may be ahead of the stream.
    const events = this.#recent.filter((event) => event.seq > place.seq);
    if (events.length > 0) member.send({ op: "events", cursor: this.#reached(events), events });
    this.members.add(member);
    member.send({ op: "connection", connection: this.stream.connection });
    this.stream.start();
    return true;
  }

  /** Tell the members how far the stream is, which keeps them sure of it. */
  beat(): void {
    this.flush();
    if (this.stream.cursor !== null) this.#send({ op: "heartbeat", cursor: this.stream.cursor });
  }

  stop(): void {
    this.over = true;
    this.stream.stop();
  }

  #take(event: Event): void {
    this.#recent.push(event);
    this.#unsent += 1;
    // What arrives together is sent together.
    if (this.#unsent === 1) queueMicrotask(() => this.flush());
    if (this.#recent.length < 2 * KEPT) return;
    this.flush();
    const dropped = this.#recent.splice(0, KEPT);
    this.#from = { ...this.#from, seq: dropped.at(-1)!.seq };
  }

  flush(): void {
    if (this.#unsent === 0) return;
    const events = this.#recent.slice(-this.#unsent);
    this.#unsent = 0;
    this.#send({ op: "events", cursor: this.#reached(events), events });
  }

  #reached(events: readonly Event[]): string {
    return `${this.#from.generation}-${events.at(-1)!.seq}`;
  }

  #connection(connection: Connection): void {
    this.flush();
    if (connection.state === "finished") this.#end({ op: "bye", reason: "finished", retry_seconds: null });
    else this.#send({ op: "connection", connection });
    if (connection.state === "refused") this.over = true;
  }

  #end(signal: Signal): void {
    this.flush();
    this.#send(signal);
    this.stop();
  }

  #send(signal: Signal): void {
    for (const member of this.members) member.send(signal);
  }
}
