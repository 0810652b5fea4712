/** The stream and the room against a real HTTP server that speaks the protocol and can be cut at any event. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { backoff } from "../src/backoff.ts";
import { parseCursor } from "../src/cursor.ts";
import { place, type Place } from "../src/http.ts";
import { Room, type Part, type RoomOptions } from "../src/room.ts";
import { RunList, SeriesPart } from "../src/runs.ts";
import type { Connection } from "../src/sources/source.ts";
import { EventStream } from "../src/stream.ts";
import type { Event } from "../src/types.ts";

/** A log in memory with the two doors that the client uses. */
class FakeServer {
  events: Event[] = [];
  generation = "aaaaaaaa";
  oldest = 1;
  /** Cut each connection after so many events. */
  cutAfter = Infinity;
  /** Appended between a snapshot and the stream. */
  meanwhile: (() => void) | null = null;
  refuse: number | null = null;
  connections = 0;
  snapshots = 0;
  #open = new Set<() => void>();
  readonly http: Server = createServer((request, response) => this.#answer(request, response));

  get cursor() {
    return `${this.generation}-${this.events.length}`;
  }

  append(type: string, data: Record<string, unknown>, run = "r_aaaaaaaaaa") {
    const seq = this.events.length + 1;
    this.events.push({ seq, run, type, time: "2026-11-20T10:00:00.000000Z", data });
    for (const wake of this.#open) wake();
  }

  #answer(request: IncomingMessage, response: ServerResponse) {
    const url = new URL(request.url!, "http://x");
    if (this.refuse !== null) {
      response.writeHead(this.refuse, { "Content-Type": "application/json" });
      response.end(JSON.stringify({ error: { code: "unauthorized", message: "No token.", hint: "Log in." } }));
    } else if (url.pathname === "/api/events") {
      this.#stream(url, response);
    } else {
      this.snapshots += 1;
      const points = this.events.filter((event) => event.type === "run.metrics").map((event) => event.seq);
      const series = { loss: { step: points, time: points, value: points } };
      response.end(JSON.stringify({ cursor: this.cursor, runs: [], total: 0, series }));
      this.meanwhile?.();
    }
  }

  #stream(url: URL, response: ServerResponse) {
    this.connections += 1;
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    const send = (event: string, data: unknown, id?: string) =>
      response.write(`${event ? `event: ${event}\n` : ""}${id ? `id: ${id}\n` : ""}data: ${JSON.stringify(data)}\n\n`);
    // A byte order mark may stand at the beginning, and is no part of the first field.
    response.write("\uFEFFretry: 1\n");
    const cursor = parseCursor(url.searchParams.get("cursor")!)!;
    let at = cursor.seq;
    send("hello", { cursor: `${this.generation}-${at}`, heartbeat_seconds: 15 }, `${this.generation}-${at}`);
    if (cursor.generation !== this.generation || at < this.oldest - 1) {
      send("reset", { reason: "trimmed", cursor: this.cursor }, this.cursor);
      at = this.events.length;
    }
    let left = this.cutAfter;
    const drain = () => {
      while (at < this.events.length) {
        if (left-- <= 0) {
          // In the middle of a frame, and after what came before has left.
          response.write('id: zzzzzzzz-9\ndata: {"seq', () => setTimeout(() => response.destroy(), 5));
          return;
        }
        const event = this.events[at++]!;
        send("", event, `${this.generation}-${event.seq}`);
      }
    };
    drain();
    send("live", { cursor: this.cursor }, this.cursor);
    this.#open.add(drain);
    response.on("close", () => this.#open.delete(drain));
  }
}

let server: FakeServer;
let at: Place;
const ends: (() => void)[] = [];

beforeEach(async () => {
  server = new FakeServer();
  await new Promise<void>((resolve) => server.http.listen(0, "127.0.0.1", resolve));
  at = place(`http://127.0.0.1:${(server.http.address() as AddressInfo).port}`);
});

afterEach(async () => {
  for (const end of ends.splice(0)) end();
  server.http.closeAllConnections();
  await new Promise((resolve) => server.http.close(resolve));
});

/** Resolves when `holds` does; asked again after each notification of the room. */
function when(room: Room, holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const stop = room.subscribe(() => holds() && (stop(), resolve()));
    if (holds()) (stop(), resolve());
  });
}

function open(parts: Part[], options: Partial<RoomOptions> = {}): Room {
  const room = new Room({ at, parts, nextFrame: (callback) => setImmediate(callback), ...options });
  ends.push(() => room.stop());
  room.start();
  return room;
}

