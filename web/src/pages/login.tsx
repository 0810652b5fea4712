import { useMutation } from "@tanstack/react-query";
import { call } from "pulsetrain";
import { KeyRound } from "lucide-react";
import { useState, type ReactNode } from "react";
import { Crumbs } from "../app/crumbs.tsx";
import { queries } from "../app/queries.ts";
import { server } from "../app/server.ts";
import { Problem } from "../parts/problem.tsx";

export function Login(): ReactNode {
  const [token, setToken] = useState("");
  const login = useMutation({
    mutationFn: () => call(server, "POST", "/api/login", { body: { token: token.trim() } }),
    onSuccess: () => queries.invalidateQueries(),
  });
  return (
    <div className="page" style={{ maxWidth: 420, paddingTop: "8vh" }}>
      <Crumbs title="Log in">
        <span>Log in</span>
      </Crumbs>
      <form
        className="panel"
        data-testid="login"
        onSubmit={(event) => {
          event.preventDefault();
          login.mutate();
        }}
      >
        <div className="body" style={{ display: "grid", gap: 14, padding: 24 }}>
          <h1>Log in</h1>
          <p className="muted">This server is open to the network, so it asks for its token. It was printed when the server started.</p>
          <label style={{ display: "grid", gap: 6 }}>
            <span>Token</span>
            <input
              className="input mono"
              type="password"
              autoComplete="current-password"
              autoFocus
              value={token}
              onChange={(event) => setToken(event.target.value)}
            />
          </label>
          {login.isError && <Problem error={login.error} />}
          <button className="button primary" disabled={token.trim() === "" || login.isPending}>
            <KeyRound className="icon" aria-hidden />
            Log in
          </button>
        </div>
      </form>
    </div>
  );
}
