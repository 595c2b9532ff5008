import { X } from "lucide-react";
import { Suspense } from "react";
import { IconButton, Skeleton } from "../../components/common";
import { useAppTexts } from "../texts";
import { LazyThreadDetails } from "./parts";
import styles from "./Shell.module.css";

/** The thread whose details stand beside its chat. */
export interface DetailsPaneProps {
  readonly threadId: string;
  readonly onClose: () => void;
}

/** The third pane. */
export function DetailsPane({ threadId, onClose }: DetailsPaneProps) {
  const texts = useAppTexts().details;
  return (
    <aside className={styles.details} aria-labelledby="details-title">
      <header className={styles.detailsHeader}>
        <h2 id="details-title" className={styles.detailsTitle}>
          {texts.title}
        </h2>
        <IconButton label={texts.close} icon={<X />} onClick={onClose} />
      </header>
      <div className={styles.detailsBody}>
        <Suspense fallback={<Skeleton lines={5} />}>
          <LazyThreadDetails threadId={threadId} />
        </Suspense>
      </div>
    </aside>
  );
}