const metrics = (seq: number) => ({ step: [seq], time: [seq], values: { loss: [seq] } });

it("has no gap and no double between snapshot and stream, and over any number of cut connections", async () => {
  server.cutAfter = 3;
  for (let seq = 1; seq <= 10; seq += 1) server.append("run.metrics", metrics(seq));
  server.meanwhile = () => {
    server.meanwhile = null;
    for (let seq = 11; seq <= 20; seq += 1) server.append("run.metrics", metrics(seq));
  };
  const series = new SeriesPart(at, "r_aaaaaaaaaa");
  const room = open([series]);
  await when(room, () => (series.columns.get("loss")?.length ?? 0) >= 20);
  for (let seq = 21; seq <= 30; seq += 1) server.append("run.metrics", metrics(seq));
  await when(room, () => series.columns.get("loss")!.length >= 30);
  const loss = series.columns.get("loss")!;
  expect([...loss.value.subarray(0, loss.length)]).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
  expect(server.snapshots).toBe(1);
  expect(server.connections).toBeGreaterThan(3);
});

it("takes each event once in every part, although their snapshots differ", async () => {
  server.append("run.metrics", metrics(1));
  const first = new SeriesPart(at, "r_aaaaaaaaaa");
  const late: Part & { seen: number[] } = {
    seen: [],
    // This part's snapshot is older than the other one's.
    load: async () => "aaaaaaaa-0",
    apply(event) {
      this.seen.push(event.seq);
    },
  };
  const room = open([first, late]);
  await when(room, () => room.connection.state === "live");
  expect(late.seen).toEqual([1]);
  expect(first.columns.get("loss")!.length).toBe(1);
});

it("takes a new snapshot after a reset", async () => {
  server.append("run.created", { name: "one" });
  const list = new RunList(at);
  const room = open([list]);
  await when(room, () => room.connection.state === "live");
  const snapshots = server.snapshots;
  server.generation = "bbbbbbbb";
  server.http.closeAllConnections();
  await when(room, () => server.snapshots > snapshots && room.connection.state === "live");
  server.append("run.created", { name: "two" }, "r_bbbbbbbbbb");
  await when(room, () => list.runs.some((run) => run.name === "two"));
});

it("says that it reconnects, when, and comes back by itself", async () => {
  const said: Connection[] = [];
  const stream = new EventStream({
    at: { ...at, fetch: (...args) => (said.length < 4 ? Promise.reject(new TypeError("no network")) : fetch(...args)) },
    snapshot: async () => server.cursor,
    onEvent: () => undefined,
    onConnection: (connection) => said.push(connection),
  });
  ends.push(() => stream.stop());
  stream.start();
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      stream.retryNow();
      if (stream.connection.state === "live") (clearInterval(timer), resolve());
    }, 5);
  });
  expect(said.map((each) => each.state)).toEqual(["connecting", "reconnecting", "reconnecting", "reconnecting", "live"]);
  expect(said[1]).toMatchObject({ attempt: 1 });
});

it("gives up where retrying is pointless, and tells why", async () => {
  server.refuse = 401;
  const room = open([new RunList(at)]);
  await when(room, () => room.connection.state === "refused");
  expect(room.connection).toMatchObject({ error: { status: 401, code: "unauthorized", hint: "Log in." } });
});

it("lets go when nobody looks, and goes on from its cursor when somebody does", async () => {
  server.append("run.metrics", metrics(1));
  const series = new SeriesPart(at, "r_aaaaaaaaaa");
  let hidden = false;
  let tell = () => {};
  const attention = { hidden: () => hidden, subscribe: (listener: () => void) => ((tell = listener), () => undefined) };
  const room = open([series], { attention, pauseAfterMs: 0 });
  await when(room, () => room.connection.state === "live");
  hidden = true;
  tell();
  await when(room, () => room.connection.state === "asleep");
  server.append("run.metrics", metrics(2));
  hidden = false;
  tell();
  await when(room, () => series.columns.get("loss")!.length === 2);
  expect(server.snapshots).toBe(1);
});

it("backs off by powers of two up to 30 s, at least half of it certain", () => {
  expect([0, 1, 2, 3, 4, 5, 9].map((n) => backoff(n, () => 1))).toEqual([1000, 2000, 4000, 8000, 16000, 30000, 30000]);
  expect(backoff(0, () => 0)).toBe(500);
});
