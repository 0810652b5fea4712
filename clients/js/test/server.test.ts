/** The client against a real server: every transport, every change between them, and a server that dies. */
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { place } from "../src/http.ts";
import { poll } from "../src/sources/poll.ts";
import type { Source } from "../src/sources/source.ts";
import { sse } from "../src/sources/sse.ts";
import { webSocket } from "../src/sources/websocket.ts";
import { LiveServer, Proxy, Recorder, type Writer } from "./live.ts";

const TRANSPORTS: [string, () => Source][] = [
  ["sse", () => sse],
  ["websocket", () => webSocket()],
  ["poll", () => poll],
];

let server: LiveServer;
let run: Writer;
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  server = await new LiveServer().start();
  run = await server.newRun();
}, 60_000);

afterAll(() => server.close());

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function record(options: Partial<ConstructorParameters<typeof Recorder>[0]> = {}): Recorder {
  const recorder = new Recorder({ at: place(server.url), ...options });
  ends.push(() => recorder.stream.stop());
  return recorder;
}

async function proxied(): Promise<Proxy> {
  const proxy = await new Proxy(() => server.url).start();
  ends.push(() => proxy.close());
  return proxy;
}

it.each(TRANSPORTS)("reads the log from its beginning over %s, then what comes", async (name, source) => {
  const reader = record({ sources: [source()] });
  await reader.live(name);
  await run.progress(50);
  const all = await server.events();
  await reader.when(() => reader.events.length >= all.length);
  expect(reader.events).toEqual(all);
  expect(reader.states).toEqual(["connecting", `live ${name}`]);
}, 30_000);

it.each(TRANSPORTS)("takes only what it asks for over %s", async (name, source) => {
  const other = await server.newRun("other");
  const reader = record({ sources: [source()], run: [other.id], type: ["run.status", "run.log"] });
  await reader.live(name);
  await run.progress(3);
  await other.progress(3);
  await other.write("run.log", { lines: [{ stream: "stdout", text: "hi", time: 1, level: null }] });
  await reader.when(() => reader.events.some((event) => event.type === "run.log"));
  expect(reader.events.map((event) => [event.run, event.type])).toEqual([
    [other.id, "run.status"],
    [other.id, "run.status"],
    [other.id, "run.log"],
  ]);
}, 30_000);

it.each(TRANSPORTS)("finishes with the run over %s", async (name, source) => {
  const short = await server.newRun("short");
  const reader = record({ sources: [source()], run: [short.id], until: "end" });
  await reader.live(name);
  await short.progress(2);
  await short.write("run.status", { state: "succeeded" });
  await reader.when(() => reader.stream.connection.state === "finished");
  expect(reader.events.at(-1)).toMatchObject({ type: "run.status", data: { state: "succeeded" } });
  expect(reader.states).toEqual(["connecting", `live ${name}`, "finished"]);
  // Who asks again from there is told so at once.
  const again = record({ sources: [source()], run: [short.id], until: "end", cursor: reader.stream.cursor! });
  await again.when(() => again.stream.connection.state === "finished");
  expect(again.events).toEqual([]);
}, 30_000);

it.each(TRANSPORTS)("says a reset aloud over %s, and goes on from a new snapshot", async (name, source) => {
  const reader = record({ sources: [source()], cursor: "zzzzzzzz-3" });
  await reader.live(name);
  await run.progress(1);
  const all = await server.events();
  await reader.when(() => reader.events.length >= all.length);
  expect(reader.resets).toEqual(["generation"]);
  expect(reader.events).toEqual(all);
}, 30_000);

it("goes on where it was from one transport to the next", async () => {
  const events = [];
  let cursor = "0";
  for (const [name, source] of [...TRANSPORTS, ...TRANSPORTS]) {
    const reader = record({ sources: [source()], cursor });
    await reader.live(name);
    await run.progress(7);
    await reader.when(() => reader.events.filter((event) => event.type === "run.progress").length >= 7);
    reader.stream.stop();
    cursor = reader.stream.cursor!;
    events.push(...reader.events);
  }
  expect(events).toEqual(await server.events());
}, 60_000);

it.each(TRANSPORTS.slice(0, 2))("loses and doubles nothing over %s when the server is killed and comes again", async (name, source) => {
  const reader = record({ sources: [source(), poll] });
  await reader.live(name);
  for (let times = 0; times < 2; times += 1) {
    const writing = run.progress(200);
    await reader.when(() => reader.events.length > 0);
    await writing;
    await server.kill();
    await reader.when(() => reader.stream.connection.state !== "live");
    await server.start();
    await run.progress(20);
  }
  await reader.live(name);
  const all = await server.events();
  await reader.when(() => reader.events.length >= all.length);
  expect(reader.events).toEqual(all);
  expect(reader.resets).toEqual([]);
}, 120_000);

it.each(TRANSPORTS.slice(0, 2))("polls where %s is cut five times in a row, and goes back once it gets through", async (name, source) => {
  const proxy = await proxied();
  proxy.streams = "cut";
  const reader = record({ at: place(proxy.url), sources: [source(), poll] });
  await reader.live("poll");
  expect(reader.said.filter((each) => each.state === "reconnecting" || each.state === "offline")).toHaveLength(5);
  expect(proxy.asked).toBeGreaterThanOrEqual(5);
  await run.progress(5);
  const seen = (await server.events()).length;
  await reader.when(() => reader.events.length >= seen);
  // It goes on trying, and never says that it is not live meanwhile.
  proxy.streams = "pass";
  await run.progress(5);
  await reader.live(name);
  await run.progress(5);
  const all = await server.events();
  await reader.when(() => reader.events.length >= all.length);
  expect(reader.events).toEqual(all);
  expect(reader.states.slice(-2)).toEqual(["live poll", `live ${name}`]);
}, 60_000);

it("has any number of readers on one WebSocket", async () => {
  const proxy = await proxied();
  const source = webSocket();
  const readers = Array.from({ length: 12 }, (_, index) =>
    record({ at: place(proxy.url), sources: [source], type: index % 2 ? ["run.*"] : ["run.progress"] }),
  );
  await Promise.all(readers.map((reader) => reader.live("websocket")));
  await run.progress(5);
  expect([proxy.asked, proxy.open]).toEqual([1, 1]);
  const [some, all] = [await server.events("cursor=0&type=run.progress"), await server.events("cursor=0&type=run.*")];
  for (const [index, reader] of readers.entries()) {
    const wanted = index % 2 ? all : some;
    await reader.when(() => reader.events.length >= wanted.length);
    expect(reader.events).toEqual(wanted);
  }
  for (const reader of readers.slice(1)) reader.stream.stop();
  await run.progress(1);
  await readers[0]!.when(() => readers[0]!.events.length > some.length);
  proxy.cut();
}, 30_000);

it.each(TRANSPORTS)("shows its token over %s, and stops without one", async (name, source) => {
  const guarded = await new LiveServer("a-secret-that-is-long-enough").start();
  ends.push(() => guarded.close());
  const headers = () => Promise.resolve({ Authorization: `Bearer ${guarded.token}` });
  const reader = record({ at: place(guarded.url, { headers }), sources: [source()] });
  await reader.live(name);
  const stranger = record({ at: place(guarded.url, { headers: { Authorization: "Bearer wrong-and-long-enough" } }), sources: [source()] });
  await stranger.when(() => stranger.stream.connection.state === "refused");
  expect(stranger.stream.connection).toMatchObject({ error: { status: 401 } });
}, 60_000);
