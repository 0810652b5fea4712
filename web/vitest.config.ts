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
  test: { include: ["clients/js/test/**/*.test.ts", "web/test/**/*.test.ts"], environment: "node", execArgv: ["--experimental-websocket"], testTimeout: 60_000, hookTimeout: 60_000 },
});
