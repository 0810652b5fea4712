/** The worker's side: ports in, one trunk for each distinct filter, and every tab served from its own cursor. */
import { parseCursor } from "../cursor.ts";
import { ApiError, place, type Headers } from "../http.ts";
import type { Ask, Signal, Source } from "../sources/source.ts";
import { Trunk, type Member, type TrunkOptions } from "./trunk.ts";

/** From a tab. */
export type Request =
  | { readonly op: "open"; readonly id: number; readonly ask: PortableAsk; readonly sure: boolean }
  | { readonly op: "close"; readonly id: number }
  /** Answers a heartbeat. */
  | { readonly op: "here" }
  | { readonly op: "retry" }
  | { readonly op: "leave" };

export type PortableAsk = Omit<Ask, "at"> & { readonly at: { readonly base: string; readonly headers: Headers } };

/** To a tab: what the reading with this id hears. */
export type Answer = { readonly id: number } & (
  | Signal
  /** The events after this cursor are not held here: read on by pages, then ask again. */
  | { readonly op: "behind" }
  | { readonly op: "refused"; readonly error: ApiError }
  | { readonly op: "gone" }
);

/** Of a MessagePort, what is used here. */
export interface Port {
  postMessage(answer: Answer): void;
}

/** Seconds between two heartbeats to the tabs, and how many a tab may leave unanswered. */
export const BEAT_SECONDS = 10;
const UNANSWERED = 3;

interface Tab {
  readonly port: Port;
  readonly readings: Map<number, { readonly trunk: Trunk; readonly member: Member }>;
  unanswered: number;
}

export class Fanout {
  readonly #options: TrunkOptions;
  readonly #tabs = new Map<Port, Tab>();
  readonly #trunks = new Map<string, Trunk>();

  /** `backoff` gives the milliseconds before attempt n; for tests. */
  constructor(sources: readonly Source[], backoff?: (n: number) => number) {
    this.#options = { sources, ...(backoff && { backoff }) };
  }

  /** Tabs that read now. */
  get tabs(): number {
    return this.#tabs.size;
  }

  /** Streams that are held now. */
  get trunks(): number {
    return this.#trunks.size;
  }

  take(port: Port, request: Request): void {
    const tab = this.#tabs.get(port) ?? { port, readings: new Map(), unanswered: 0 };
    tab.unanswered = 0;
    if (request.op === "open") {
      this.#tabs.set(port, tab);
      this.#open(tab, request.id, request.ask, request.sure);
    }
    if (request.op === "close") this.#close(tab, request.id);
    else if (request.op === "retry") for (const { trunk } of tab.readings.values()) trunk.stream.retryNow();
    else if (request.op === "leave") this.#drop(tab);
  }

  /** Every `BEAT_SECONDS`: tabs that do not answer are gone, and streams that nobody reads are let go. */
  beat(): void {
    for (const tab of [...this.#tabs.values()]) {
      tab.unanswered += 1;
      if (tab.unanswered > UNANSWERED) this.#drop(tab);
    }
    for (const [key, trunk] of this.#trunks) {
      if (trunk.members.size > 0 && !trunk.over) {
        trunk.beat();
      } else {
        trunk.stop();
        this.#trunks.delete(key);
      }
    }
  }

  #open(tab: Tab, id: number, ask: PortableAsk, sure: boolean): void {
    const { at, cursor, ...filter } = ask;
    const key = JSON.stringify([at, filter]);
    const member: Member = { send: (signal) => tab.port.postMessage(answer(id, signal)) };
    let trunk = this.#trunks.get(key);
    if (trunk?.over === false && this.#join(tab, id, trunk, member, cursor, sure)) return;
    if (trunk?.over === false || !parseCursor(cursor)) return tab.port.postMessage({ id, op: "behind" });
    trunk = new Trunk({ ...ask, at: place(at.base, at) }, this.#options);
    this.#trunks.set(key, trunk);
    this.#join(tab, id, trunk, member, cursor, sure);
  }

  #join(tab: Tab, id: number, trunk: Trunk, member: Member, cursor: string, sure: boolean): boolean {
    tab.port.postMessage({ id, op: "hello", cursor: null, heartbeat_seconds: BEAT_SECONDS });
    tab.readings.set(id, { trunk, member });
    if (trunk.join(member, cursor, sure)) return true;
    tab.readings.delete(id);
    return false;
  }

  #close(tab: Tab, id: number): void {
    const reading = tab.readings.get(id);
    reading?.trunk.members.delete(reading.member);
    tab.readings.delete(id);
    if (tab.readings.size === 0) this.#tabs.delete(tab.port);
  }

  #drop(tab: Tab): void {
    for (const id of [...tab.readings.keys()]) {
      this.#close(tab, id);
      tab.port.postMessage({ id, op: "gone" });
    }
  }
}

/** An error does not keep its class on the way between threads: what it says is sent. */
function answer(id: number, signal: Signal): Answer {
  if (signal.op !== "connection") return { id, ...signal };
  const { connection } = signal;
  if (!("error" in connection) || connection.error === null) return { id, ...signal };
  const error = plain(connection.error);
  if (connection.state === "refused") return { id, op: "refused", error };
  return { id, op: "connection", connection: { ...connection, error } };
}

function plain({ status, code, message, hint }: ApiError): ApiError {
  return { status, code, message, hint } as ApiError;
}
