import { type FormEvent, useId, useState } from "react";
import { Button } from "../../components/common";
import { type Session, sessionOfToken } from "../session/session";
import { useAppTexts } from "../texts";
import { RememberChoice } from "./RememberChoice";
import styles from "./SignIn.module.css";

/** Takes a token by hand, for those whom no site brought here. */
export function TokenForm({ onSignIn }: { readonly onSignIn: (session: Session, remember: boolean) => void }) {
  const texts = useAppTexts().signIn;
  const id = useId();
  const [token, setToken] = useState("");
  const [remember, setRemember] = useState(false);
  const [isBad, setBad] = useState(false);

  function submit(event: FormEvent) {
    event.preventDefault();
    const session = sessionOfToken(token);
    if (session) onSignIn(session, remember);
    else setBad(true);
  }

  return (
    <form className={styles.section} onSubmit={submit}>
      <h2 className={styles.question}>{texts.tokenTitle}</h2>
      <p className={styles.hint} id={`${id}-hint`}>
        {texts.tokenHint}
      </p>
      <label className={styles.label} htmlFor={id}>
        {texts.token}
      </label>
      <input
        id={id}
        className={styles.token}
        type="password"
        autoComplete="off"
        spellCheck={false}
        required
        value={token}
        onChange={(event) => {
          setToken(event.target.value);
          setBad(false);
        }}
        aria-invalid={isBad || undefined}
        aria-describedby={isBad ? `${id}-error` : `${id}-hint`}
      />
      {isBad ? (
        <p role="alert" className={styles.error} id={`${id}-error`}>
          {texts.badToken}
        </p>
      ) : null}
      <RememberChoice checked={remember} onChange={setRemember} />
      <Button variant="primary" type="submit">
        {texts.submit}
      </Button>
    </form>
  );
}
