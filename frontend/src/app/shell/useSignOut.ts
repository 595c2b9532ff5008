import { useCallback } from "react";
import { usePush } from "../../hooks/usePush";
import { INBOX_PATH } from "../navigation/places";
import { goTo } from "../navigation/useNavigation";
import { sessions } from "../session/current";

const PATIENCE_MS = 2000;

/** Signs out, and stops this device's pushes: they would show someone's messages to whoever comes next. */
export function useSignOut(): () => void {
  const { pushState, disablePushNotifications } = usePush();
  return useCallback(() => {
    const late = new Promise<void>((resolve) => setTimeout(resolve, PATIENCE_MS));
    const quiet = pushState === "on" ? disablePushNotifications().catch(() => {}) : Promise.resolve();
    void Promise.race([quiet, late]).then(() => {
      goTo(INBOX_PATH, { replace: true });
      sessions.signOut();
    });
  }, [pushState, disablePushNotifications]);
}
