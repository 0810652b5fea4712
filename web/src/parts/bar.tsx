import type { ReactNode } from "react";

/** How much is done, 0–100; null when nobody knows yet. */
export function Bar({ percent, tone = "", name }: { percent: number | null; tone?: string; name: string }): ReactNode {
  const known = percent !== null;
  return (
    <div
      className={`bar ${tone}`}
      role="progressbar"
      aria-label={name}
      aria-valuemin={0}
      aria-valuemax={100}
      {...(known ? { "aria-valuenow": Math.round(percent) } : {})}
    >
      <i style={{ transform: `scaleX(${known ? Math.min(100, Math.max(0, percent)) / 100 : 0})` }} />
    </div>
  );
}
