import { expect, it } from "vitest";
import { SseParser, type Frame } from "../src/sources/frames.ts";

const text = ": hi\r\nretry: 1500\nevent: hello\ndata: {\"a\":1}\nid: g-1\n\rdata: x\rdata:  y\r\n\r\nevent: none\n\ndata\n\nid: bad\0\ndata:z\n\n";
const frames: Frame[] = [
  { event: "hello", data: '{"a":1}', id: "g-1" },
  { event: "", data: "x\n y", id: "g-1" },
  { event: "", data: "", id: "g-1" },
  { event: "", data: "z", id: "g-1" },
];

it("reads every kind of line end, comments, names, ids and retry", () => {
  const parser = new SseParser();
  expect(parser.push(text)).toEqual(frames);
  expect(parser.retry).toBe(1500);
});

it("does not care where the network cuts", () => {
  for (let size = 1; size < 12; size += 1) {
    const parser = new SseParser();
    const got: Frame[] = [];
    for (let at = 0; at < text.length; at += size) got.push(...parser.push(text.slice(at, at + size)));
    expect(got).toEqual(frames);
  }
});

it("keeps an unfinished frame to itself", () => {
  const parser = new SseParser();
  expect(parser.push("data: half\n")).toEqual([]);
  expect(parser.push("\n")).toEqual([{ event: "", data: "half", id: "" }]);
});
