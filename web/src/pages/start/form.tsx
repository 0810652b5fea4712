import { useNavigate } from "@tanstack/react-router";
import type { Run } from "pulsetrain";
import { Copy } from "lucide-react";
import { useMemo, type ReactNode } from "react";
import type { Dataset, Trainer } from "../../app/queries.ts";
import { draftOf, fieldsOf } from "../../parts/schema.ts";
import { learnsFrom } from "./choice.ts";
import { Fields, type Like } from "./fields.tsx";
import { planOf } from "./plan.ts";

interface StartFormProps {
  trainers: readonly Trainer[];
  trainer: Trainer;
  dataset: Dataset | null;
  /** The run that the new one shall be like. */
  like: Run | null;
}

/** The start form, made from the trainer's own schema. */
export function StartForm({ trainers, trainer, dataset, like }: StartFormProps): ReactNode {
  const navigate = useNavigate({ from: "/" });
  const old = useMemo<Like | null>(
    () => like && { run: like, draft: draftOf(fieldsOf(trainer.parameters), like.parameters), plan: planOf(like) },
    [like, trainer],
  );
  return (
    <>
      {like && (
        <p className="like" data-testid="like">
          <Copy className="icon" aria-hidden />
          <span className="grow">
            Like <b>{like.name}</b>, with what you change.
          </span>
          <button className="link" onClick={() => void navigate({ search: (was) => ({ ...was, clone: undefined }), resetScroll: false })}>
            Start afresh
          </button>
        </p>
      )}
      <header className="trainer">
        {like === null && trainers.length > 1 && (
          <select
            className="input"
            aria-label="Trainer"
            value={trainer.name}
            onChange={(event) => void navigate({ search: (was) => ({ ...was, trainer: event.target.value }), resetScroll: false })}
          >
            <Options trainers={trainers.filter((each) => each.available)} />
            {trainers.some((each) => !each.available) && (
              <optgroup label="Cannot run here">
                <Options trainers={trainers.filter((each) => !each.available)} />
              </optgroup>
            )}
          </select>
        )}
        <div className="grow">
          {(like !== null || trainers.length === 1) && <h2>{trainer.title}</h2>}
          <p className="muted">{trainer.summary}</p>
          {trainer.available && trainer.data !== "table" && <p className="faint">{learnsFrom(trainer)}.</p>}
        </div>
      </header>
      <Fields key={`${trainer.name} ${like?.id ?? ""}`} trainer={trainer} dataset={dataset} like={old} />
    </>
  );
}

function Options({ trainers }: { trainers: readonly Trainer[] }): ReactNode {
  return trainers.map((each) => (
    <option key={each.name} value={each.name}>
      {each.title}
    </option>
  ));
}
