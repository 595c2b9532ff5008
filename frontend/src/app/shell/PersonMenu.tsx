import { Keyboard, LogOut, Settings } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { Avatar, VisuallyHidden } from "../../components/common";
import { SETTINGS_PATH } from "../navigation/places";
import { goTo } from "../navigation/useNavigation";
import type { Session } from "../session/session";
import { useAppTexts } from "../texts";
import styles from "./PersonMenu.module.css";
import { useOwnName } from "./useOwnName";

/** Whose menu it is, and what it opens. */
export interface PersonMenuProps {
  readonly session: Session;
  readonly onShowHelp: () => void;
  readonly onSignOut: () => void;
}

/** Who is signed in: settings, shortcuts, sign out. */
export function PersonMenu({ session, onShowHelp, onSignOut }: PersonMenuProps) {
  const texts = useAppTexts();
  const { name, avatarUrl } = useOwnName(session);
  return (
    // Not modal: the page does not scroll, so nothing needs to be locked.
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger className={styles.trigger}>
        <Avatar name={name} url={avatarUrl} size="small" />
        <VisuallyHidden>{texts.header.menu(name)}</VisuallyHidden>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className={styles.menu} align="end" sideOffset={6} collisionPadding={8}>
          <DropdownMenu.Label className={styles.name}>{name}</DropdownMenu.Label>
          <DropdownMenu.Item className={styles.item} onSelect={() => goTo(SETTINGS_PATH)}>
            <Settings aria-hidden="true" />
            {texts.header.settings}
          </DropdownMenu.Item>
          <DropdownMenu.Item className={styles.item} onSelect={onShowHelp}>
            <Keyboard aria-hidden="true" />
            {texts.header.shortcuts}
          </DropdownMenu.Item>
          <DropdownMenu.Separator className={styles.separator} />
          <DropdownMenu.Item className={styles.item} onSelect={onSignOut}>
            <LogOut aria-hidden="true" />
            {texts.header.signOut}
          </DropdownMenu.Item>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
