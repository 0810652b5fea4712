import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const server = process.env["PULSETRAIN_URL"] ?? "http://127.0.0.1:8787";

export default defineConfig({
  plugins: [react()],
  resolve: { conditions: ["source", "module", "browser", "development|production"], dedupe: ["react"] },
  worker: { format: "es" },
  build: {
    outDir: process.env["PULSETRAIN_PAGE_OUT"] ?? "../src/pulsetrain/_page",
    emptyOutDir: true,
    manifest: "manifest.json",
    target: "es2022",
    // Fonts and icons stay files of their own, so that the entry stays small and a strict policy can hold.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    host: "127.0.0.1",
    proxy: { "/api": { target: server, ws: true }, "/health": server },
  },
});
