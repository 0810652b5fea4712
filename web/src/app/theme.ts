import { create } from "zustand";

export type Theme = "light" | "dark";

const KEY = "pulsetrain.theme";
const system = matchMedia("(prefers-color-scheme: dark)");

function effective(): Theme {
  const chosen = document.documentElement.dataset["theme"];
  if (chosen === "light" || chosen === "dark") return chosen;
  return system.matches ? "dark" : "light";
}

/** The theme that is shown. Charts read their colours from the page's tokens again when it changes. */
export const useTheme = create<{ theme: Theme }>(() => ({ theme: effective() }));

system.addEventListener("change", () => useTheme.setState({ theme: effective() }));

export function toggleTheme(): void {
  const theme: Theme = effective() === "dark" ? "light" : "dark";
  document.documentElement.dataset["theme"] = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Storage may be forbidden; then the choice lasts as long as the page.
  }
  useTheme.setState({ theme });
}
