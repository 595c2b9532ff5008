import { useEffect, useState } from "react";
import { I18nProvider } from "../i18n";
import { useLocale, usePreferences } from "./device/preferences";
import { applyTheme } from "./device/theme";
import { ErrorBoundary } from "./ErrorBoundary";
import { sessions, takeSessionOfAddress, useSessionState } from "./session/current";
import type { Session } from "./session/session";
import { SignedIn } from "./shell/SignedIn";
import { OtherPerson } from "./signIn/OtherPerson";
import { SignIn } from "./signIn/SignIn";

// Before anything is shown: the address must not keep a token, and whoever it names needs no sign-in page.
const brought = takeSessionOfAddress();

/** The whole app: in the person's language and theme, signed in or not. */
export function App() {
  const locale = useLocale();
  const { theme } = usePreferences();
  useEffect(() => {
    document.documentElement.lang = locale;
  }, [locale]);
  useEffect(() => applyTheme(theme), [theme]);
  return (
    <I18nProvider locale={locale}>
      <ErrorBoundary>
        <Gate />
      </ErrorBoundary>
    </I18nProvider>
  );
}

/** A token that comes into the address later, by the user's own site in the same tab. */
function useBroughtSession() {
  const [other, setOther] = useState<Session | null>(brought);
  useEffect(() => {
    const take = () => setOther((known) => takeSessionOfAddress() ?? known);
    addEventListener("hashchange", take);
    return () => removeEventListener("hashchange", take);
  }, []);
  return [other, () => setOther(null)] as const;
}

function Gate() {
  const { session, ended } = useSessionState();
  const [other, dismiss] = useBroughtSession();
  if (other && session) {
    const onSwitch = () => {
      sessions.signIn(other, false);
      dismiss();
    };
    return <OtherPerson current={session} other={other} onSwitch={onSwitch} onStay={dismiss} />;
  }
  if (!session) return <SignIn ended={ended} onSignIn={sessions.signIn} />;
  return <SignedIn key={`${session.kind} ${session.userId}`} session={session} />;
}
