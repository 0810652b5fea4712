import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { call } from "pulsetrain";
import { ArrowDown, ArrowUp, X } from "lucide-react";
import { useState, type KeyboardEvent, type ReactNode } from "react";
import { useNow } from "../../app/clock.ts";
import { queries } from "../../app/queries.ts";
import type { Waiting } from "../../app/queue.ts";
import { server } from "../../app/server.ts";
import { counted, duration } from "../../format.ts";
import { Confirm } from "../../parts/confirm.tsx";
import { Problem } from "../../parts/problem.tsx";
import { taken } from "./resources.ts";

type Move = { before: string } | { after: string } | { priority: number };

/** Those who wait, in order; each can be moved, given another priority, and taken out. */
export function WaitingList({ waiting, fetched }: { waiting: Waiting[]; fetched: number }): ReactNode {
  const move = useMutation({
    // One after the other: who presses a key again before the answer is there means it.
    scope: { id: "queue" },
    mutationFn: ({ run, to }: { run: string; to: Move }) => call(server, "POST", `/api/runs/${encodeURIComponent(run)}/queue`, { body: to }),
    onSettled: () => void queries.invalidateQueries({ queryKey: ["queue"] }),
  });
  return (
    <section className="panel fresh" aria-label="Waiting" data-testid="waiting">
      <header>
        <h2 className="grow">Waiting</h2>
        {waiting.length > 1 && (
          <span className="faint keys-hint">
            Move with <kbd>Alt</kbd> <kbd>↑</kbd> <kbd>↓</kbd>
          </span>
        )}
        <span className="faint">{counted(waiting.length, "run")}</span>
      </header>
      {move.isError && (
        <div className="body">
          <Problem error={move.error} testid="move-error" />
        </div>
      )}
      {waiting.length === 0 && <p className="body muted">Nobody waits. What is started now begins as soon as there is room for it.</p>}
      <ol>
        {waiting.map((each, index) => (
          <Row
            key={each.run}
            waiting={each}
            before={waiting[index - 1]?.run ?? null}
            after={waiting[index + 1]?.run ?? null}
            fetched={fetched}
            onMove={(to) => move.mutate({ run: each.run, to })}
          />
        ))}
      </ol>
    </section>
  );
}

interface RowProps {
  waiting: Waiting;
  before: string | null;
  after: string | null;
  fetched: number;
  onMove: (to: Move) => void;
}

function Row({ waiting, before, after, fetched, onMove }: RowProps): ReactNode {
  const now = useNow();
  const { run, name, position, priority, resources, start_seconds: start, reason } = waiting;
  const up = () => before !== null && onMove({ before });
  const down = () => after !== null && onMove({ after });
  const keys = (event: KeyboardEvent) => {
    if (!event.altKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
    event.preventDefault();
    if (event.key === "ArrowUp") up();
    else down();
  };
  const left = start === null ? null : start - (now - fetched) / 1000;
  return (
    <li className="queue-row waits" onKeyDown={keys} data-testid={`waits-${run}`}>
      <span className="position" aria-label={`Place ${position}`}>
        {position}
      </span>
      <span className="what">
        <Link to="/runs/$id" params={{ id: run }} className="cut">
          {name}
        </Link>
        <span className="faint cut">{taken(resources)}</span>
      </span>
      <span className="why">
        <span data-testid="start-estimate">{left === null ? "Start not known yet" : left < 1 ? "Starts any moment" : `Starts in about ${duration(left)}`}</span>
        <span className="faint">{reason}</span>
      </span>
      <Priority key={priority} name={name} value={priority} onValue={(value) => onMove({ priority: value })} />
      <span className="row moves">
        <button className="button quiet small icon-only" aria-disabled={before === null} onClick={up} aria-label={`Move ${name} up`} title="Up (Alt ↑)">
          <ArrowUp className="icon" />
        </button>
        <button className="button quiet small icon-only" aria-disabled={after === null} onClick={down} aria-label={`Move ${name} down`} title="Down (Alt ↓)">
          <ArrowDown className="icon" />
        </button>
        <Cancel run={run} name={name} />
      </span>
    </li>
  );
}

/** Taken when one leaves the field or presses Enter, so that typing "10" is not first a "1". */
function Priority({ name, value, onValue }: { name: string; value: number; onValue: (value: number) => void }): ReactNode {
  const [text, setText] = useState(String(value));
  const wanted = Number(text);
  const wrong = text.trim() === "" || !Number.isInteger(wanted) || wanted < -100 || wanted > 100;
  const commit = () => {
    if (wrong) setText(String(value));
    else if (wanted !== value) onValue(wanted);
  };
  return (
    <label className="priority">
      <span className="faint">Priority</span>
      <input
        className="input"
        inputMode="numeric"
        autoComplete="off"
        aria-label={`Priority of ${name}`}
        aria-invalid={wrong}
        title="-100 to 100; higher goes first"
        value={text}
        onChange={(event) => setText(event.target.value)}
        onBlur={commit}
        onKeyDown={(event) => {
          if (event.key === "Enter") commit();
          if (event.key === "Escape") setText(String(value));
        }}
      />
    </label>
  );
}

function Cancel({ run, name }: { run: string; name: string }): ReactNode {
  const [open, setOpen] = useState(false);
  const cancel = useMutation({
    mutationFn: () => call(server, "POST", `/api/runs/${encodeURIComponent(run)}/stop`, { body: {} }),
    onSuccess: () => setOpen(false),
    onSettled: () => queries.invalidateQueries({ queryKey: ["queue"] }),
  });
  return (
    <>
      <button className="button quiet small icon-only" onClick={() => setOpen(true)} aria-label={`Cancel ${name}`} title="Cancel">
        <X className="icon" />
      </button>
      <Confirm
        open={open}
        onOpenChange={setOpen}
        title={`Cancel ${name}?`}
        text="It leaves the queue and is marked as stopped. It can be started again from its page."
        action="Cancel the run"
        onConfirm={() => cancel.mutate()}
      >
        {cancel.isError && <Problem error={cancel.error} />}
      </Confirm>
    </>
  );
}
