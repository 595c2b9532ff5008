import { useEffect } from "react";
import { threadName } from "../../components/messages/threadSummary";
import { useAlerts } from "../../hooks/useAlerts";
import { useConnection } from "../../hooks/useConnection";
import { useMe } from "../../hooks/useMe";
import { useSettings } from "../../hooks/useSettings";
import { useThreads } from "../../hooks/useThreads";
import { preferences, shownLocale } from "../device/preferences";
import { onAlertClick } from "../device/serviceWorker";
import { INBOX_PATH, threadPath } from "../navigation/places";
import { follow, goTo, usePlace } from "../navigation/useNavigation";
import { sessions } from "../session/current";
import { useAppTexts } from "../texts";
import { preload } from "./parts";

/** What follows the signed-in person without showing anything in the page. */
export function Followers() {
  useLanguageOfServer();
  useEndOfSession();
  useTitle();
  useAlerts({
    onOpenThread: (threadId) => goTo(threadPath(threadId)),
    onOpenNotification: ({ action_url }) => follow(action_url ?? INBOX_PATH),
    urlOfThread: threadPath,
    icon: "/icons/icon-192.png",
    enabled: true,
  });
  useEffect(() => onAlertClick(follow), []);
  useEffect(preload, []);
  return null;
}

/** The server keeps the language. Someone who never chose one gets the one shown, for errors and pushes. */
function useLanguageOfServer(): void {
  const { settings, update } = useSettings();
  const kept = settings?.locale;
  useEffect(() => {
    if (kept) preferences.change({ locale: kept });
    else if (kept === null) update({ locale: shownLocale() }).catch(() => {});
  }, [kept, update]);
}

/** Back to the sign-in page when the server will not have us. */
function useEndOfSession(): void {
  const { status, error } = useConnection();
  useEffect(() => {
    if (status === "refused") sessions.signOut({ code: error?.code ?? "", message: error?.message ?? "" });
  }, [status, error]);
}

/** "(3) Juan Pérez · VeriHome", and the number on the installed app's icon. */
function useTitle(): void {
  const texts = useAppTexts();
  const place = usePlace();
  const me = useMe();
  const { threads, totalUnread } = useThreads();
  const thread = place.name === "thread" ? threads.find(({ id }) => id === place.threadId) : undefined;
  const name = place.name === "settings" ? texts.settings.title : thread && threadName(thread, me);
  const count = totalUnread > 0 ? `(${totalUnread}) ` : "";
  const title = count + (name ? `${name} · ` : "") + texts.product;

  useEffect(() => {
    document.title = title;
    return () => {
      document.title = texts.product;
    };
  }, [title, texts.product]);
  useEffect(() => {
    if (!("setAppBadge" in navigator)) return;
    const told = totalUnread > 0 ? navigator.setAppBadge(totalUnread) : navigator.clearAppBadge();
    told.catch(() => {});
  }, [totalUnread]);
}
