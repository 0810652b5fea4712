import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  worker: { format: "es" },
  // Only because the client is taken from this checkout, unbuilt; a package from a registry needs none of it.
  resolve: { conditions: ["source", "module", "browser", "development|production"], dedupe: ["react"] },
});
