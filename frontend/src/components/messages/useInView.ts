import { useEffect, useState } from "react";

/** Whether an element is in sight, or nearly (by `margin`). Give the setter to it as its ref. */
export function useInView(margin: string): readonly [isInView: boolean, ref: (element: Element | null) => void] {
  const [element, setElement] = useState<Element | null>(null);
  const [isInView, setIsInView] = useState(false);
  useEffect(() => {
    if (!element || typeof IntersectionObserver === "undefined") return;
    const observer = new IntersectionObserver(
      (entries) => setIsInView(entries.at(-1)?.isIntersecting ?? false),
      // The margin is that of the scroller: of the page's edge it would count for nothing inside one.
      { root: element.closest("[data-scroller]"), rootMargin: margin },
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      setIsInView(false);
    };
  }, [element, margin]);
  return [isInView, setElement];
}
