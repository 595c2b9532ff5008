import { X } from "lucide-react";
import { Dialog } from "radix-ui";
import { type ReactNode, type RefObject, useRef } from "react";
import { useI18n } from "../../i18n";
import { classes } from "./classes";
import { IconButton } from "./IconButton";
import styles from "./Panel.module.css";

/** What a sheet and a modal have in common. */
export interface PanelProps {
  readonly open: boolean;
  readonly onOpenChange: (open: boolean) => void;
  readonly title: string;
  readonly description?: string | undefined;
  /** Beside the title, before the button that closes. */
  readonly actions?: ReactNode;
  /** Where focus goes at first; the panel itself by default. */
  readonly initialFocus?: RefObject<HTMLElement | null> | undefined;
  readonly children: ReactNode;
}

/**
 * A dialog over everything else: focus stays inside and goes back where it was, Esc and a click outside close it.
 * Without Dialog.Overlay, whose scroll lock writes a style sheet that a strict policy refuses: see Panel.module.css.
 */
export function Panel({ className, ...panel }: PanelProps & { readonly className: string | undefined }) {
  const content = useRef<HTMLDivElement>(null);
  const before = useRef<Element | null>(null);

  function takeFocus(event: Event) {
    event.preventDefault();
    before.current = document.activeElement;
    (panel.initialFocus?.current ?? content.current)?.focus({ preventScroll: true });
  }
  function giveFocusBack(event: Event) {
    event.preventDefault();
    const lost = document.activeElement === document.body || document.activeElement === null;
    if (lost && before.current instanceof HTMLElement) before.current.focus({ preventScroll: true });
  }

  return (
    <Dialog.Root open={panel.open} onOpenChange={panel.onOpenChange}>
      <Dialog.Portal>
        <div className={styles.backdrop} data-state={panel.open ? "open" : "closed"} data-vh-backdrop="" />
        <Dialog.Content
          ref={content}
          className={classes(styles.panel, className)}
          onOpenAutoFocus={takeFocus}
          onCloseAutoFocus={giveFocusBack}
          onInteractOutside={stayForToasts}
          {...(panel.description ? {} : { "aria-describedby": undefined })}
        >
          <PanelHeader {...panel} />
          <div className={styles.body}>{panel.children}</div>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

/** Toasts lie above, and are no part of what a dialog covers. The pressed one may already have gone. */
function stayForToasts(event: Event): void {
  if (event.target instanceof Element && event.target.closest("[data-vh-toast]")) event.preventDefault();
}

function PanelHeader({ title, description, actions }: PanelProps) {
  const texts = useI18n().centre.common;
  return (
    <header className={styles.header}>
      <div className={styles.titles}>
        <Dialog.Title className={styles.title}>{title}</Dialog.Title>
        {description ? <Dialog.Description className={styles.description}>{description}</Dialog.Description> : null}
      </div>
      <div className={styles.actions}>
        {actions}
        <Dialog.Close asChild>
          <IconButton label={texts.close} icon={<X />} />
        </Dialog.Close>
      </div>
    </header>
  );
}
