import { Button, Switch } from "../../components/common";
import { preferences, usePreferences } from "../device/preferences";
import { useAppTexts } from "../texts";
import { Section } from "./Section";

/** Shortcuts of one key can be turned off: with voice control, a spoken word would press several (WCAG 2.1.4). */
export function KeyboardSettings({ onShowHelp }: { readonly onShowHelp: () => void }) {
  const texts = useAppTexts().settings;
  const { singleKeys } = usePreferences();
  return (
    <Section title={texts.keyboard}>
      <Switch
        checked={singleKeys}
        onCheckedChange={(on) => preferences.change({ singleKeys: on })}
        label={texts.singleKeys}
        hint={texts.singleKeysHint}
      />
      <Button onClick={onShowHelp}>{texts.showShortcuts}</Button>
    </Section>
  );
}
