import { ignore } from "./failure";

/** A promise that is settled from outside. */
export interface Deferred<Value> {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
  readonly reject: (reason: unknown) => void;
}

/** Makes one (`Promise.withResolvers` is younger than the browsers that we serve). Its failure need not be looked at. */
export function deferred<Value>(): Deferred<Value> {
  let resolve: (value: Value) => void = ignore;
  let reject: (reason: unknown) => void = ignore;
  const promise = new Promise<Value>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  promise.catch(ignore);
  return { promise, resolve, reject };
}
