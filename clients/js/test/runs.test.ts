/** The list of runs against a real server: what is folded here is what the server folds. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { get, place } from "../src/http.ts";
import { Room } from "../src/room.ts";
import { RunList } from "../src/runs.ts";
import type { Run } from "../src/types.ts";
import { LiveServer } from "./live.ts";

let server: LiveServer;

beforeAll(async () => void (server = await new LiveServer().start()), 60_000);
afterAll(() => server.close());

function when(room: Room, holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const stop = room.subscribe(() => holds() && (stop(), resolve()));
    if (holds()) (stop(), resolve());
  });
}

it("knows older runs on request, and folds all that comes meanwhile", async () => {
  const at = place(server.url);
  const [old, middle] = [await server.newRun("old"), await server.newRun("middle")];
  await server.newRun("newest");
  const list = new RunList(at, 1);
  const room = new Room({ at, parts: [list], nextFrame: (callback) => setImmediate(callback) });
  const release = room.hold();
  await when(room, () => room.connection.state === "live");
  expect(list.runs.map((run) => run.name)).toEqual(["newest"]);
  expect(list.find(old.id)).toBeUndefined();
  // The snapshots and the events race; whoever comes first, the fold is the same.
  await Promise.all([list.fetch(old.id), old.progress(30), list.fetch(middle.id), middle.progress(30), list.fetch("r_aaaaaaaaaa")]);
  await old.write("run.metrics", { step: [1], time: [1], values: { loss: [0.5] } });
  const settled = async ({ id }: { id: string }) => {
    const { run } = await get<{ run: Run }>(at, `/api/runs/${id}`);
    await when(room, () => list.find(id)?.last_seq === run.last_seq);
    expect(list.find(id)).toEqual(run);
  };
  await settled(old);
  await settled(middle);
  expect(list.find("r_aaaaaaaaaa")).toBeNull();
  const after = await server.newRun("after");
  await when(room, () => list.runs.length === 2 && list.runs[0]!.state === "running");
  expect([list.total, list.runs[0]!.id]).toEqual([4, after.id]);
  // Let go and taken again in one breath, as React does: the connection is kept.
  release();
  const again = room.hold();
  await new Promise((resolve) => setTimeout(resolve));
  expect(room.connection.state).toBe("live");
  again();
}, 30_000);
