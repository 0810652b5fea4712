import { useId, type ReactNode } from "react";
import { boundsOf, wrongWith, type Field } from "./schema.ts";
import "./field.css";

interface FieldProps {
  field: Field;
  text: string;
  onText: (text: string) => void;
  /** What may stand there, as names of columns: offered while one types. */
  offered?: readonly string[] | undefined;
}

/** One field of a form that a schema asks for. */
export function FieldInput({ field, text, onText, offered }: FieldProps): ReactNode {
  const { key, kind, title, help, property } = field;
  const own = useId();
  const id = `field-${key}${own}`;
  const wrong = wrongWith(field, text);
  const shared = { id, "aria-describedby": `${id}-help`, "aria-invalid": wrong !== null, "data-testid": `field-${key}` } as const;
  if (kind === "boolean" && field.initial !== "") {
    return (
      <div className="field check">
        <label htmlFor={id}>
          <input {...shared} type="checkbox" checked={text === "true"} onChange={(event) => onText(String(event.target.checked))} />
          {title}
        </label>
        <p id={`${id}-help`} className="faint">
          {help}
        </p>
      </div>
    );
  }
  const choices = kind === "choice" ? property.enum!.filter((each) => each !== null).map(String) : kind === "boolean" ? ["true", "false"] : null;
  const typed = { ...shared, className: "input", autoComplete: "off", placeholder: field.required ? "" : "Not set", value: text };
  return (
    <div className={kind === "text" ? "field" : "field short"}>
      <label htmlFor={id}>{title}</label>
      {choices ? (
        <select {...shared} className="input" value={text} onChange={(event) => onText(event.target.value)}>
          {!choices.includes(text) && <option value={text}>{text === "" ? "Not set" : text}</option>}
          {!field.required && field.initial === "" && text !== "" && <option value="">Not set</option>}
          {choices.map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
      ) : property["x-lines"] ? (
        <textarea
          {...typed}
          className="input lines"
          rows={Math.min(8, 1 + text.split("\n").length)}
          spellCheck={false}
          onChange={(event) => onText(event.target.value)}
        />
      ) : (
        <input
          {...typed}
          list={offered ? `${id}-offered` : undefined}
          inputMode={kind === "integer" ? "numeric" : kind === "number" ? "decimal" : "text"}
          onChange={(event) => onText(event.target.value)}
        />
      )}
      {offered && (
        <datalist id={`${id}-offered`}>
          {offered.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
      )}
      <p id={`${id}-help`} className={wrong ? "wrong" : "faint"} role={wrong ? "alert" : undefined}>
        {wrong ?? [help, sentence(boundsOf(property))].filter(Boolean).join(" ")}
      </p>
    </div>
  );
}

function sentence(words: string): string {
  return words === "" ? "" : `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}
