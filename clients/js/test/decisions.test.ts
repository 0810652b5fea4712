/** What the stream decides, with scripted sources; and what a close code makes it do, with a scripted socket. */
import { afterEach, expect, it, vi } from "vitest";
import { ApiError, place } from "../src/http.ts";
import type { Ask, Reader, Signal, Source, Transport } from "../src/sources/source.ts";
import { webSocket } from "../src/sources/websocket.ts";
import { EventStream, type StreamOptions } from "../src/stream.ts";
import type { Event } from "../src/types.ts";
import { Recorder } from "./live.ts";

const at = place("http://127.0.0.1:9");
const ends: (() => void)[] = [];

afterEach(() => {
  for (const end of ends.splice(0)) end();
});

const event = (seq: number): Event => ({ seq, run: null, type: "dataset.created", time: "", data: {} });
const batch = (...seqs: number[]): Signal => ({ op: "events", cursor: `aaaaaaaa-${seqs.at(-1)}`, events: seqs.map(event) });
const hello = (seconds = 15): Signal => ({ op: "hello", cursor: null, heartbeat_seconds: seconds });
const live = (seq: number): Signal => ({ op: "live", cursor: `aaaaaaaa-${seq}` });

/** A connection that a test plays: what it tells, and how it ends. */
interface Call extends Reader {
  readonly ask: Ask;
  end(error?: Error): void;
  readonly gone: boolean;
}

class Script implements Source {
  readonly calls: Call[] = [];
  #called: ((call: Call) => void)[] = [];

  constructor(
    readonly transport: Transport,
    readonly always: Error | null = null,
  ) {}

  read(ask: Ask, reader: Reader, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const guarded = (told: Signal) => {
        try {
          reader.take(told);
        } catch (error) {
          reject(error);
        }
      };
      const call = {
        ask,
        take: guarded,
        heard: reader.heard,
        end: (error?: Error) => (error ? reject(error) : resolve()),
        get gone() {
          return signal.aborted;
        },
      };
      signal.addEventListener("abort", () => reject(signal.reason));
      this.calls.push(call);
      if (this.always) reject(this.always);
      for (const called of this.#called.splice(0)) called(call);
    });
  }

  /** The next connection that is asked for. */
  next(): Promise<Call> {
    return new Promise((resolve) => this.#called.push(resolve));
  }
}

function open(sources: Source[], options: Partial<StreamOptions> = {}): Recorder {
  const recorder = new Recorder({ at, sources, cursor: "aaaaaaaa-0", ...options });
  ends.push(() => recorder.stream.stop());
  return recorder;
}

const seqs = (recorder: Recorder) => recorder.events.map(({ seq }) => seq);

it("tells each event once, however connections overlap", async () => {
  const source = new Script("sse");
  const first = source.next();
  const reader = open([source]);
  const one = await first;
  expect(one.ask.cursor).toBe("aaaaaaaa-0");
  one.take(hello());
  one.take(batch(2, 3));
  one.take(live(5));
  const second = source.next();
  one.end();
  const two = await second;
  expect(two.ask.cursor).toBe("aaaaaaaa-5");
  // One that begins too early, as a probe beside a poll may.
  two.take(batch(3, 5, 6));
  two.take({ op: "heartbeat", cursor: "aaaaaaaa-4" });
  two.take(batch(6, 7));
  expect(seqs(reader)).toEqual([2, 3, 6, 7]);
  expect(reader.stream.cursor).toBe("aaaaaaaa-7");
  // What an ended connection still says is not heard.
  one.take(batch(8));
  expect(seqs(reader)).toEqual([2, 3, 6, 7]);
});

it("leaves a connection that is silent for two and a half heartbeats", async () => {
  const source = new Script("sse");
  const first = source.next();
  open([source]);
  const one = await first;
  const second = source.next();
  one.take(hello(0.02));
  await second;
  expect(one.gone).toBe(true);
});

it("takes nothing of a connection after a reset on it", async () => {
  const source = new Script("websocket");
  const first = source.next();
  const reader = open([source]);
  const one = await first;
  const second = source.next();
  one.take({ op: "reset", reason: "trimmed" });
  one.take(live(90));
  expect((await second).ask.cursor).toBe("0");
  expect(reader.resets).toEqual(["trimmed"]);
});

it("tries each stream in turn until one works, then stays with it", async () => {
  const [broken, works] = [new Script("websocket", new Error("blocked")), new Script("sse")];
  const reader = open([broken, works]);
  const one = await works.next();
  one.take(live(0));
  one.take(batch(1));
  expect(broken.calls).toHaveLength(1);
  const second = works.next();
  one.end();
  await second;
  expect(broken.calls).toHaveLength(1);
  expect(reader.states).toEqual(["connecting", "reconnecting", "live sse", "reconnecting"]);
});

it("polls after five failures in a row, not before, and only while that works", async () => {
  const [broken, poll] = [new Script("sse", new Error("blocked")), new Script("poll")];
  // Bare, as a source of one's own: it does not look beside itself for streams.
  const reader = open([broken, poll]);
  const one = await poll.next();
  expect(broken.calls).toHaveLength(5);
  one.take(live(0));
  const again = poll.next();
  one.end(new ApiError(503, "busy", "Too many readers."));
  // Both in turn from here.
  await again;
  expect(broken.calls).toHaveLength(6);
  expect(reader.said.find((each) => "error" in each && each.error)).toMatchObject({ error: { code: "busy" } });
});

it("says once that it is live however often a poll says so", async () => {
  const poll = new Script("poll");
  const first = poll.next();
  const reader = open([poll]);
  const one = await first;
  one.take(live(0));
  one.take(live(0));
  expect(reader.states).toEqual(["connecting", "live poll"]);
});

