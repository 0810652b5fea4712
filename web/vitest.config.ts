import { defineConfig } from "vitest/config";
import { fileURLToPath } from "node:url";

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  resolve: { conditions: ["source"] },
  test: { include: ["clients/js/test/**/*.test.ts", "web/test/**/*.test.{ts,tsx}"], environment: "node" },
});
