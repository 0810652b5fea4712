import { useNavigate, useSearch } from "@tanstack/react-router";
import type { Level, LogPart, Room, SeqLine } from "pulsetrain";
import { ArrowDownToLine, Maximize2, Minimize2 } from "lucide-react";
import { useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState, type ReactNode } from "react";
import { useKeys } from "../../app/keys.ts";
import type { Board } from "../../charts/board.ts";
import { clock, count, counted } from "../../format.ts";

const LINE = 20;
const OVERSCAN = 10;
const RANK: Readonly<Record<Level, number>> = { debug: 0, info: 1, warning: 2, error: 3 };

interface LogProps {
  part: LogPart;
  board: Board;
  room: Room;
  total: number;
}

/** The run's output: only the lines in view are in the document, and their text is text, never markup. */
export function Log({ part, board, room, total }: LogProps): ReactNode {
  const search = useSearch({ from: "/runs/$id" });
  const navigate = useNavigate({ from: "/runs/$id" });
  const [wide, setWide] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const lines = useLines(part, room, search.level, search.q);
  const view = useScroll(part, lines, board);
  const set = (next: { level?: "info" | "warning" | "error" | undefined; q?: string | undefined }) =>
    void navigate({ search: (old) => ({ ...old, ...next }), replace: true, resetScroll: false });
  useKeys({
    "/": () => field.current?.focus(),
    n: () => view.nextError(),
  });
  const shown = lines.slice(view.first, view.last);
  return (
    <section className="panel log" data-wide={wide} aria-label="Log">
      <header>
        <h2>Log</h2>
        <span className="faint grow">{search.level || search.q ? `${counted(lines.length, "line")} of ${count(total)}` : counted(total, "line")}</span>
        <button className={`button small ${view.following ? "on" : ""}`} aria-pressed={view.following} onClick={view.follow} data-testid="log-follow">
          <ArrowDownToLine className="icon" aria-hidden />
          {view.following ? "Following" : "Follow"}
        </button>
        <button className="button quiet small icon-only" onClick={() => setWide(!wide)} aria-label={wide ? "Smaller" : "Larger"} title={wide ? "Smaller" : "Larger"}>
          {wide ? <Minimize2 className="icon" /> : <Maximize2 className="icon" />}
        </button>
      </header>
      <div className="log-filter">
        <select className="input" aria-label="Least level" value={search.level ?? ""} onChange={(event) => set({ level: (event.target.value || undefined) as "info" | undefined })} data-testid="log-level">
          <option value="">All levels</option>
          <option value="info">Info and above</option>
          <option value="warning">Warnings</option>
          <option value="error">Errors</option>
        </select>
        <input
          ref={field}
          className="input"
          type="search"
          placeholder="Search the log"
          aria-label="Search the log"
          value={search.q ?? ""}
          onChange={(event) => set({ q: event.target.value || undefined })}
        />
      </div>
      <div className="log-scroll" ref={view.box} onScroll={view.onScroll} tabIndex={0} role="log" aria-label="Output" aria-live="off" data-testid="log">
        {lines.length === 0 && <p className="faint log-empty">{total === 0 ? "Nothing printed yet." : "No line matches."}</p>}
        <div style={{ height: lines.length * LINE, width: "max-content", minWidth: "100%", position: "relative" }}>
          <ol style={{ transform: `translateY(${view.first * LINE}px)` }}>
            {shown.map((line, index) => (
              <Line key={view.first + index} line={line} marked={view.first + index === view.marked} />
            ))}
          </ol>
        </div>
      </div>
    </section>
  );
}

function Line({ line, marked }: { line: SeqLine; marked: boolean }): ReactNode {
  const level = line.level ?? (line.stream === "pulsetrain" ? "info" : null);
  return (
    <li className="log-line" data-testid="log-line" data-level={level ?? undefined} data-stream={line.stream} data-marked={marked || undefined}>
      <time>{clock(line.time)}</time>
      <b>{level === null || level === "info" || level === "debug" ? "" : level === "warning" ? "WARN" : "ERROR"}</b>
      <span>
        {typeof line.rank === "number" && <i className="faint">rank {line.rank} </i>}
        {line.text}
      </span>
    </li>
  );
}

