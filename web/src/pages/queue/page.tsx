import { Link } from "@tanstack/react-router";
import { Coffee } from "lucide-react";
import type { ReactNode } from "react";
import { useNow } from "../../app/clock.ts";
import { Crumbs } from "../../app/crumbs.tsx";
import { house, runList, useRoom } from "../../app/live.ts";
import { useQueue, type Holding, type Machine } from "../../app/queue.ts";
import { bytes, count, counted, duration, ms, percent } from "../../format.ts";
import { Bar } from "../../parts/bar.tsx";
import { Problem } from "../../parts/problem.tsx";
import { shownState, StateBadge } from "../../parts/state.tsx";
import { taken } from "./resources.ts";
import { WaitingList } from "./waiting.tsx";
import "./queue.css";

export function QueuePage(): ReactNode {
  useRoom(house, 250);
  const queue = useQueue();
  const { waiting = [], running = [], machine } = queue.data ?? {};
  return (
    <div className="page queue">
      <Crumbs title="Queue">
        <span>Queue</span>
      </Crumbs>
      <header>
        <div className="grow">
          <h1>Queue</h1>
          <p className="muted">Who has the machine, who waits for it, and what for.</p>
        </div>
      </header>
      {queue.isError && <Problem error={queue.error} />}
      {queue.isPending && <div className="skeleton" style={{ height: 240 }} />}
      {machine && <Room machine={machine} running={running} />}
      {queue.data && running.length === 0 && waiting.length === 0 && <Empty />}
      {running.length > 0 && (
        <section className="panel fresh" aria-label="Running">
          <header>
            <h2 className="grow">Running</h2>
            <span className="faint">{counted(running.length, "run")}</span>
          </header>
          <ul>
            {running.map((each) => (
              <Running key={each.run} holding={each} fetched={queue.dataUpdatedAt} />
            ))}
          </ul>
        </section>
      )}
      {queue.data && (running.length > 0 || waiting.length > 0) && <WaitingList waiting={waiting} fetched={queue.dataUpdatedAt} />}
    </div>
  );
}

/** How much of the machine is given away. */
function Room({ machine, running }: { machine: Machine; running: Holding[] }): ReactNode {
  // A paused run holds its memory and GPUs, not its cores and its slot.
  const working = running.filter(({ run }) => runList.find(run)?.state !== "paused");
  const sum = (from: Holding[], of: (holding: Holding) => number) => from.reduce((total, each) => total + of(each), 0);
  const cores = sum(working, ({ resources }) => resources.cores);
  const memory = sum(running, ({ resources }) => resources.memory_bytes ?? 0);
  const gpus = sum(running, ({ resources }) => resources.gpus);
  return (
    <section className="panel room" aria-label="The machine">
      <Share name="Slots" used={working.length} of={machine.slots} text={`${working.length} of ${machine.slots}`} />
      <Share name="Cores" used={cores} of={machine.cores} text={`${count2(cores)} of ${count2(machine.cores)}`} />
      <Share name="Memory asked for" used={memory} of={machine.memory_bytes} text={`${memory === 0 ? "none" : bytes(memory)} of ${bytes(machine.memory_bytes)}`} />
      {machine.gpus.length > 0 && <Share name="GPUs" used={gpus} of={machine.gpus.length} text={`${gpus} of ${machine.gpus.length}`} />}
    </section>
  );
}

function count2(value: number): string {
  return Number.isInteger(value) ? count(value) : String(Number(value.toFixed(2)));
}

function Share({ name, used, of, text }: { name: string; used: number; of: number; text: string }): ReactNode {
  return (
    <div className="share-of">
      <span className="row">
        <span className="faint grow">{name}</span>
        <b>{text}</b>
      </span>
      <Bar percent={of > 0 ? (100 * used) / of : null} name={`${name} in use`} />
    </div>
  );
}

function Running({ holding, fetched }: { holding: Holding; fetched: number }): ReactNode {
  const now = useNow();
  const run = runList.find(holding.run);
  const progress = run?.progress ?? null;
  const left =
    progress?.eta_seconds != null && progress.time !== null
      ? progress.eta_seconds - (now - ms(progress.time)) / 1000
      : holding.eta_seconds === null
        ? null
        : holding.eta_seconds - (now - fetched) / 1000;
  return (
    <li className="queue-row" data-testid={`holds-${holding.run}`}>
      <span className="what">
        <Link to="/runs/$id" params={{ id: holding.run }} className="cut">
          {holding.name}
        </Link>
        <span className="faint cut">{taken(holding.resources)}</span>
      </span>
      <span>{run && <StateBadge state={shownState(run)} />}</span>
      <span className="how">
        <span className="row">
          <span className="grow">
            <Bar percent={progress?.percent ?? null} name={`Progress of ${holding.name}`} />
          </span>
          <span className="share">{percent(progress?.percent ?? null)}</span>
        </span>
        <span className="faint cut">{run?.state === "paused" ? "paused" : left === null ? "time left unknown" : left < 1 ? "nearly done" : `${duration(left)} left`}</span>
      </span>
    </li>
  );
}

function Empty(): ReactNode {
  return (
    <div className="panel empty">
      <Coffee className="icon" aria-hidden />
      <h2>Nobody waits</h2>
      <p>The whole machine is free. What you start now runs at once; when all places are taken, the next runs line up here.</p>
      <Link to="/" className="button primary">
        Start a run
      </Link>
    </div>
  );
}
