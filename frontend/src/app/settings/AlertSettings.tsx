import { Switch } from "../../components/common";
import type { PersonSettings, SettingsChange } from "../../services/types";
import { useAppTexts } from "../texts";
import { ChoiceGroup } from "./ChoiceGroup";
import { Section } from "./Section";
import styles from "./SettingsPage.module.css";

/** A person's choices, and how to change them. */
export interface AlertSettingsProps {
  readonly settings: PersonSettings;
  readonly onChange: (change: SettingsChange) => void;
}

/** What makes a sound, and what is sent to the person's devices. Equal on all of them. */
export function AlertSettings({ settings, onChange }: AlertSettingsProps) {
  const texts = useAppTexts().settings;
  return (
    <Section title={texts.alerts}>
      <Switch
        checked={settings.sound}
        onCheckedChange={(sound) => onChange({ sound })}
        label={texts.sound}
        hint={texts.soundHint}
      />
      {settings.push.public_key === null ? null : (
        <>
          <p className={styles.note}>{texts.pushWhat}</p>
          <Switch
            checked={settings.push_messages}
            onCheckedChange={(push_messages) => onChange({ push_messages })}
            label={texts.pushMessages}
          />
          <ChoiceGroup
            label={texts.pushNotifications}
            value={settings.push_notifications}
            choices={[
              { value: "all", label: texts.pushAll },
              { value: "urgent", label: texts.pushUrgent },
              { value: "none", label: texts.pushNone },
            ]}
            onChoose={(push_notifications) => onChange({ push_notifications })}
          />
          <Switch
            checked={settings.push_preview}
            onCheckedChange={(push_preview) => onChange({ push_preview })}
            label={texts.pushPreview}
            hint={texts.pushPreviewHint}
          />
        </>
      )}
    </Section>
  );
}
