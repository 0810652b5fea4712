/** The page uses the client as anybody's page can: by its public entries alone. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const src = new URL("../src/", import.meta.url).pathname;
const { exports } = JSON.parse(readFileSync(new URL("../../clients/js/package.json", import.meta.url), "utf8")) as { exports: object };
const entries = Object.keys(exports).map((entry) => entry.replace(/^\./, "pulsetrain"));

it("imports the client's entries and nothing behind them", () => {
  const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) => /\.tsx?$/.test(file));
  const used = new Set<string>();
  for (const file of files) {
    for (const [, name] of readFileSync(join(src, file), "utf8").matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)) {
      if (/pulsetrain|clients/.test(name!)) used.add(name!);
    }
  }
  expect(used).toContain("pulsetrain");
  expect(entries).toEqual(expect.arrayContaining([...used]));
});
