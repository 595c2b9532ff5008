import { useState } from "react";
import { Avatar } from "../../components/common";
import type { DemoPerson } from "../session/demo";
import { startDemoSession } from "../session/demo";
import type { Session } from "../session/session";
import { useAppTexts } from "../texts";
import { RememberChoice } from "./RememberChoice";
import styles from "./SignIn.module.css";

/** Whom the demo offers. */
export interface DemoPeopleProps {
  readonly people: readonly DemoPerson[];
  readonly onSignIn: (session: Session, remember: boolean) => void;
}

/** A card for each of the demo's people. */
export function DemoPeople({ people, onSignIn }: DemoPeopleProps) {
  const texts = useAppTexts().signIn;
  const [remember, setRemember] = useState(false);
  const [state, setState] = useState<"idle" | "busy" | "failed">("idle");

  async function enter(person: DemoPerson) {
    if (state === "busy") return;
    setState("busy");
    const session = await startDemoSession(person.id).catch(() => null);
    if (session) onSignIn(session, remember);
    else setState("failed");
  }

  return (
    <section className={styles.section} aria-labelledby="who">
      <h2 id="who" className={styles.question}>
        {texts.title}
      </h2>
      <p className={styles.hint}>{texts.demo}</p>
      <ul className={styles.people} aria-label={texts.people}>
        {people.map((person) => (
          <li key={person.id}>
            <button type="button" className={styles.person} onClick={() => enter(person)} disabled={state === "busy"}>
              <Avatar name={person.name} size="large" />
              {person.name}
            </button>
          </li>
        ))}
      </ul>
      <p role="status" className={styles.status}>
        {state === "busy" ? texts.busy : null}
        {state === "failed" ? texts.unreachable : null}
      </p>
      <RememberChoice checked={remember} onChange={setRemember} />
    </section>
  );
}
