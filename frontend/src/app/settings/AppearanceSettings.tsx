import type { Locale } from "../../i18n";
import { preferences, THEMES, useLocale, usePreferences } from "../device/preferences";
import { useAppTexts } from "../texts";
import { ChoiceGroup } from "./ChoiceGroup";
import { Section } from "./Section";

/** Language, which the server keeps, and theme, which the device keeps. */
export function AppearanceSettings({ onLocale }: { readonly onLocale: (locale: Locale) => void }) {
  const texts = useAppTexts();
  const { theme } = usePreferences();
  return (
    <Section title={texts.settings.appearance}>
      <ChoiceGroup
        label={texts.language.label}
        value={useLocale()}
        choices={[
          { value: "es", label: texts.language.es, lang: "es" },
          { value: "en", label: texts.language.en, lang: "en" },
        ]}
        onChoose={(locale) => {
          preferences.change({ locale });
          onLocale(locale);
        }}
      />
      <ChoiceGroup
        label={texts.theme.label}
        hint={texts.settings.themeHint}
        value={theme}
        choices={THEMES.map((value) => ({ value, label: texts.theme[value] }))}
        onChoose={(value) => preferences.change({ theme: value })}
      />
    </Section>
  );
}
