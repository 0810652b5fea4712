import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { SseParser, type Frame } from "../src/sources/frames.ts";

interface Case {
  name: string;
  stream?: string;
  base64?: string;
  messages: Frame[];
  retry: number | null;
}

const file = new URL("../../../protocol/fixtures/sse.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(file, "utf8")) as { cases: Case[] };

/** What the client makes of bytes that the network cut into `pieces`; an unnamed frame is a `message`. */
function read(pieces: Uint8Array[]) {
  const decoder = new TextDecoder();
  const parser = new SseParser();
  const frames = pieces.flatMap((piece) => parser.push(decoder.decode(piece, { stream: true })));
  return { messages: frames.map((frame) => ({ ...frame, event: frame.event || "message" })), retry: parser.retry };
}

it.each(cases.map((each) => [each.name, each] as const))("%s", (_, { stream, base64, messages, retry }) => {
  const bytes = new Uint8Array(base64 ? Buffer.from(base64, "base64") : Buffer.from(stream!));
  const whole = { messages, retry };
  expect(read([bytes])).toEqual(whole);
  expect(read([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(whole);
  for (let cut = 0; cut < bytes.length && bytes.length < 1000; cut += 1)
    expect(read([bytes.slice(0, cut), new Uint8Array(), bytes.slice(cut)])).toEqual(whole);
});

it("keeps an unfinished frame to itself", () => {
  const parser = new SseParser();
  expect(parser.push("data: half\n")).toEqual([]);
  expect(parser.push("\n")).toEqual([{ event: "", data: "half", id: "" }]);
});
