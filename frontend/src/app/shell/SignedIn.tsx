import { useState } from "react";
import { RealtimeProvider } from "../../hooks/RealtimeProvider";
import { createRealtimeClient } from "../../services";
import { workerUrl } from "../device/serviceWorker";
import { getToken } from "../session/current";
import type { Session } from "../session/session";
import { Followers } from "./Followers";
import { Shell } from "./Shell";

/** Everything of a signed-in person; another person is another one of these. */
export function SignedIn({ session }: { readonly session: Session }) {
  const [client] = useState(() => {
    const { userId } = session;
    return createRealtimeClient(userId === null ? { getToken } : { getToken, userId });
  });
  return (
    <RealtimeProvider client={client} serviceWorkerUrl={workerUrl()}>
      <Followers />
      <Shell session={session} />
    </RealtimeProvider>
  );
}
