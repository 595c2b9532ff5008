import { Settings as SettingsIcon } from "lucide-react";
import { IconButton } from "../../components/common";
import { NotificationBell } from "../../components/notifications/NotificationBell";
import { useConnection } from "../../hooks/useConnection";
import { INBOX_PATH, SETTINGS_PATH } from "../navigation/places";
import { goTo } from "../navigation/useNavigation";
import type { Session } from "../session/session";
import { useAppTexts } from "../texts";
import styles from "./Header.module.css";
import { PersonMenu } from "./PersonMenu";
import type { Overlays } from "./useOverlays";

/** Who is signed in, and what the header opens. */
export interface HeaderProps {
  readonly session: Session;
  readonly overlays: Overlays;
  readonly onSignOut: () => void;
}

/** The product's name, the connection, and what can be opened from everywhere. */
export function Header({ session, overlays, onSignOut }: HeaderProps) {
  const texts = useAppTexts();
  return (
    <header className={styles.header}>
      <a className={styles.brand} href={INBOX_PATH} onClick={goHome}>
        <img src="/favicon.svg" alt="" width="28" height="28" />
        <span className={styles.product}>{texts.product}</span>
      </a>
      <ConnectionSign />
      <div className={styles.tools}>
        <NotificationBell onClick={() => overlays.show("notifications")} />
        <IconButton label={texts.header.settings} icon={<SettingsIcon />} onClick={() => goTo(SETTINGS_PATH)} />
        <PersonMenu session={session} onShowHelp={() => overlays.show("help")} onSignOut={onSignOut} />
      </div>
    </header>
  );
}

function ConnectionSign() {
  const { status } = useConnection();
  const text = useAppTexts().connection[status];
  return (
    <span className={styles.connection} data-status={status}>
      <span className={styles.connectionText}>{text}</span>
    </span>
  );
}

/** A link like any other with the middle button or Ctrl; otherwise within the page. */
function goHome(event: React.MouseEvent): void {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  goTo(INBOX_PATH);
}
