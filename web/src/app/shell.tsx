import { Link, Outlet, useLocation, useNavigate } from "@tanstack/react-router";
import { Boxes, CircleHelp, Database, ListChecks, ListOrdered, Moon, PlayCircle, Sun } from "lucide-react";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { Login } from "../pages/login.tsx";
import { ConnectionBadge, useStale } from "./connection.tsx";
import { Help } from "./help.tsx";
import { useKeys } from "./keys.ts";
import { useSession } from "./queries.ts";
import { toggleTheme, useTheme } from "./theme.ts";

const PAGES = [
  { to: "/", label: "Start", icon: PlayCircle },
  { to: "/runs", label: "Runs", icon: ListChecks },
  { to: "/queue", label: "Queue", icon: ListOrdered },
  { to: "/data", label: "Data", icon: Database },
  { to: "/models", label: "Models", icon: Boxes },
] as const;

export function Shell(): ReactNode {
  const session = useSession();
  const stale = useStale();
  const [help, setHelp] = useState(false);
  const navigate = useNavigate();
  const main = useRef<HTMLElement>(null);
  useKeys({
    "?": () => setHelp(true),
    t: toggleTheme,
    "g s": () => void navigate({ to: "/" }),
    "g r": () => void navigate({ to: "/runs" }),
    "g q": () => void navigate({ to: "/queue" }),
    "g d": () => void navigate({ to: "/data" }),
    "g m": () => void navigate({ to: "/models" }),
  });
  const locked = session.data?.token_required === true && !session.data.authenticated;
  return (
    <div className="shell" data-stale={stale}>
      <a className="button skip" href="#main" onClick={() => main.current?.focus()}>
        Skip to the content
      </a>
      <header>
        <Link to="/" className="brand" aria-label="pulsetrain, start page">
          <img src="/icon.svg" alt="" width={24} height={24} />
          <span>
            pulse<b>train</b>
          </span>
        </Link>
        <nav aria-label="You are here" className="crumbs grow" id="crumbs" />
        {!locked && <ConnectionBadge />}
        <ThemeButton />
        <button className="button quiet icon-only" onClick={() => setHelp(true)} aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)">
          <CircleHelp className="icon" />
        </button>
      </header>
      <nav className="rail" aria-label="Pages">
        {PAGES.map(({ to, label, icon: Icon }) => (
          <Link key={to} to={to} activeOptions={{ exact: to === "/", includeSearch: false }} data-testid={`nav-${label.toLowerCase()}`}>
            <Icon className="icon" aria-hidden />
            {label}
          </Link>
        ))}
      </nav>
      <main id="main" ref={main} tabIndex={-1}>
        {locked ? <Login /> : <Outlet />}
      </main>
      <Announce />
      <Help open={help} onOpenChange={setHelp} />
    </div>
  );
}

function ThemeButton(): ReactNode {
  const theme = useTheme((state) => state.theme);
  const Icon = theme === "dark" ? Sun : Moon;
  const name = theme === "dark" ? "Light theme" : "Dark theme";
  return (
    <button className="button quiet icon-only" onClick={toggleTheme} aria-label={name} title={`${name} (t)`} data-testid="theme-toggle">
      <Icon className="icon" />
    </button>
  );
}

/** Tells screen readers the new page after a move within the app. */
function Announce(): ReactNode {
  const path = useLocation({ select: (location) => location.pathname });
  const [title, setTitle] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setTitle(document.title), 300);
    return () => clearTimeout(timer);
  }, [path]);
  return (
    <div className="sr" role="status">
      {title}
    </div>
  );
}
