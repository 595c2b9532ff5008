import { type RefObject, useLayoutEffect, useRef } from "react";

/** The value of the last render, for callbacks and timers that outlive it. */
export function useLatest<Value>(value: Value): Readonly<RefObject<Value>> {
  const ref = useRef(value);
  useLayoutEffect(() => {
    ref.current = value;
  }, [value]);
  return ref;
}
