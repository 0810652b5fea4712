import { useNavigate, useSearch } from "@tanstack/react-router";
import type { Run } from "pulsetrain";
import { ChartLine, Pause, Radio, X } from "lucide-react";
import { useCallback, useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { useKeys } from "../../app/keys.ts";
import { useTheme } from "../../app/theme.ts";
import type { View } from "../../charts/board.ts";
import { tooNarrow, type XAxis } from "../../charts/derive.ts";
import { LineChart, type LineSpec } from "../../charts/line.ts";
import { count, duration, label, measured } from "../../format.ts";
import { groupsOf, type Group } from "./groups.ts";
import type { OpenRun } from "./open.ts";

const SMOOTH = 0.6;

/** The controls above the charts, and the charts. What is chosen lives in the address. */
export function Charts({ open, run }: { open: OpenRun; run: Run }): ReactNode {
  const { board } = open;
  const search = useSearch({ from: "/runs/$id" });
  const navigate = useNavigate({ from: "/runs/$id" });
  const [paused, setPaused] = useState(board.paused);
  const theme = useTheme((state) => state.theme);
  const view = useMemo<View>(
    () => ({ axis: search.x ?? "step", smooth: search.smooth ?? SMOOTH, log: search.log === true, zoom: zoomOf(search.zoom) }),
    [search.x, search.smooth, search.log, search.zoom],
  );
  const change = useCallback(
    (next: { x?: Exclude<XAxis, "step"> | undefined; smooth?: number; log?: true | undefined; zoom?: string | undefined }) =>
      void navigate({ search: (old) => ({ ...old, ...next }), replace: true, resetScroll: false }),
    [navigate],
  );
  useEffect(() => board.setView(view), [board, view, theme]);
  useEffect(() => {
    board.onZoom = (zoom) => change({ zoom: zoom ? `${Number(zoom[0].toPrecision(12))}~${Number(zoom[1].toPrecision(12))}` : undefined });
  }, [board, change]);
  const pause = (next: boolean) => {
    board.paused = next;
    setPaused(next);
    if (!next) board.redraw();
  };
  const groups = groupsOf(Object.keys(run.metrics));
  const axes = axesOf(run);
  const setAxis = (axis: XAxis) => change({ x: axis === "step" ? undefined : axis, zoom: undefined });
  const smoothness = [0, 0.3, 0.6, 0.9, 0.97];
  useKeys({
    x: () => setAxis(axes[(axes.findIndex(([axis]) => axis === view.axis) + 1) % axes.length]![0]),
    l: () => change({ log: view.log ? undefined : true }),
    s: () => change({ smooth: smoothness.find((each) => each > view.smooth + 0.001) ?? 0 }),
    "0": () => change({ zoom: undefined }),
    Escape: () => change({ zoom: undefined }),
    Space: () => pause(!paused),
  });
  if (groups.length === 0) return Object.keys(run.tables).length > 0 ? null : <NoCharts run={run} />;
  const following = view.zoom === null && !paused;
  return (
    <>
      <div className="controls" role="group" aria-label="How the charts show">
        <div className="segments" role="group" aria-label="X axis">
          {axes.map(([axis, name]) => (
            <button key={axis} aria-pressed={view.axis === axis} onClick={() => setAxis(axis)} data-testid={`axis-${axis}`}>
              {name}
            </button>
          ))}
        </div>
        <label className="row smooth">
          <span className="muted">Smoothing</span>
          <input type="range" min={0} max={0.99} step={0.01} value={view.smooth} onChange={(event) => change({ smooth: Number(event.target.value) })} data-testid="smoothing" />
          <span className="mono muted">{view.smooth.toFixed(2)}</span>
        </label>
        <button className={`button small ${view.log ? "on" : ""}`} aria-pressed={view.log} onClick={() => change({ log: view.log ? undefined : true })} data-testid="log-y">
          Log y
        </button>
        {!run.ended_at && (
          <button
            className={`button small ${following ? "on" : ""}`}
            aria-pressed={following}
            onClick={() => (following ? pause(true) : (pause(false), change({ zoom: undefined })))}
            data-testid="follow-live"
          >
            {following ? <Radio className="icon" aria-hidden /> : <Pause className="icon" aria-hidden />}
            {following ? "Following live" : "Follow live"}
          </button>
        )}
        {view.zoom && (
          <button className="button small" onClick={() => change({ zoom: undefined })} data-testid="zoom-reset" aria-label="Reset the zoom">
            {zoomText(view)} <X className="icon" aria-hidden />
          </button>
        )}
      </div>
      <div className="charts">
        {groups.map((group) => (
          <ChartPanel key={group.id} group={group} open={open} />
        ))}
      </div>
    </>
  );
}

function zoomOf(text: string | undefined): [number, number] | null {
  const [from, to] = (text ?? "").split("~").map(Number);
  return from !== undefined && to !== undefined && Number.isFinite(from) && !tooNarrow(from, to) ? [from, to] : null;
}

function zoomText({ zoom, axis }: View): string {
  const [from, to] = zoom!;
  if (axis === "relative") return `${duration(from)} – ${duration(to)}`;
  if (axis === "wall") return [from, to].map((time) => new Date(time * 1000).toLocaleTimeString("en-GB")).join(" – ");
  return `${count(from)} – ${count(to)}`;
}

/** Only what the data allows: a run whose steps are its epochs has one axis for both. */
function axesOf(run: Run): (readonly [XAxis, string])[] {
  const epochs = run.progress?.epoch != null && run.progress.step === null;
  const known: (readonly [XAxis, string])[] = [["step", epochs ? "Epoch" : "Step"]];
  if ("epoch" in run.metrics) known.push(["epoch", "Epoch"]);
  return [...known, ["relative", "Relative"], ["wall", "Wall"]];
}

function NoCharts({ run }: { run: Run }): ReactNode {
  const waits = !run.ended_at;
  return (
    <div className="panel empty no-charts">
      <ChartLine className="icon" aria-hidden />
      <h2>{waits ? "No numbers yet" : "This run logged no numbers"}</h2>
      <p>{waits ? "Charts appear here with the first metrics." : "Its output is in the log."}</p>
    </div>
  );
}

function ChartPanel({ group, open }: { group: Group; open: OpenRun }): ReactNode {
  const host = useRef<HTMLDivElement>(null);
  const panel = useRef<HTMLElement>(null);
  const values = useRef<(HTMLSpanElement | null)[]>([]);
  const place = useRef<HTMLSpanElement>(null);
  const note = useRef<HTMLSpanElement>(null);
  const lines = group.lines.map((line) => line.key).join(" ");
  useEffect(() => {
    const chart = new LineChart(host.current!, open.board, group.lines as LineSpec[], (texts, x, points, marks) => {
      // Straight into the document: the head of a chart changes with every frame and every move of the pointer.
      texts.forEach((text, index) => setText(values.current[index], text ?? "–"));
      setText(place.current, x === null ? "" : `at ${x}`);
      setText(note.current, marks === 0 ? "" : `${marks} not finite`);
      panel.current!.dataset["points"] = String(points);
      panel.current!.dataset["nonfinite"] = String(marks);
    });
    return () => chart.destroy();
    // The lines of a group are told by their keys.
  }, [open, lines]);
  return (
    <section ref={panel} className="panel chart" aria-label={group.title} data-testid={`chart-${group.id}`} data-keys={lines}>
      <header>
        <h2 className="cut">{group.title}</h2>
        <span ref={note} className="tag bad" />
        <span className="grow" />
        <span ref={place} className="faint at" />
        {group.lines.map((line, index) => (
          <span key={line.key} className="readout">
            {group.lines.length > 1 && (
              <>
                <svg width="18" height="8" aria-hidden>
                  <line x1="0" x2="18" y1="4" y2="4" stroke={`var(${line.color})`} strokeWidth="2.5" strokeDasharray={line.dash.join(" ")} />
                </svg>
                <span className="muted">{line.label}</span>
              </>
            )}
            <span ref={(node) => void (values.current[index] = node)} className="mono value">
              {measured(null)}
            </span>
          </span>
        ))}
      </header>
      <div ref={host} className="plot-host" role="img" aria-label={`Chart of ${group.lines.map((line) => label(line.key)).join(" and ")}`} />
    </section>
  );
}

function setText(node: HTMLElement | null | undefined, text: string): void {
  if (node && node.textContent !== text) node.textContent = text;
}
