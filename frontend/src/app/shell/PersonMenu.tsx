import { Keyboard, LogOut, Settings } from "lucide-react";
import { Avatar, Menu, MenuItem, usePopover, VisuallyHidden } from "../../components/common";
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
  const { anchor, isOpen, close, trigger } = usePopover("menu");
  const choose = (act: () => void) => () => {
    close();
    act();
  };
  return (
    <>
      <button {...trigger} type="button" className={styles.trigger}>
        <Avatar name={name} url={avatarUrl} size="small" />
        <VisuallyHidden>{texts.header.menu(name)}</VisuallyHidden>
      </button>
      {isOpen ? (
        <Menu
          anchor={anchor}
          placement={{ side: "bottom", align: "end" }}
          onClose={close}
          aria-label={texts.header.menu(name)}
          className={styles.menu}
        >
          <div className={styles.name}>{name}</div>
          <MenuItem className={styles.item} onSelect={choose(() => goTo(SETTINGS_PATH))}>
            <Settings aria-hidden="true" />
            {texts.header.settings}
          </MenuItem>
          <MenuItem className={styles.item} onSelect={choose(onShowHelp)}>
            <Keyboard aria-hidden="true" />
            {texts.header.shortcuts}
          </MenuItem>
          <hr className={styles.separator} />
          <MenuItem className={styles.item} onSelect={choose(onSignOut)}>
            <LogOut aria-hidden="true" />
            {texts.header.signOut}
          </MenuItem>
        </Menu>
      ) : null}
    </>
  );
}
