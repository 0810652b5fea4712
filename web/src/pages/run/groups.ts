/** Which metrics share a chart, and what each looks like. */
import type { LineSpec } from "../../charts/line.ts";
import { label } from "../../format.ts";

export interface Group {
  /** Part of the chart's test id. */
  readonly id: string;
  readonly title: string;
  readonly lines: readonly LineSpec[];
}

const PAIRS: readonly { id: string; title: string; keys: readonly (readonly [string, string])[] }[] = [
  { id: "generator_loss", title: "Generator loss", keys: [["generator_loss", "Generator"]] },
  { id: "discriminator_loss", title: "Discriminator loss", keys: [["discriminator_loss", "Discriminator"]] },
  {
    id: "scores",
    title: "Real and fake scores",
    keys: [
      ["real_scores", "Real"],
      ["fake_scores", "Fake"],
    ],
  },
];

/** What is an axis and not a measurement. */
const AXES = new Set(["epoch", "step"]);

/** The GAN's own charts first, then every other metric by name; `train_x` and `val_x` share one. */
export function groupsOf(keys: readonly string[]): Group[] {
  const left = new Set(keys.filter((key) => !AXES.has(key)));
  const groups: Group[] = [];
  for (const { id, title, keys: wanted } of PAIRS) {
    const there = wanted.filter(([key]) => left.delete(key));
    if (there.length > 0) groups.push({ id, title, lines: there.map(([key, name], index) => line(key, name, index)) });
  }
  for (const key of [...left].sort()) {
    if (!left.has(key)) continue;
    const partner = key.startsWith("train_") ? `val_${key.slice(6)}` : null;
    left.delete(key);
    if (partner !== null && left.delete(partner)) {
      const lines = [line(key, "Training", 0), line(partner, "Validation", 1)];
      groups.push({ id: key.slice(6), title: label(key.slice(6)), lines });
    } else groups.push({ id: key, title: label(key), lines: [line(key, label(key), 0)] });
  }
  return groups;
}

function line(key: string, name: string, index: number): LineSpec {
  // Told by dashes as well as by colour; from the seventh on the colours come again, dashed otherwise.
  const dash = index === 0 ? [] : index < 6 ? [[6, 4], [2, 3], [10, 4], [6, 3, 2, 3], [3, 6]][index - 1]! : [8, 3, 2, 3];
  return { key, label: name, color: `--series-${(index % 6) + 1}`, dash };
}
