/** Keyboard shortcuts: single keys, and `g` followed by one. They keep quiet while somebody types. */
import { useEffect, useRef } from "react";

export type Bindings = Readonly<Record<string, () => void>>;

const layers: { current: Bindings }[] = [];
let prefixUntil = 0;

function typing(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  if (!element?.tagName) return false;
  if (element.isContentEditable || element.tagName === "TEXTAREA" || element.tagName === "SELECT") return true;
  return element.tagName === "INPUT" && !["checkbox", "radio", "button", "range"].includes((element as HTMLInputElement).type);
}

function nameOf(event: KeyboardEvent): string {
  const key = event.key === " " ? "Space" : event.key;
  return event.shiftKey && /^[A-Za-z]$/.test(key) ? `Shift-${key.toUpperCase()}` : key;
}

window.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  // Space presses the button that has the focus.
  if (event.key === " " && (event.target as HTMLElement).closest?.("button, a, summary, input")) return;
  let name = nameOf(event);
  if (performance.now() < prefixUntil) name = `g ${name}`;
  prefixUntil = 0;
  if (name === "g") {
    prefixUntil = performance.now() + 1200;
    return;
  }
  const action = layers.findLast((layer) => name in layer.current)?.current[name];
  if (action) {
    event.preventDefault();
    action();
  }
});

/** Bind keys while the calling component is shown; the innermost binding of a key wins. */
export function useKeys(bindings: Bindings): void {
  const layer = useRef(bindings);
  layer.current = bindings;
  useEffect(() => {
    layers.push(layer);
    return () => void layers.splice(layers.indexOf(layer), 1);
  }, []);
}
