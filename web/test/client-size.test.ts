/** What a page pays for the client: bundled and minified with vite, React left out, in gzip. */
import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { build, type Rollup } from "vite";
import { expect, it } from "vitest";

const src = fileURLToPath(new URL("../../clients/js/src/", import.meta.url));
const HOOKS = `export { PulsetrainProvider, useRoom, useRun, useRuns, useTrainingStream } from "${src}react.ts";
export { place } from "${src}http.ts";`;

/** Bytes in gzip of a script with `code` and all that it imports but `external`. */
async function sizeOf(code: string, external: (string | RegExp)[] = []): Promise<number> {
  const entry = {
    name: "entry",
    resolveId: (id: string) => (id === "entry" ? "\0entry" : null),
    load: (id: string) => (id === "\0entry" ? code : null),
  };
  const output = await build({
    configFile: false,
    logLevel: "silent",
    plugins: [entry],
    build: {
      write: false,
      target: "es2022",
      modulePreload: false,
      rollupOptions: { input: "entry", external: ["react", ...external], preserveEntrySignatures: "strict" },
    },
  });
  const chunks = (output as Rollup.RollupOutput).output.filter((each) => each.type === "chunk");
  return chunks.reduce((total, chunk) => total + gzipSync(chunk.code, { level: 9 }).length, 0);
}

it.each([
  // One hook that hands events on as they are, with all that keeps its stream going.
  ["core and useEvents", `export { useEvents } from "${src}react.ts";`, [], 5_000],
  // The stream over SSE and long poll with all that keeps it going, the store, and the hooks.
  ["core and hooks", HOOKS, [/fold\.ts$/], 5_000],
  // The fold is the protocol's rules, the same as the server's.
  ["core, hooks and fold", HOOKS, [], 6_800],
  ["core alone", `export { EventStream } from "${src}stream.ts";`, [], 3_600],
  // Only for who asks for them.
  ["WebSocket", `export { webSocket } from "${src}sources/websocket.ts";`, [], 1_500],
  ["SharedWorker, in the tab", `export { shared } from "${src}sources/shared.ts";`, [], 1_500],
  ["SharedWorker, the worker's script", `import "${src}worker/index.ts";`, [], 6_000],
])("%s stay in their budget", async (what, code, external, budget) => {
  const bytes = await sizeOf(code, external);
  console.log(`clients/js: ${what} ${(bytes / 1000).toFixed(2)} kB gzip (budget ${budget / 1000} kB)`);
  expect(bytes).toBeGreaterThan(500);
  expect(bytes).toBeLessThanOrEqual(budget);
}, 60_000);