it("waits as long as the server asked, and by the back-off after that", async () => {
  const source = new Script("sse");
  const first = source.next();
  const reader = open([source], { backoff: () => 77_000 });
  const before = Date.now();
  (await first).take({ op: "bye", reason: "restart", retry_seconds: 3 });
  await reader.when(() => reader.stream.connection.state === "reconnecting");
  const second = source.next();
  expect(retryIn(reader, before)).toBeCloseTo(3, 0);
  reader.stream.retryNow();
  (await second).end();
  await reader.when(() => "attempt" in reader.stream.connection && reader.stream.connection.attempt === 2);
  expect(retryIn(reader, before)).toBeCloseTo(77, 0);
});

function retryIn({ stream: { connection } }: Recorder, since: number): number {
  return ((connection as { retryAt: number }).retryAt - since) / 1000;
}

it("goes on when a listener throws, and lets the mistake be seen", async () => {
  const seen = new Promise((resolve) => process.once("uncaughtException", resolve));
  const others = process.listeners("uncaughtException").slice(0, -1);
  for (const other of others) process.off("uncaughtException", other);
  const source = new Script("sse");
  const first = source.next();
  const told: number[] = [];
  const stream = new EventStream({
    at,
    sources: [source],
    snapshot: async () => "aaaaaaaa-0",
    onEvent: ({ seq }) => {
      told.push(seq);
      if (seq === 1) throw new Error("a mistake in the page");
    },
  });
  ends.push(() => stream.stop());
  stream.start();
  (await first).take(batch(1, 2));
  expect(told).toEqual([1, 2]);
  expect(await seen).toMatchObject({ message: "a mistake in the page" });
  for (const other of others) process.on("uncaughtException", other);
  expect(source.calls[0]!.gone).toBe(false);
});

/** A WebSocket without a network. */
class Socket {
  static made: Socket[] = [];
  readyState = 1;
  readonly sent: Record<string, unknown>[] = [];
  onopen: () => void = () => {};
  onmessage: (message: { data: string }) => void = () => {};
  onclose: (close: { code: number; reason: string }) => void = () => {};

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    Socket.made.push(this);
    setImmediate(() => this.onopen());
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  say(message: object): void {
    this.onmessage({ data: JSON.stringify(message) });
  }

  close(): void {
    this.readyState = 3;
  }
}

async function overSocket(options: Partial<StreamOptions> = {}): Promise<[Recorder, Socket]> {
  Socket.made = [];
  const reader = open([webSocket({ WebSocket: Socket as never })], options);
  await vi.waitUntil(() => Socket.made.length === 1);
  const socket = Socket.made[0]!;
  socket.say({ op: "ready", version: "1", heartbeat_seconds: 15 });
  await vi.waitUntil(() => socket.sent.length > 0);
  return [reader, socket];
}

it("subscribes once it is admitted, with the token first", async () => {
  const headers = { Authorization: "Bearer secret" };
  const [, socket] = await overSocket({ at: place("https://example.test/", { headers }), run: ["r_aaaaaaaaaa"], type: [], latest: 1 });
  await vi.waitUntil(() => socket.sent.length === 2);
  expect([socket.url, socket.protocols]).toEqual(["wss://example.test/api/events", ["pulsetrain.v1.json"]]);
  expect(socket.sent).toContainEqual({ op: "auth", token: "secret" });
  expect(socket.sent).toContainEqual({ op: "subscribe", sub: 0, cursor: "aaaaaaaa-0", run: ["r_aaaaaaaaaa"], latest: 1 });
});

it.each([
  [1000, "resumes"],
  [1001, "resumes"],
  [1006, "resumes"],
  [1008, "resumes"],
  [1012, "resumes"],
  [1013, "resumes"],
  [4400, "resumes"],
  [4401, "refused"],
  [4403, "refused"],
  [4410, "finished"],
])("after close code %i it %s", async (code, what) => {
  const [reader, socket] = await overSocket();
  socket.say({ ...batch(1), sub: 0 });
  socket.onclose({ code, reason: "" });
  if (what === "resumes") {
    await vi.waitUntil(() => Socket.made.length === 2);
    Socket.made[1]!.say({ op: "ready" });
    await vi.waitUntil(() => Socket.made[1]!.sent.length === 1);
    expect(Socket.made[1]!.sent[0]).toMatchObject({ op: "subscribe", cursor: "aaaaaaaa-1" });
  } else {
    await reader.when(() => reader.stream.connection.state === what);
    expect(Socket.made).toHaveLength(1);
  }
  if (what === "refused") expect(reader.stream.connection).toMatchObject({ error: { status: code - 4000 } });
});

it("keeps what is not for it from a reader of a shared WebSocket, but knows that the connection lives", async () => {
  const [reader, socket] = await overSocket();
  socket.say({ ...batch(1), sub: 7 });
  socket.say({ op: "pong" });
  socket.say({ op: "error", error: { code: "bad_request", message: "not about a subscription" } });
  socket.say({ ...batch(2), sub: 0 });
  expect(seqs(reader)).toEqual([2]);
});

it("tells why a subscription was not taken", async () => {
  const [reader, socket] = await overSocket();
  socket.say({ op: "error", sub: 0, error: { code: "bad_request", message: "no such type", hint: "run.*" } });
  await reader.when(() => reader.stream.connection.state === "reconnecting");
  expect(reader.stream.connection).toMatchObject({ error: { code: "bad_request", message: "no such type", hint: "run.*" } });
});
