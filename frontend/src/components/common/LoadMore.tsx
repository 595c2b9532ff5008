import { useEffect, useRef } from "react";
import { Button } from "./Button";
import styles from "./LoadMore.module.css";
import { Spinner } from "./Spinner";

/** How the next page of a list is fetched, how that goes, and the words for it. */
export interface LoadMoreProps {
  readonly isLoading: boolean;
  /** The last try failed: from then on only the button tries. */
  readonly failed?: boolean;
  readonly onLoad: () => void;
  readonly label: string;
  readonly loadingLabel: string;
}

/**
 * The end of a list that has more: fetches when it comes into sight, and again while it stays there. It is a button,
 * too, for whoever does not scroll.
 */
export function LoadMore({ isLoading, failed = false, onLoad, label, loadingLabel }: LoadMoreProps) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (isLoading || failed || !place.current || typeof IntersectionObserver === "undefined") return;
    const observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) onLoad();
    });
    observer.observe(place.current);
    return () => observer.disconnect();
  }, [isLoading, failed, onLoad]);

  return (
    <div ref={place} className={styles.more}>
      {isLoading ? <Spinner label={loadingLabel} /> : <Button onClick={() => onLoad()}>{label}</Button>}
    </div>
  );
}
