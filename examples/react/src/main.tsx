// Every run of a server, live. The server must allow this page's origin:
//   pulsetrain up --allow-origin http://127.0.0.1:5173        then:  npm install && npm run dev -- --host 127.0.0.1
import { place, poll, shared, webSocket, type Run } from "pulsetrain";
import { PulsetrainProvider, useEvents, useRun, useRuns, useTrainingStream } from "pulsetrain/react";
import { useState } from "react";
import { createRoot } from "react-dom/client";

const server = place(new URLSearchParams(location.search).get("server") ?? "http://127.0.0.1:8787");
const worker = () => new SharedWorker(new URL("./worker.ts", import.meta.url), { type: "module" });

function App() {
  const [news, setNews] = useState<readonly string[]>([]);
  const [chosen, choose] = useState<string | null>(null);
  const tell = (text: string) => setNews((before) => [text, ...before].slice(0, 5));
  const { isConnected, reconnectAttempts, transport } = useTrainingStream({
    onJobCreated: (run) => tell(`${run.name} was created`),
    onJobUpdate: (run, event) => event.type === "run.status" && tell(`${run.name} is ${run.state}`),
    onDatasetUpdate: (dataset, action) => tell(`${dataset.id} was ${action}`),
    onDisconnected: () => tell("The connection was lost"),
    onConnected: () => tell("Connected"),
    onError: (error) => tell(error.message),
  });
  const runs = useRuns();
  return (
    <>
      <h1>Runs</h1>
      <p data-testid="connection">{isConnected ? `Live over ${transport}` : `Reconnecting, attempt ${reconnectAttempts}`}</p>
      <table>
        <thead>
          <tr>
            <th>Run</th>
            <th>State</th>
            <th>Progress</th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <Row key={run.id} run={run} onChoose={() => choose(run.id)} />
          ))}
        </tbody>
      </table>
      {chosen && <Details id={chosen} />}
      <ul data-testid="news">
        {news.map((text, index) => (
          <li key={news.length - index}>{text}</li>
        ))}
      </ul>
    </>
  );
}

function Row({ run, onChoose }: { run: Run; onChoose: () => void }) {
  return (
    <tr>
      <td>
        <button onClick={onChoose}>{run.name}</button>
      </td>
      <td>{run.state}</td>
      <td>{run.progress?.percent == null ? "–" : <progress max={100} value={run.progress.percent} />}</td>
    </tr>
  );
}

function Details({ id }: { id: string }) {
  const run = useRun(id);
  const [line, setLine] = useState("No line since you look.");
  // Log lines are many, and no part of a run's state: they come as they are.
  const { isConnected } = useEvents({
    run: [id],
    type: ["run.log"],
    onEvent: (event) => setLine((event.data as { lines: { text: string }[] }).lines.at(-1)!.text),
  });
  if (!run) return <p>{run === null ? "There is no such run." : "Loading…"}</p>;
  return (
    <section data-testid="details">
      <h2>{run.name}</h2>
      {Object.entries(run.metrics).map(([name, metric]) => (
        <p key={name}>
          {name}: {metric.last} at step {metric.step}
        </p>
      ))}
      {isConnected && <pre data-testid="line">{line}</pre>}
    </section>
  );
}

createRoot(document.getElementById("root")!).render(
  <PulsetrainProvider at={server} sources={[shared(worker), webSocket(), poll]}>
    <App />
  </PulsetrainProvider>,
);
