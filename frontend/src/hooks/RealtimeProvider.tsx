import { QueryClient, QueryClientContext, QueryClientProvider } from "@tanstack/react-query";
import { type ReactNode, useContext, useEffect, useState } from "react";
import type { RealtimeClient } from "../services/types";
import { RealtimeContext } from "./context";
import { pushDeviceOf } from "./pushDevice";
import { bridgeQueries } from "./queryBridge";

/** What a RealtimeProvider takes. */
export interface RealtimeProviderProps {
  /** Keep it the same between renders; another client is another person. */
  readonly client: RealtimeClient;
  /** Default: the one in context, else one of our own. */
  readonly queryClient?: QueryClient | undefined;
  /** The service worker that shows pushes. Default `/sw.js`. */
  readonly serviceWorkerUrl?: string | undefined;
  readonly children: ReactNode;
}

function useQueryClientOr(given: QueryClient | undefined): QueryClient {
  const inContext = useContext(QueryClientContext);
  const [own] = useState(() => new QueryClient());
  return given ?? inContext ?? own;
}

/** Starts an idle client, and stops what it started. One that was started elsewhere is left running. */
function useRunning(client: RealtimeClient): void {
  useEffect(() => {
    if (client.connection.getSnapshot().status !== "idle") return;
    client.start();
    return () => client.stop();
  }, [client]);
}

/**
 * Gives the client to every hook below, connects it while mounted, and keeps TanStack Query's cache in step with it.
 */
export function RealtimeProvider(props: RealtimeProviderProps) {
  const { client, children } = props;
  const queryClient = useQueryClientOr(props.queryClient);
  // Before any hook below asks for it.
  pushDeviceOf(client, props.serviceWorkerUrl);
  useEffect(() => bridgeQueries(client, queryClient), [client, queryClient]);
  useRunning(client);
  return (
    <QueryClientProvider client={queryClient}>
      <RealtimeContext.Provider value={client}>{children}</RealtimeContext.Provider>
    </QueryClientProvider>
  );
}
