import { useState } from "react";
import { Button } from "../../components/common";
import { useAppTexts } from "../texts";
import styles from "./SettingsPage.module.css";

/** Where no pushes are sent, an open page can still show alerts, if the person lets it. */
export function OpenAppAlerts() {
  const texts = useAppTexts().settings;
  const [permission, setPermission] = useState(() => ("Notification" in window ? Notification.permission : "denied"));
  if (permission === "granted") return <p className={styles.note}>{texts.desktopOn}</p>;
  if (permission === "denied") return null;
  return <Button onClick={() => Notification.requestPermission().then(setPermission)}>{texts.desktop}</Button>;
}
