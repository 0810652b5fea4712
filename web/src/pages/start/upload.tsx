import { ApiError } from "pulsetrain";
import { Upload as UploadIcon, X } from "lucide-react";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { queries } from "../../app/queries.ts";
import { giveUp, sendFile, type Sending } from "../../app/upload.ts";
import { bytes, percent } from "../../format.ts";
import { Bar } from "../../parts/bar.tsx";

type Task = ({ file: File } & Sending) | null;

interface UploadProps {
  onDone: (id: string) => void;
  onProblem: (error: unknown) => void;
  /** The data set whose next version the file is. */
  replace?: string;
  /** What the button says. */
  title?: string;
}

/** A place to drop a file, and a button for those who do not drag. The whole window takes a drop. */
export function Upload({ onDone, onProblem, replace, title = "Upload a file" }: UploadProps): ReactNode {
  const [task, setTask] = useState<Task>(null);
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const abort = useRef<AbortController | null>(null);

  const take = async (files: FileList | null | undefined) => {
    const file = files?.[0];
    if (!file) return;
    abort.current?.abort();
    const { signal } = (abort.current = new AbortController());
    setTask({ file, sent: 0, waiting: false });
    onProblem(null);
    try {
      if (files.length > 1) throw new ApiError(0, "one_file", "Please drop one file at a time.", "Each file is a data set of its own.");
      if (file.size === 0) throw new ApiError(0, "empty", `${file.name} is empty.`, "Choose a file with rows in it.");
      const dataset = await sendFile(file, { replace, signal, onSent: (state) => setTask({ file, ...state }) });
      await queries.invalidateQueries({ queryKey: ["datasets"] });
      setTask(null);
      onDone(dataset.id);
    } catch (error) {
      if (signal.aborted) return;
      setTask(null);
      onProblem(error);
    }
  };
  useWindowDrop(setOver, (files) => void take(files));

  return (
    <div className="card drop" data-over={over} data-testid="drop">
      <input
        ref={input}
        type="file"
        accept=".csv,.tsv,.txt,.jsonl,.ndjson,.parquet,text/csv,application/jsonl"
        className="sr"
        tabIndex={-1}
        aria-label="Data file"
        data-testid="upload-input"
        onChange={(event) => {
          void take(event.target.files);
          event.target.value = "";
        }}
      />
      {task !== null ? (
        <div className="sending">
          <span className="row">
            <b className="cut grow">{task.file.name}</b>
            <button className="button quiet small icon-only" aria-label="Cancel the upload" onClick={() => (abort.current?.abort(), void giveUp(task.file, replace), setTask(null))}>
              <X className="icon" />
            </button>
          </span>
          <Bar percent={(100 * task.sent) / task.file.size} name={`Upload of ${task.file.name}`} />
          <span className="faint">
            {task.waiting ? "The connection broke. Trying again…" : task.sent >= task.file.size ? "Reading it…" : `${percent((100 * task.sent) / task.file.size)} of ${bytes(task.file.size)}`}
          </span>
        </div>
      ) : (
        <button className="card-face action" onClick={() => input.current?.click()}>
          <span className="row">
            <UploadIcon className="icon" aria-hidden />
            <b>{over ? "Drop it here" : title}</b>
          </span>
          <span className="size">CSV, JSONL or Parquet: drop it anywhere, or click</span>
        </button>
      )}
    </div>
  );
}

function useWindowDrop(onOver: (over: boolean) => void, onFiles: (files: FileList | null | undefined) => void): void {
  const latest = useRef({ onOver, onFiles });
  latest.current = { onOver, onFiles };
  useEffect(() => {
    let depth = 0;
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") === true;
    const listeners = {
      dragenter: (event: DragEvent) => {
        if (hasFiles(event)) latest.current.onOver((depth += 1) > 0);
      },
      dragleave: (event: DragEvent) => {
        if (hasFiles(event)) latest.current.onOver((depth = Math.max(0, depth - 1)) > 0);
      },
      dragover: (event: DragEvent) => {
        if (hasFiles(event)) event.preventDefault();
      },
      drop: (event: DragEvent) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        depth = 0;
        latest.current.onOver(false);
        latest.current.onFiles(event.dataTransfer?.files);
      },
    };
    for (const [name, listener] of Object.entries(listeners)) window.addEventListener(name, listener as EventListener);
    return () => {
      for (const [name, listener] of Object.entries(listeners)) window.removeEventListener(name, listener as EventListener);
    };
  }, []);
}
