import {
  createRealtimeClient,
  I18nProvider,
  RealTimeChatWindow,
  RealTimeMessageList,
  RealtimeProvider,
  useConnection,
  useRealTimeMessages,
} from "@verihome/realtime";
import type { Message } from "@verihome/realtime/contract";
import "@verihome/realtime/styles.css";
import { useState } from "react";
import { createRoot } from "react-dom/client";

const client = createRealtimeClient({ url: "http://127.0.0.1:9", getToken: () => "no server is needed to render" });
client.on("new_message", ({ message }: { message: Message }) => console.log(message.content));

function Status() {
  const { status } = useConnection();
  const { unreadCount } = useRealTimeMessages();
  return (
    <p id="status">
      {status}, {unreadCount} unread
    </p>
  );
}

function App() {
  const [threadId, setThreadId] = useState<string | null>(null);
  return (
    <RealtimeProvider client={client}>
      <I18nProvider locale="en">
        <Status />
        <RealTimeMessageList onSelectThread={setThreadId} />
        {threadId && <RealTimeChatWindow threadId={threadId} />}
      </I18nProvider>
    </RealtimeProvider>
  );
}

const root = document.getElementById("root");
if (root) createRoot(root).render(<App />);
