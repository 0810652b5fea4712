/** What a run's page follows: the run, its series, its log and its machine, in one room. */
import { LogPart, Room, RunState, SeriesPart, SystemPart, type Run } from "pulsetrain";
import { ms } from "../../format.ts";
import { server, sources } from "../../app/server.ts";
import { Board } from "../../charts/board.ts";
import type { RunMark } from "../../charts/marks.ts";
import { entriesOf, isMarked, markText, TimelinePart, type Entry } from "./timeline.ts";

export interface OpenRun {
  readonly id: string;
  readonly room: Room;
  readonly state: RunState;
  readonly series: SeriesPart;
  readonly log: LogPart;
  readonly machine: SystemPart;
  readonly timeline: TimelinePart;
  readonly board: Board;
}

/** Unix seconds that relative time counts from: the start, or the first point where that came before the word of it. */
function startOf(run: Run, series: SeriesPart): number {
  let start = ms(run.started_at ?? run.created_at) / 1000;
  for (const column of series.columns.values()) if (column.length > 0) start = Math.min(start, column.time[0]!);
  return start;
}

function markOf(entry: Entry): RunMark {
  const { seq: id, kind, tone, step } = entry;
  return { id, kind, tone, step, time: ms(entry.time) / 1000, text: markText(entry) };
}

let last: OpenRun | null = null;

/** The open run `id`. The one shown last is kept, so that going back to it goes on from its cursor. */
export function openRun(id: string): OpenRun {
  if (last?.id === id && last.room.connection.state !== "refused") return last;
  const state = new RunState(server, id);
  const series = new SeriesPart(server, id);
  const log = new LogPart(server, id);
  const machine = new SystemPart(server, id, () => room.changed());
  const timeline = new TimelinePart(server, id);
  const board = new Board(series.columns);
  const room: Room = new Room({ at: server, sources, run: [id], parts: [state, series, log, machine, timeline] });
  let marked = timeline.events;
  room.subscribe(() => {
    const { run } = state;
    if (run) board.start = startOf(run, series);
    if (timeline.events !== marked) {
      marked = timeline.events;
      board.marks = entriesOf(marked).filter(isMarked).map(markOf);
    }
    board.changed();
  });
  last = { id, room, state, series, log, machine, timeline, board };
  return last;
}
