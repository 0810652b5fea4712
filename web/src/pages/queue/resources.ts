/** What a run takes of the machine, in words. Pure. */
import type { Resources } from "pulsetrain";
import { bytes, counted } from "../../format.ts";

export function taken({ cores, memory_bytes: memory, gpus, gpu_indices: named }: Resources): string {
  const words = [cores === 1 ? "1 core" : `${Number(cores.toFixed(2))} cores`];
  if (memory !== null) words.push(bytes(memory));
  if (named && named.length > 0) words.push(`GPU ${named.map((index) => `#${index}`).join(", ")}`);
  else if (gpus > 0) words.push(counted(gpus, "GPU"));
  return words.join(" · ");
}
