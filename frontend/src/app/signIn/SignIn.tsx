import { useEffect, useState } from "react";
import { ErrorState, Skeleton } from "../../components/common";
import { preferences, useLocale } from "../device/preferences";
import { type DemoPerson, fetchDemoPeople } from "../session/demo";
import type { EndReason, Session } from "../session/session";
import { ChoiceGroup } from "../settings/ChoiceGroup";
import { useAppTexts } from "../texts";
import { DemoPeople } from "./DemoPeople";
import { endText } from "./endText";
import styles from "./SignIn.module.css";
import { TokenForm } from "./TokenForm";

/** How someone gets in, and why they are out. */
export interface SignInProps {
  readonly ended: EndReason | null;
  readonly onSignIn: (session: Session, remember: boolean) => void;
}

/** undefined: not known yet. null: no demo, so people come with a token. */
type People = readonly DemoPerson[] | null | undefined;

function useDemoPeople() {
  const [people, setPeople] = useState<People>();
  const [failed, setFailed] = useState(false);
  const [attempt, setAttempt] = useState(0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new attempt is what asks again.
  useEffect(() => {
    const controller = new AbortController();
    setFailed(false);
    fetchDemoPeople(controller.signal).then(setPeople, () => {
      if (!controller.signal.aborted) setFailed(true);
    });
    return () => controller.abort();
  }, [attempt]);

  return { people, failed, retry: () => setAttempt((count) => count + 1) };
}

/** The page before anybody is signed in: pick a person of the demo, or bring a token. */
export function SignIn({ ended, onSignIn }: SignInProps) {
  const texts = useAppTexts();
  const { people, failed, retry } = useDemoPeople();
  return (
    <div className={styles.page}>
      <main className={styles.card}>
        <header className={styles.brand}>
          <img src="/favicon.svg" alt="" width="56" height="56" />
          <div>
            <h1 className={styles.product}>{texts.product}</h1>
            <p className={styles.tagline}>{texts.tagline}</p>
          </div>
        </header>
        {ended ? (
          <p role="alert" className={styles.ended}>
            {endText(ended, texts)}
          </p>
        ) : null}
        {failed ? <ErrorState message={texts.signIn.unreachable} onRetry={retry} /> : null}
        {people === undefined && !failed ? <Skeleton lines={4} /> : null}
        {people ? <DemoPeople people={people} onSignIn={onSignIn} /> : null}
        {people === null ? <TokenForm onSignIn={onSignIn} /> : null}
        <LanguageChoice />
      </main>
    </div>
  );
}

function LanguageChoice() {
  const texts = useAppTexts();
  return (
    <ChoiceGroup
      label={texts.language.label}
      hidesLabel
      value={useLocale()}
      choices={[
        { value: "es", label: texts.language.es, lang: "es" },
        { value: "en", label: texts.language.en, lang: "en" },
      ]}
      onChoose={(locale) => preferences.change({ locale })}
    />
  );
}
