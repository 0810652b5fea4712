/** The package as it is shipped: built, each entry imported by plain Node, and each with its types. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";

const root = new URL("../", import.meta.url).pathname;
const out = mkdtempSync(join(tmpdir(), "pulsetrain-package-"));
const tsc = join(root, "../../web/node_modules/typescript/bin/tsc");
const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  exports: Record<string, { source: string; types: string; default: string }>;
};

beforeAll(() => {
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

it("has a README whose code is right", () => {
  const blocks = [...readFileSync(join(root, "README.md"), "utf8").matchAll(/^```tsx?\n(.*?)^```/gms)].map(([, code]) => code!);
  expect(blocks.length).toBeGreaterThan(3);
  const files = blocks.map((code, index) => {
    const file = join(out, `readme-${index}.tsx`);
    // A block that only shows a list imports nothing: it is part of a page that has what it names.
    const imports = code.includes("import ") ? "" : 'import { poll, shared, sse } from "pulsetrain";\n';
    writeFileSync(file, `${imports}${code}\nexport {};\n`);
    return file;
  });
  const types = join(root, "../../web/node_modules/@types");
  const paths = {
    pulsetrain: [join(out, "dist/index.d.ts")],
    "pulsetrain/react": [join(out, "dist/react.d.ts")],
    react: [join(types, "react")],
    "react/*": [join(types, "react/*")],
  };
  const compilerOptions = { noEmit: true, jsx: "react-jsx", noUnusedLocals: false, types: [], paths };
  writeFileSync(join(out, "tsconfig.json"), JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, include: [], files }));
  expect(() => execFileSync(process.execPath, [tsc, "-p", out], { stdio: "pipe", encoding: "utf8" })).not.toThrow();
}, 60_000);
