import * as Dialog from "@radix-ui/react-dialog";
import { X } from "lucide-react";
import type { ReactNode } from "react";

const KEYS: readonly (readonly [string, ...string[]])[] = [
  ["Start page", "g", "s"],
  ["Runs", "g", "r"],
  ["Queue", "g", "q"],
  ["Data", "g", "d"],
  ["Models", "g", "m"],
  ["Light or dark", "t"],
  ["Next x axis of the charts", "x"],
  ["Logarithmic y axis", "l"],
  ["More or less smoothing", "s"],
  ["Reset the zoom", "0"],
  ["Pause and follow the charts", "Space"],
  ["Search the log", "/"],
  ["Next error in the log", "n"],
  ["Pause and resume the run", "Shift", "P"],
  ["Stop the run", "Shift", "S"],
  ["This help", "?"],
];

export function Help({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }): ReactNode {
  return (
    <Dialog.Root open={open} onOpenChange={onOpenChange}>
      <Dialog.Portal>
        <Dialog.Overlay className="veil" />
        <Dialog.Content className="dialog" aria-describedby={undefined} data-testid="help">
          <div className="row">
            <Dialog.Title className="grow">Keyboard shortcuts</Dialog.Title>
            <Dialog.Close className="button quiet icon-only" aria-label="Close">
              <X className="icon" />
            </Dialog.Close>
          </div>
          <dl className="keys">
            {KEYS.map(([what, ...keys]) => (
              <div key={what} style={{ display: "contents" }}>
                <dt>{what}</dt>
                <dd>
                  {keys.map((key) => (
                    <kbd key={key}>{key}</kbd>
                  ))}
                </dd>
              </div>
            ))}
          </dl>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
