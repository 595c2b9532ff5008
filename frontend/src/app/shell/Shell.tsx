import { Suspense } from "react";
import { ConnectionBanner } from "../../components/messages/ConnectionBanner";
import { RealTimeMessageList } from "../../components/messages/RealTimeMessageList";
import { ROOMY, useMedia, WIDE } from "../device/useMedia";
import { follow, useNavigation, usePlace } from "../navigation/useNavigation";
import type { Session } from "../session/session";
import { useAppTexts } from "../texts";
import { Header } from "./Header";
import { MainPane } from "./MainPane";
import { Overlaid } from "./Overlaid";
import { LazyNotificationToasts } from "./parts";
import styles from "./Shell.module.css";
import { useAppShortcuts } from "./useAppShortcuts";
import { useFocusAfterChat } from "./useFocusAfterChat";
import { useOverlays } from "./useOverlays";
import { useSignOut } from "./useSignOut";

/** The signed-in app: header, inbox, main pane, details, and what may lie over them. */
export function Shell({ session }: { readonly session: Session }) {
  const texts = useAppTexts();
  const place = usePlace();
  const isRoomy = useMedia(ROOMY);
  const isWide = useMedia(WIDE);
  const navigation = useNavigation(place, isRoomy);
  const overlays = useOverlays();
  const signOut = useSignOut();
  useFocusAfterChat(place);
  useAppShortcuts(place, navigation, overlays);
  const newConversation = () => overlays.show("newConversation");

  return (
    <div className={styles.shell} data-place={place.name}>
      <button type="button" className={styles.skip} onClick={focusMain}>
        {texts.skipToContent}
      </button>
      <Header session={session} overlays={overlays} onSignOut={signOut} />
      <ConnectionBanner />
      <div className={styles.panes}>
        <div className={styles.inbox} data-pane="inbox" tabIndex={-1}>
          <RealTimeMessageList
            selectedThreadId={place.name === "thread" ? place.threadId : undefined}
            onSelectThread={navigation.openThread}
            onNewConversation={newConversation}
          />
        </div>
        <MainPane
          place={place}
          navigation={navigation}
          session={session}
          size={isRoomy ? "roomy" : isWide ? "wide" : "narrow"}
          onNewConversation={newConversation}
          onShowHelp={() => overlays.show("help")}
          onSignOut={signOut}
        />
      </div>
      <Overlaid overlays={overlays} onOpenThread={navigation.openThread} />
      <Suspense fallback={null}>
        <LazyNotificationToasts onNavigate={follow} />
      </Suspense>
    </div>
  );
}

function focusMain(): void {
  document.getElementById("main")?.focus();
}
