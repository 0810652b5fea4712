import { describe, expect, it } from "vitest";
import { entitiesOf, marked, moved, piecesOf, spansOf, trimmed, wordsOf, type Span } from "../src/pages/data/spans.ts";

const span = (start: number, end: number, label = "x"): Span => ({ start, end, label });

describe("spans", () => {
  it("are counted as the server counts and as the page does", () => {
    const text = "🎷 jazz in Zürich";
    const [genre] = spansOf(text, [{ start: 2, end: 6, label: "genre" }]);
    expect(text.slice(genre!.start, genre!.end)).toBe("jazz");
    expect(entitiesOf(text, [genre!])).toEqual([span(2, 6, "genre")]);
  });

  it("that a file has and the text has not are left out", () => {
    const wrong = [null, 5, {}, { start: 0, end: 99, label: "a" }, { start: 2, end: 2, label: "b" }, { start: "0", end: 1, label: "c" }];
    expect(spansOf("hello", [...wrong, { start: 3, end: 5, label: "e" }, { start: 0, end: 4, label: "d" }])).toEqual([span(0, 4, "d")]);
  });

  it("give way to a new one that touches them", () => {
    expect(marked([span(0, 4), span(5, 9)], span(8, 12, "y"))).toEqual([span(0, 4), span(8, 12, "y")]);
  });

  it.each([
    ["before", "play jazz", "please play jazz", [span(12, 16)]],
    ["behind", "play jazz", "play jazz now", [span(5, 9)]],
    ["inside", "play jazz", "play jaazz", [span(5, 10)]],
    ["at its end", "play jazz", "play jazzy", [span(5, 9)]],
    ["all of it away", "play jazz", "play ", []],
    ["its head away", "play jazz", "play zz", [span(5, 7)]],
    ["across its start", "play jazz", "hear zz", [span(5, 7)]],
    ["on both sides at once", "play jazz", "I want to hear jazz now", [span(15, 19)]],
    ["everything", "play jazz", "", []],
  ])("move with an edit %s", (_, before, after, expected) => {
    expect(moved([span(5, 9)], before, after)).toEqual(expected);
  });

  it("cut a text, and words are found in the rest", () => {
    const pieces = piecesOf("play some jazz, now", [span(10, 14, "genre")]);
    expect(pieces.map(({ text, label }) => [text, label])).toEqual([["play some ", null], ["jazz", "genre"], [", now", null]]);
    expect(wordsOf(pieces[0]!).filter(({ word }) => word)).toEqual([
      { text: "play", start: 0, word: true },
      { text: "some", start: 5, word: true },
    ]);
    expect(wordsOf(pieces[2]!).map(({ text }) => text).join("")).toBe(", now");
  });

  it("leave blanks out", () => {
    expect(trimmed("a  jazz ", 1, 8)).toEqual({ start: 3, end: 7 });
    expect(trimmed("a  b", 1, 3)).toBeNull();
  });
});
