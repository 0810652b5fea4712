/** WebSocket: one connection for any number of readers, each a subscription of its own. */
import { ApiError, headersOf } from "../http.ts";
import { eventsPath, type Ask, type Reader, type Signal, type Source } from "./source.ts";

const PROTOCOL = "pulsetrain.v1.json";
/** Close codes that no retry mends (PROTOCOL §3.4). After all others but 4410 a reader backs off and resumes. */
const POINTLESS: Readonly<Record<number, readonly [status: number, code: string, message: string]>> = {
  4401: [401, "unauthorized", "The server asks for a token, or does not know this one."],
  4403: [403, "forbidden", "This token may not read the events."],
};
const FINISHED = 4410;

type Told = { sub?: number } & (
  | Signal
  | { op: "ready" }
  | { op: "error"; error: { code: string; message: string; hint?: string } }
);

interface Subscriber {
  readonly take: (told: Told) => void;
  readonly heard: () => void;
  readonly fail: (error: Error) => void;
}

/** Makes connections; Node has none of its own before version 22. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocket;

/** Readers of one server share a connection. `WebSocket` is the platform's unless given. */
export function webSocket(options: { WebSocket?: WebSocketConstructor } = {}): Source {
  const Socket = options.WebSocket ?? (globalThis.WebSocket as WebSocketConstructor | undefined);
  const lines = new Map<string, Line>();
  return {
    transport: "websocket",
    usable: () => Socket !== undefined,
    async read(ask, reader, signal) {
      const headers = await headersOf(ask.at);
      signal.throwIfAborted();
      const token = (headers["Authorization"] ?? headers["authorization"])?.replace(/^bearer /i, "");
      // An end is asked for in the address, and is that of the whole connection.
      const url = address(ask);
      const key = `${url} ${token}`;
      const known = ask.until ? undefined : lines.get(key);
      const line = known ?? new Line(new Socket!(url, [PROTOCOL]), token, () => lines.get(key) === line && lines.delete(key));
      if (!ask.until) lines.set(key, line);
      return line.read(ask, reader, signal);
    },
  };
}

function address(ask: Ask): string {
  const url = new URL(ask.at.base + (ask.until ? eventsPath(ask) : "/api/events"), globalThis.location?.href);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}

/** One connection and its subscriptions. */
class Line {
  readonly #subscribers = new Map<number, Subscriber>();
  readonly #socket: WebSocket;
  readonly #onOver: () => void;
  #next = 0;
  /** What to send once the connection is admitted; null from then on. */
  #held: string[] | null = [];

  constructor(socket: WebSocket, token: string | undefined, onOver: () => void) {
    this.#socket = socket;
    this.#onOver = onOver;
    socket.onopen = () => token && socket.send(JSON.stringify({ op: "auth", token }));
    socket.onmessage = ({ data }) => this.#message(JSON.parse(data as string) as Told);
    socket.onclose = ({ code, reason }) => this.#closed(code, reason);
    // Always followed by `close` but on some platforms.
    socket.onerror = () => this.#closed(1006, "");
  }

  read({ cursor, run = [], type = [], latest, until }: Ask, reader: Reader, signal: AbortSignal): Promise<void> {
    const sub = this.#free();
    return new Promise<void>((_, fail) => {
      const take = (told: Told) => {
        try {
          if (told.op === "error") throw new ApiError(400, told.error.code, told.error.message, told.error.hint);
          if (told.op !== "ready") reader.take(told);
        } catch (error) {
          fail(error);
        }
      };
      this.#subscribers.set(sub, { take, heard: () => reader.heard(), fail });
      signal.addEventListener("abort", () => fail(signal.reason), { once: true });
      if (until) return;
      // What is empty filters nothing, and is left out.
      const filter = { ...(run.length && { run }), ...(type.length && { type }), ...(latest && { latest }) };
      this.#send({ op: "subscribe", sub, cursor, ...filter });
    }).finally(() => this.#leave(sub));
  }

  #free(): number {
    while (this.#subscribers.has(this.#next)) this.#next = (this.#next + 1) % 65536;
    const sub = this.#next;
    this.#next = (sub + 1) % 65536;
    return sub;
  }

  #leave(sub: number): void {
    if (!this.#subscribers.delete(sub)) return;
    if (this.#subscribers.size > 0) return this.#send({ op: "unsubscribe", sub });
    this.#onOver();
    this.#socket.close();
  }

  #send(message: object): void {
    const text = JSON.stringify(message);
    if (this.#held) this.#held.push(text);
    else if (this.#socket.readyState === 1) this.#socket.send(text);
  }

  #message(told: Told): void {
    if (told.op === "ready") {
      for (const text of this.#held ?? []) this.#socket.send(text);
      this.#held = null;
    }
    const all = [...this.#subscribers];
    for (const [sub, subscriber] of all) {
      // A bye is for all; and that anything comes shows every reader that the connection is not dead.
      if (told.sub === sub || told.op === "bye") subscriber.take(told);
      else subscriber.heard();
    }
  }

  #closed(code: number, reason: string): void {
    this.#onOver();
    const all = [...this.#subscribers.values()];
    for (const subscriber of all) {
      const [status, name, message] = POINTLESS[code] ?? [0, `closed_${code}`, reason || "The connection was closed."];
      if (code === FINISHED) subscriber.take({ op: "bye", reason: "finished", retry_seconds: null });
      else subscriber.fail(new ApiError(status, name, message));
    }
  }
}
