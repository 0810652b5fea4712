// Fails when the page's entry (its HTML, and the scripts and styles that it loads at once) is above the budget.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";

const BUDGET = 160_000;
const page = resolve(process.env.PULSETRAIN_PAGE_OUT ?? new URL("../../src/pulsetrain/_page", import.meta.url).pathname);
const manifest = JSON.parse(readFileSync(`${page}/manifest.json`, "utf8"));

const files = new Set(["index.html", "theme.js"]);
const visit = (key) => {
  const chunk = manifest[key];
  if (files.has(chunk.file)) return;
  files.add(chunk.file);
  for (const style of chunk.css ?? []) files.add(style);
  for (const next of chunk.imports ?? []) visit(next);
};
visit("index.html");

let total = 0;
for (const file of files) {
  const size = gzipSync(readFileSync(`${page}/${file}`), { level: 9 }).length;
  total += size;
  console.log(`${(size / 1000).toFixed(1).padStart(7)} kB  ${file}`);
}
console.log(`${(total / 1000).toFixed(1).padStart(7)} kB  entry, gzip (budget ${BUDGET / 1000} kB)`);
if (total > BUDGET) {
  console.error("The entry is above its budget: load later what the first screen does not need.");
  process.exit(1);
}
