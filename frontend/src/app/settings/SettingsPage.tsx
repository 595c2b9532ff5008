import { ArrowLeft } from "lucide-react";
import { useEffect, useRef } from "react";
import { Button, IconButton } from "../../components/common";
import { useSettings } from "../../hooks/useSettings";
import type { SettingsChange } from "../../services/types";
import { goBack } from "../navigation/useNavigation";
import type { Session } from "../session/session";
import { useOwnName } from "../shell/useOwnName";
import { useAppTexts } from "../texts";
import { AlertSettings } from "./AlertSettings";
import { AppearanceSettings } from "./AppearanceSettings";
import { DeviceSettings } from "./DeviceSettings";
import { KeyboardSettings } from "./KeyboardSettings";
import { Section } from "./Section";
import styles from "./SettingsPage.module.css";
import { type Saving, useSaving } from "./useSaving";

/** Whose settings, and what can be done from here. */
export interface SettingsPageProps {
  readonly session: Session;
  readonly onShowHelp: () => void;
  readonly onSignOut: () => void;
}

/** What a person can choose. Everything is kept at once. */
export function SettingsPage({ session, onShowHelp, onSignOut }: SettingsPageProps) {
  const texts = useAppTexts();
  const { settings, update } = useSettings();
  const [saving, save] = useSaving();
  const { name } = useOwnName(session);
  const change = (changes: SettingsChange) => save(() => update(changes));
  return (
    <div className={styles.page}>
      <SettingsHeader saving={saving} />
      <div className={styles.sections}>
        <AppearanceSettings onLocale={(locale) => change({ locale })} />
        {settings ? (
          <>
            <AlertSettings settings={settings} onChange={change} />
            <DeviceSettings settings={settings} save={save} />
          </>
        ) : (
          <Section title={texts.settings.alerts}>
            <p className={styles.note}>{texts.settings.unavailable}</p>
          </Section>
        )}
        <KeyboardSettings onShowHelp={onShowHelp} />
        <Section title={texts.settings.session}>
          <p className={styles.note}>{texts.settings.signedInAs(name)}</p>
          <Button variant="danger" onClick={onSignOut}>
            {texts.header.signOut}
          </Button>
        </Section>
      </div>
    </div>
  );
}

function SettingsHeader({ saving }: { readonly saving: Saving }) {
  const texts = useAppTexts().settings;
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => title.current?.focus({ preventScroll: true }), []);
  return (
    <header className={styles.header}>
      <IconButton label={texts.back} icon={<ArrowLeft />} onClick={goBack} />
      <h1 className={styles.title} ref={title} tabIndex={-1}>
        {texts.title}
      </h1>
      <p role="status" className={styles.status}>
        {saving.state === "saving" ? texts.saving : null}
        {saving.state === "saved" ? texts.saved : null}
      </p>
      <div role="alert" className={styles.failure}>
        {saving.state === "failed" ? saving.message : null}
      </div>
    </header>
  );
}
