/** The package as it is shipped: built, each entry imported by plain Node, and each with its types. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";

const root = new URL("../", import.meta.url).pathname;
const out = mkdtempSync(join(tmpdir(), "pulsetrain-package-"));
const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  exports: Record<string, { source: string; types: string; default: string }>;
};

beforeAll(() => {
  const tsc = join(root, "../../web/node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json"), "--outDir", join(out, "dist")], { stdio: "pipe" });
}, 120_000);

afterAll(() => rmSync(out, { recursive: true }));

it.each(Object.entries(exports))("entry %s is there with its source and types", (_, entry) => {
  expect(existsSync(join(root, entry.source))).toBe(true);
  expect(existsSync(join(out, entry.types))).toBe(true);
  expect(existsSync(join(out, entry.default))).toBe(true);
});

it("has a core that plain Node can import, and needs nothing", () => {
  const script = `import(${JSON.stringify(join(out, exports["."]!.default))}).then((all) => console.log(Object.keys(all).join()))`;
  const said = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  for (const name of ["EventStream", "Room", "sse", "poll", "webSocket", "shared", "fold", "place"]) expect(said).toContain(name);
});
