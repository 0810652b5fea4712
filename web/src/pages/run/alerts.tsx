import type { Alert, Run } from "pulsetrain";
import { CircleX, Info, TriangleAlert } from "lucide-react";
import { useState, type ReactNode } from "react";
import { useNow } from "../../app/clock.ts";
import { ago, count, counted, dateTime } from "../../format.ts";

const LOOKS = { info: ["", Info], warning: ["warn", TriangleAlert], error: ["danger", CircleX] } as const;
const FIRST = 2;

/** What watchdogs saw and what the run itself warned of, newest first. */
export function Alerts({ run }: { run: Run }): ReactNode {
  const [all, setAll] = useState(false);
  const now = useNow(10_000);
  if (run.alerts.length === 0) return null;
  const newest = [...run.alerts].reverse();
  const shown = all ? newest : newest.slice(0, FIRST);
  return (
    <section className="alerts" aria-label="Alerts" data-testid="alerts">
      {shown.map((alert, index) => (
        <Banner key={`${alert.time} ${index}`} alert={alert} now={now} />
      ))}
      {shown.length < newest.length && (
        <button className="button quiet small" onClick={() => setAll(true)}>
          Show {counted(newest.length - shown.length, "earlier alert")}
        </button>
      )}
    </section>
  );
}

function Banner({ alert, now }: { alert: Alert; now: number }): ReactNode {
  const [tone, Icon] = LOOKS[alert.severity];
  const did = alert.action === "pause" ? "it paused the run" : alert.action === "stop" ? "it stopped the run" : "";
  const who = alert.watchdog === null ? "" : `Watchdog “${alert.watchdog}”`;
  return (
    <div className={`notice ${tone}`} role={alert.severity === "info" ? "status" : "alert"} data-testid="alert">
      <Icon className="icon" role="img" aria-label={alert.severity} />
      <div className="grow">
        <p>{alert.message}</p>
        <p className="facts-line">
          {(who || did) && <span>{[who, did].filter(Boolean).join(": ")}</span>}
          {alert.step !== null && <span>after step {count(alert.step)}</span>}
          <time dateTime={alert.time} title={dateTime(alert.time)}>
            {ago(alert.time, now)}
          </time>
        </p>
      </div>
    </div>
  );
}
