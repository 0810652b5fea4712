/** Which trainer and which data go together. Pure. */
import { FORMATS, type Dataset, type Trainer } from "../../app/queries.ts";

/** Whether `trainer` learns from such a data set. */
export function takes(trainer: Trainer, dataset: Pick<Dataset, "format">): boolean {
  return trainer.data !== null && (trainer.data !== "jsonl" || dataset.format === "jsonl");
}

/** What a trainer learns from, in words. */
export function learnsFrom({ data }: Trainer): string {
  if (data === null) return "Needs no data set";
  return data === "jsonl" ? `Learns from ${FORMATS.jsonl}` : "Learns from tables: CSV, JSON Lines or Parquet";
}

/** The trainer that was asked for; else the first that can run and is made for the data. */
export function trainerFor(all: readonly Trainer[], name: string | undefined, dataset: Dataset | null): Trainer | undefined {
  const named = all.find((each) => each.name === name);
  const able = all.filter((each) => each.available);
  const special = dataset?.task === "nlu" ? able.find((each) => each.data === "jsonl") : undefined;
  const fitting = dataset ? able.find((each) => takes(each, dataset)) : undefined;
  return named ?? special ?? fitting ?? able[0] ?? all[0];
}
