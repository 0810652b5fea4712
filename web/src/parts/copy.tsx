import { Check, Copy } from "lucide-react";
import { useState, type ReactNode } from "react";
import "./copy.css";

/** A line to copy. */
export function CopyLine({ text, name }: { text: string; name: string }): ReactNode {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  const Icon = copied ? Check : Copy;
  return (
    <div className="copy-line">
      <code>{text}</code>
      <button className="button quiet small icon-only" onClick={() => void copy()} aria-label={`Copy ${name}`} title="Copy">
        <Icon className="icon" />
      </button>
      <span className="sr" role="status">
        {copied ? "Copied" : ""}
      </span>
    </div>
  );
}
