import type { PushState } from "../../hooks";
import { useI18n } from "../../i18n";
import { Switch } from "../common";
import styles from "./NotificationSettings.module.css";

/** How the person wants to be told. */
export interface NotificationSettingsProps {
  readonly id?: string;
  /** null until the settings are known. */
  readonly sound: boolean | null;
  readonly onSoundChange: (on: boolean) => void;
  readonly pushState: PushState;
  readonly onPushChange: (on: boolean) => void;
}

/** Switches for sound and for pushes to this device. */
export function NotificationSettings({ id, sound, onSoundChange, pushState, onPushChange }: NotificationSettingsProps) {
  const texts = useI18n().centre.notifications;
  const canPush = pushState === "on" || pushState === "off";
  return (
    <section id={id} className={styles.settings} aria-label={texts.settings}>
      <Switch
        label={texts.sound}
        hint={texts.soundHint}
        checked={sound ?? false}
        disabled={sound === null}
        onCheckedChange={onSoundChange}
      />
      <Switch
        label={texts.push}
        hint={texts.pushHint[pushState]}
        checked={pushState === "on"}
        disabled={!canPush}
        onCheckedChange={onPushChange}
      />
    </section>
  );
}
