import { useState, type ReactNode } from "react";

interface FoldProps {
  title: string;
  /** Something in it needs to be seen; what was opened for that stays open once it is put right. */
  urgent: boolean;
  testid: string;
  children: ReactNode;
}

/** A part of the form that nobody has to open. */
export function Fold({ title, urgent, testid, children }: FoldProps): ReactNode {
  const [open, setOpen] = useState(urgent);
  return (
    <details className="advanced" open={open || urgent} onToggle={(event) => setOpen(event.currentTarget.open)} data-testid={testid}>
      <summary>{title}</summary>
      <div className="fields-in">{children}</div>
    </details>
  );
}
