import { useEffect, useState, type ReactNode } from "react";
import { createPortal } from "react-dom";

/** The page's place in the header, and the title of the tab. */
export function Crumbs({ title, children }: { title: string; children: ReactNode }): ReactNode {
  const [place, setPlace] = useState<HTMLElement | null>(null);
  useEffect(() => setPlace(document.getElementById("crumbs")), []);
  useEffect(() => {
    document.title = `${title} · pulsetrain`;
  }, [title]);
  return place && createPortal(children, place);
}
