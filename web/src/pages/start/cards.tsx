import { useMutation } from "@tanstack/react-query";
import { call } from "pulsetrain";
import { Check, FileSpreadsheet, LoaderCircle, MessagesSquare, Sparkles, Trash2, TriangleAlert, X } from "lucide-react";
import { useState, type ReactNode } from "react";
import { FORMATS, queries, type Dataset, type Trainer } from "../../app/queries.ts";
import { server } from "../../app/server.ts";
import { bytes, count, counted } from "../../format.ts";
import { Confirm } from "../../parts/confirm.tsx";
import { Problem } from "../../parts/problem.tsx";
import { takes } from "./choice.ts";
import { Upload } from "./upload.tsx";

interface CardsProps {
  datasets: Dataset[] | undefined;
  /** The trainer that was asked for, whose data alone is offered; null for all. */
  trainer: Trainer | null;
  onAnyTrainer: () => void;
  /** More are being made. */
  preparing: boolean;
  chosen: string | null;
  onChoose: (id: string) => void;
}

export function Cards({ datasets, trainer, onAnyTrainer, preparing, chosen, onChoose }: CardsProps): ReactNode {
  const offered = (datasets ?? []).filter((each) => trainer === null || takes(trainer, each) || each.id === chosen);
  const left = (datasets?.length ?? 0) - offered.length;
  const mine = offered.filter((each) => !each.sample);
  const samples = offered.filter((each) => each.sample);
  // Two of one title are told apart by their files' names.
  const heads = (datasets ?? []).map((each) => titleOf(each)[0]);
  const [problem, setProblem] = useState<unknown>(null);
  return (
    <section aria-label="Data sets" className="cards" data-alone={(datasets?.length === 0 && !preparing) || undefined}>
      <div className="makers">
        <Upload onDone={onChoose} onProblem={setProblem} />
        <OrderBook onDone={onChoose} onProblem={setProblem} />
      </div>
      {problem !== null && (
        <Problem error={problem} testid="upload-error">
          <button className="button quiet small icon-only" onClick={() => setProblem(null)} aria-label="Dismiss">
            <X className="icon" />
          </button>
        </Problem>
      )}
      {[...mine, ...samples].map((dataset) => (
        <Card
          key={dataset.id}
          dataset={dataset}
          head={heads.filter((head) => head === titleOf(dataset)[0]).length > 1 ? dataset.name : titleOf(dataset)[0]}
          chosen={dataset.id === chosen}
          onChoose={onChoose}
        />
      ))}
      {trainer !== null && left > 0 && (
        <p className="left muted" data-testid="datasets-left">
          {`${counted(left, "data set is", "data sets are")} not what ${trainer.title} learns from.`}{" "}
          <button className="link" onClick={onAnyTrainer}>
            Show all
          </button>
        </p>
      )}
      {preparing && [0, 1, 2, 3, 4].slice(samples.length).map((key) => <div key={key} className="skeleton card-height" />)}
    </section>
  );
}

interface CardProps {
  dataset: Dataset;
  head: string;
  chosen: boolean;
  onChoose: (id: string) => void;
}

function Card({ dataset, head, chosen, onChoose }: CardProps): ReactNode {
  const { id, rows, columns, size, sample, source, licence, problem } = dataset;
  const [, about] = titleOf(dataset);
  const Icon = dataset.task === "nlu" ? MessagesSquare : FileSpreadsheet;
  const rowsOf = dataset.task === "nlu" ? "examples" : "rows";
  const form = dataset.format === "csv" || dataset.task === "nlu" ? "" : `, ${FORMATS[dataset.format]}`;
  const origin = [licence, source].filter(Boolean).join(" · ") || (sample ? "" : "Your file");
  return (
    <div className="card" data-chosen={chosen}>
      <button className="card-face" onClick={() => onChoose(id)} aria-pressed={chosen} data-testid={`dataset-card-${id}`}>
        <span className="row">
          <Icon className="icon faint" aria-hidden />
          <b className="cut grow" title={head}>
            {head}
          </b>
          {chosen && <Check className="icon tick" aria-hidden />}
        </span>
        {about && !problem && <span className="about">{about}</span>}
        {problem ? (
          <span className="problem">
            <TriangleAlert className="icon" aria-hidden />
            {problem}
          </span>
        ) : (
          <span className="size" title={bytes(size)}>
            {rows === null ? `${bytes(size)}, not read yet` : `${count(rows)} ${rowsOf}${dataset.task === "nlu" ? "" : ` × ${count(columns)} columns`}${form}`}
          </span>
        )}
        <span className="faint origin" title={origin}>
          {origin}
        </span>
      </button>
      <Remove dataset={dataset} />
    </div>
  );
}

/** A title such as "Wine: 13 figures of 178 wines", in its two parts. */
export function titleOf({ title, name }: Dataset): [head: string, about: string] {
  const [, head, about] = /^([^:]{1,40}): (.+)$/.exec(title) ?? [];
  return head && about ? [head, about.charAt(0).toUpperCase() + about.slice(1)] : [title || name, ""];
}

function Remove({ dataset }: { dataset: Dataset }): ReactNode {
  const [open, setOpen] = useState(false);
  const remove = useMutation({
    mutationFn: () => call(server, "DELETE", `/api/datasets/${encodeURIComponent(dataset.id)}`),
    onSuccess: async () => {
      setOpen(false);
      await queries.invalidateQueries({ queryKey: ["datasets"] });
    },
  });
  return (
    <>
      <button className="button quiet small icon-only remove" onClick={() => setOpen(true)} aria-label={`Delete ${dataset.name}`} title="Delete">
        <Trash2 className="icon" />
      </button>
      <Confirm
        open={open}
        onOpenChange={setOpen}
        title={`Delete ${dataset.name}?`}
        text="The file is removed from the server. Runs that used it keep their results."
        action="Delete"
        onConfirm={() => remove.mutate()}
      >
        {remove.isError && <Problem error={remove.error} />}
      </Confirm>
    </>
  );
}

/** Makes a sample of its own: a synthetic multi-level order book. */
function OrderBook({ onDone, onProblem }: { onDone: (id: string) => void; onProblem: (error: unknown) => void }): ReactNode {
  const make = useMutation({
    onMutate: () => onProblem(null),
    onError: onProblem,
    mutationFn: () => call<{ dataset: Dataset }>(server, "POST", "/api/datasets/order-book", { body: {} }),
    onSuccess: async ({ dataset }) => {
      await queries.invalidateQueries({ queryKey: ["datasets"] });
      onDone(dataset.id);
    },
  });
  const Icon = make.isPending ? LoaderCircle : Sparkles;
  return (
    <button className="card card-face action" onClick={() => make.mutate()} disabled={make.isPending} data-testid="order-book">
      <span className="row">
        <Icon className="icon" aria-hidden />
        <b>{make.isPending ? "Making it…" : "Make an order book"}</b>
      </span>
      <span className="size">Bids and asks of 8 bonds, generated</span>
    </button>
  );
}
