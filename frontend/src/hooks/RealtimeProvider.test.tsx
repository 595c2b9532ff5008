import { QueryClient, QueryClientProvider, useQueryClient } from "@tanstack/react-query";
import { act, cleanup, render, renderHook, screen } from "@testing-library/react";
import { StrictMode } from "react";
import { afterEach, expect, it, vi } from "vitest";
import { createFakeClient } from "../testing/fakeClient";
import { useRealtimeClient } from "./context";
import { queryKeys } from "./queryKeys";
import { RealtimeProvider } from "./RealtimeProvider";

afterEach(cleanup);

const idle = () => createFakeClient({ connection: { status: "idle", wasOnline: false } });

it("gives the client to the hooks below", () => {
  const client = createFakeClient();
  const { result } = renderHook(useRealtimeClient, {
    wrapper: ({ children }) => <RealtimeProvider client={client}>{children}</RealtimeProvider>,
  });
  expect(result.current).toBe(client);
});

it("says what is missing without one", () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  expect(() => renderHook(useRealtimeClient)).toThrow("<RealtimeProvider>");
});

it("starts an idle client and stops it", () => {
  const client = idle();
  const { unmount } = render(<RealtimeProvider client={client}>x</RealtimeProvider>);
  expect(client.start).toHaveBeenCalledTimes(1);
  expect(client.stop).not.toHaveBeenCalled();
  unmount();
  expect(client.stop).toHaveBeenCalledTimes(1);
});

it("leaves a client running that others started", () => {
  const client = createFakeClient();
  render(<RealtimeProvider client={client}>x</RealtimeProvider>).unmount();
  expect(client.start).not.toHaveBeenCalled();
  expect(client.stop).not.toHaveBeenCalled();
});

it("runs in StrictMode", () => {
  const client = idle();
  render(
    <StrictMode>
      <RealtimeProvider client={client}>shown</RealtimeProvider>
    </StrictMode>,
  );
  expect(screen.getByText("shown")).toBeInTheDocument();
  expect(client.start.mock.calls.length - client.stop.mock.calls.length).toBe(1);
});

it("goes over to another client", () => {
  const [first, second] = [idle(), idle()];
  const { rerender } = render(<RealtimeProvider client={first}>x</RealtimeProvider>);
  rerender(<RealtimeProvider client={second}>x</RealtimeProvider>);
  expect(first.stop).toHaveBeenCalledTimes(1);
  expect(second.start).toHaveBeenCalledTimes(1);
});

function QueryClientProbe({ seen }: { seen: (queryClient: QueryClient) => void }) {
  seen(useQueryClient());
  return null;
}

it("uses the QueryClient given, else the one in context, else its own", () => {
  const [given, inContext] = [new QueryClient(), new QueryClient()];
  const seen = vi.fn<(queryClient: QueryClient) => void>();
  const below = (queryClient?: QueryClient) => (
    <RealtimeProvider client={createFakeClient()} queryClient={queryClient}>
      <QueryClientProbe seen={seen} />
    </RealtimeProvider>
  );
  render(<QueryClientProvider client={inContext}>{below(given)}</QueryClientProvider>);
  expect(seen).toHaveBeenLastCalledWith(given);
  render(<QueryClientProvider client={inContext}>{below()}</QueryClientProvider>);
  expect(seen).toHaveBeenLastCalledWith(inContext);
  render(below());
  expect(seen.mock.lastCall?.[0]).toBeInstanceOf(QueryClient);
  expect(seen.mock.lastCall?.[0]).not.toBe(inContext);
});

it("keeps the cache in step while mounted, and leaves nothing of the person in it", () => {
  const client = createFakeClient();
  const queryClient = new QueryClient();
  const { unmount } = render(
    <RealtimeProvider client={client} queryClient={queryClient}>
      x
    </RealtimeProvider>,
  );
  act(() => client.threads.set({ ...client.threads.getSnapshot(), totalUnread: 3 }));
  expect(queryClient.getQueryData(queryKeys.threads())).toMatchObject({ pages: [{ totalUnread: 3 }] });
  unmount();
  expect(queryClient.getQueryCache().getAll()).toEqual([]);
});
