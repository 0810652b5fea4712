import * as Alert from "@radix-ui/react-alert-dialog";
import type { ReactNode } from "react";

interface ConfirmProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  text: string;
  action: string;
  onConfirm: () => void;
  children?: ReactNode;
}

/** Asks before what cannot be undone. */
export function Confirm({ open, onOpenChange, title, text, action, onConfirm, children }: ConfirmProps): ReactNode {
  return (
    <Alert.Root open={open} onOpenChange={onOpenChange}>
      <Alert.Portal>
        <Alert.Overlay className="veil" />
        <Alert.Content className="dialog">
          <Alert.Title>{title}</Alert.Title>
          <Alert.Description className="muted">{text}</Alert.Description>
          {children}
          <footer>
            <Alert.Cancel className="button">Cancel</Alert.Cancel>
            <button className="button danger" onClick={onConfirm} data-testid="confirm">
              {action}
            </button>
          </footer>
        </Alert.Content>
      </Alert.Portal>
    </Alert.Root>
  );
}
