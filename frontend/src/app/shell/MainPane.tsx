import { MessagesSquare } from "lucide-react";
import { Suspense } from "react";
import { Button, EmptyState, Sheet, Skeleton } from "../../components/common";
import type { Place } from "../navigation/places";
import { goBack, type Navigation } from "../navigation/useNavigation";
import type { Session } from "../session/session";
import { useAppTexts } from "../texts";
import { DetailsPane } from "./DetailsPane";
import { LazyChatWindow, LazySettingsPage, LazyThreadDetails } from "./parts";
import styles from "./Shell.module.css";

/** Where we are and how to move; how much room there is. */
export interface MainPaneProps {
  readonly place: Place;
  readonly navigation: Navigation;
  readonly session: Session;
  /** narrow: one pane. wide: two. roomy: the details beside them. */
  readonly size: "narrow" | "wide" | "roomy";
  readonly onNewConversation: () => void;
  readonly onShowHelp: () => void;
  readonly onSignOut: () => void;
}

/** What stands beside the inbox, or instead of it on a phone. */
export function MainPane(props: MainPaneProps) {
  const { place } = props;
  return (
    <>
      <main className={styles.main} id="main" tabIndex={-1}>
        {place.name === "inbox" ? <Nothing onNewConversation={props.onNewConversation} /> : null}
        {place.name === "settings" ? (
          <Suspense fallback={<Skeleton lines={6} />}>
            <LazySettingsPage session={props.session} onShowHelp={props.onShowHelp} onSignOut={props.onSignOut} />
          </Suspense>
        ) : null}
        {place.name === "thread" ? <Chat {...props} place={place} /> : null}
      </main>
      {place.name === "thread" ? <Details {...props} place={place} /> : null}
    </>
  );
}

type ThreadPaneProps = MainPaneProps & { readonly place: Extract<Place, { name: "thread" }> };

function Chat({ place, navigation, size }: ThreadPaneProps) {
  return (
    <Suspense fallback={<Skeleton lines={6} />}>
      <LazyChatWindow
        threadId={place.threadId}
        {...(place.aroundSeq === null ? {} : { aroundSeq: place.aroundSeq })}
        {...(size === "narrow" ? { onBack: goBack } : {})}
        onShowDetails={() => navigation.setDetails(!place.details)}
      />
    </Suspense>
  );
}

function Details({ place, navigation, size }: ThreadPaneProps) {
  const texts = useAppTexts();
  const close = () => navigation.setDetails(false);
  if (size === "roomy") return place.details ? <DetailsPane threadId={place.threadId} onClose={close} /> : null;
  return (
    <Sheet open={place.details} onOpenChange={close} title={texts.details.title}>
      <Suspense fallback={<Skeleton lines={5} />}>
        <LazyThreadDetails threadId={place.threadId} />
      </Suspense>
    </Sheet>
  );
}

function Nothing({ onNewConversation }: { readonly onNewConversation: () => void }) {
  const texts = useAppTexts().empty;
  return (
    <div className={styles.nothing}>
      <EmptyState
        icon={<MessagesSquare />}
        title={texts.title}
        hint={`${texts.hint} ${texts.keys}`}
        action={<Button onClick={onNewConversation}>{texts.action}</Button>}
      />
    </div>
  );
}
