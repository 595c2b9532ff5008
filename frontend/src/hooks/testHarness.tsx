import { QueryClient } from "@tanstack/react-query";
import { cleanup, type RenderHookResult, renderHook } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterEach } from "vitest";
import type { RealtimeClient } from "../services/types";
import { RealtimeProvider } from "./RealtimeProvider";

afterEach(cleanup);

/** What surrounds a hook in the tests: a client, and a QueryClient that one can look into. */
export function around(client: RealtimeClient, queryClient = new QueryClient()) {
  return ({ children }: { children: ReactNode }) => (
    <RealtimeProvider client={client} queryClient={queryClient}>
      {children}
    </RealtimeProvider>
  );
}

/** Runs a hook in StrictMode below a provider of the client. */
export function renderWith<Result, Props>(
  client: RealtimeClient,
  hook: (props: Props) => Result,
  options: { initialProps?: Props; queryClient?: QueryClient } = {},
): RenderHookResult<Result, Props> {
  const { queryClient, ...rest } = options;
  return renderHook(hook, { wrapper: around(client, queryClient), reactStrictMode: true, ...rest });
}