/** The lines that pass the filters. */
function useLines(part: LogPart, room: Room, level: Level | undefined, q: string | undefined): readonly SeqLine[] {
  const { version } = part;
  void room;
  return useMemo(() => {
    if (level === undefined && q === undefined) return part.lines;
    const least = level === undefined ? -1 : RANK[level];
    const text = q?.toLowerCase() ?? "";
    return part.lines.filter((line) => RANK[line.level ?? "info"] >= least && line.text.toLowerCase().includes(text));
    // The lines grow in place; their version tells.
  }, [part, version, level, q]);
}

/** Where the list is scrolled to, what of it is in view, and whether it follows its end. */
function useScroll(part: LogPart, lines: readonly SeqLine[], board: Board) {
  const box = useRef<HTMLDivElement>(null);
  const [following, setFollowing] = useState(true);
  const [marked, setMarked] = useState(-1);
  const [, render] = useReducer((n: number) => n + 1, 0);
  const loading = useRef(false);
  const followed = useRef(false);
  const latest = useRef(lines);
  latest.current = lines;

  useLayoutEffect(() => {
    const node = box.current;
    if (node && following) node.scrollTop = node.scrollHeight;
  });
  useEffect(() => {
    const resize = new ResizeObserver(render);
    if (box.current) resize.observe(box.current);
    return () => resize.disconnect();
  }, []);
  const show = (index: number) => {
    setFollowing(false);
    setMarked(index);
    if (box.current) box.current.scrollTop = index * LINE - box.current.clientHeight / 2;
  };
  // The crosshair of a chart points at the line of that moment.
  useEffect(
    () =>
      board.onMoment((moment) => {
        if (moment === null) {
          setMarked(-1);
          if (followed.current) setFollowing(true);
          followed.current = false;
          return;
        }
        const index = at(latest.current, moment.time);
        setMarked(index);
        const node = box.current;
        if (node && index >= 0 && latest.current.length > 0) {
          setFollowing((before) => {
            followed.current ||= before;
            return false;
          });
          node.scrollTop = index * LINE - node.clientHeight / 2;
        }
      }),
    [board],
  );

  const older = async (node: HTMLDivElement) => {
    if (loading.current) return;
    loading.current = true;
    const came = await part.older().catch(() => 0);
    loading.current = false;
    // Hold the view still while lines come in above it.
    if (came > 0) node.scrollTop += came * LINE;
    render();
  };
  const node = box.current;
  const top = node?.scrollTop ?? 0;
  const height = node?.clientHeight ?? 300;
  const last = following ? lines.length : Math.min(lines.length, Math.ceil((top + height) / LINE) + OVERSCAN);
  const first = Math.max(0, following ? lines.length - Math.ceil(height / LINE) - OVERSCAN : Math.floor(top / LINE) - OVERSCAN);
  return {
    box,
    following,
    marked,
    first: Math.min(first, last),
    last,
    follow: () => {
      setFollowing(!following);
      setMarked(-1);
    },
    nextError: () => {
      const from = marked < 0 ? -1 : marked;
      let index = lines.findIndex((line, place) => place > from && line.level === "error");
      if (index < 0) index = lines.findIndex((line) => line.level === "error");
      if (index >= 0) show(index);
    },
    onScroll: () => {
      const { current } = box;
      if (!current) return;
      const end = current.scrollHeight - current.scrollTop - current.clientHeight < LINE;
      if (end !== following) setFollowing(end);
      if (current.scrollTop < 200 && !end) void older(current);
      render();
    },
  };
}

/** Index of the last line at or before `time`. */
function at(lines: readonly SeqLine[], time: number): number {
  let [from, to] = [0, lines.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (lines[middle]!.time <= time) from = middle + 1;
    else to = middle;
  }
  return from - 1;
}
