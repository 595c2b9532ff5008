import { Trash2 } from "lucide-react";
import { Button, Switch } from "../../components/common";
import { useRealtimeClient } from "../../hooks/context";
import type { PushState } from "../../hooks/pushDevice";
import { usePush } from "../../hooks/usePush";
import { useI18n } from "../../i18n";
import type { PersonSettings } from "../../services/types";
import { type AppTexts, useAppTexts } from "../texts";
import { OpenAppAlerts } from "./OpenAppAlerts";
import { Section } from "./Section";
import styles from "./SettingsPage.module.css";

/** The settings with the devices, and how to run a change with its outcome shown. */
export interface DeviceSettingsProps {
  readonly settings: PersonSettings;
  readonly save: (change: () => Promise<void>) => void;
}

function pushHint(state: PushState, texts: AppTexts["settings"]): string {
  if (state === "denied") return texts.pushDenied;
  if (state === "unsupported") return texts.pushUnsupported;
  return state === "unavailable" ? texts.pushUnavailable : texts.pushHint;
}

/** Whether this device gets pushes, and which others do. */
export function DeviceSettings({ settings, save }: DeviceSettingsProps) {
  const texts = useAppTexts().settings;
  const { pushState, enablePushNotifications, disablePushNotifications } = usePush();
  return (
    <Section title={texts.device}>
      <Switch
        checked={pushState === "on"}
        onCheckedChange={(on) => save(on ? enablePushNotifications : disablePushNotifications)}
        disabled={pushState !== "on" && pushState !== "off"}
        label={texts.push}
        hint={pushHint(pushState, texts)}
      />
      {pushState === "unavailable" ? <OpenAppAlerts /> : null}
      {settings.push.public_key === null ? null : <Devices settings={settings} save={save} />}
    </Section>
  );
}

function Devices({ settings, save }: DeviceSettingsProps) {
  const texts = useAppTexts().settings;
  const client = useRealtimeClient();
  const { formats } = useI18n();
  const { devices } = settings.push;
  const remove = async (id: string) => {
    await client.ask("unsubscribe_push", { device_id: id });
  };
  return (
    <>
      <h3 className={styles.listTitle}>{texts.devices}</h3>
      {devices.length === 0 ? <p className={styles.note}>{texts.noDevices}</p> : null}
      <ul className={styles.devices}>
        {devices.map((device) => (
          <li key={device.id} className={styles.device}>
            <span>
              {device.name ?? texts.unnamedDevice}
              <span className={styles.note}>{texts.deviceSince(formats.day(device.created_at))}</span>
            </span>
            <Button
              aria-label={texts.removeDevice(device.name ?? texts.unnamedDevice)}
              onClick={() => save(() => remove(device.id))}
            >
              <Trash2 aria-hidden="true" />
              {texts.remove}
            </Button>
          </li>
        ))}
      </ul>
    </>
  );
}
