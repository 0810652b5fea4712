import { defineConfig } from "vitest/config";
import { fileURLToPath } from "node:url";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: here(".."),
  resolve: {
    alias: [
      { find: /^pulsetrain$/, replacement: here("../clients/js/src/index.ts") },
      { find: "pulsetrain/react", replacement: here("../clients/js/src/react.ts") },
    ],
  },
  test: {
    include: ["clients/js/test/**/*.test.ts", "web/test/**/*.test.ts"],
    environment: "node",
    // Node has a WebSocket of its own since version 22, and before that on request.
    execArgv: ["--experimental-websocket"],
    // Real servers start in the tests, and a shared machine may take its time.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
