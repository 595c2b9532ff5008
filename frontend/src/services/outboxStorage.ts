import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { UserId } from "../types/generated/contract";
import { ignore } from "./failure";
import type { OutboxEntry, OutboxStorage } from "./types";

const NAME = "verihome-realtime";
const STORE = "outbox";
const BY_USER = "by-user";

interface Schema extends DBSchema {
  outbox: {
    key: string;
    value: OutboxEntry & { readonly user: string };
    indexes: { "by-user": string };
  };
}

/** Keeps unsent messages as long as the page. */
export function memoryOutbox(): OutboxStorage {
  const entries = new Map<string, OutboxEntry>();
  return {
    all: async (userId) =>
      [...entries.values()].filter((entry) => String(entry.userId) === String(userId)).sort(byTime),
    put: async (entry) => {
      entries.set(entry.clientMessageId, entry);
    },
    remove: async (clientMessageId) => {
      entries.delete(clientMessageId);
    },
  };
}

/** Keeps unsent messages on the device. */
export function deviceOutbox(): OutboxStorage {
  let opened: Promise<IDBPDatabase<Schema>> | null = null;
  const database = () => {
    opened ??= openDB<Schema>(NAME, 1, {
      upgrade: (db) => {
        db.createObjectStore(STORE, { keyPath: "clientMessageId" }).createIndex(BY_USER, "user");
      },
      // Another tab has a newer version of us to install, or the browser took the database away: open it anew.
      blocking: (_current, _blocked, event) => {
        if (event.target instanceof IDBDatabase) event.target.close();
        opened = null;
      },
      terminated: () => {
        opened = null;
      },
    });
    return opened;
  };
  return {
    all: async (userId) => {
      const rows = await (await database()).getAllFromIndex(STORE, BY_USER, String(userId));
      return rows.map(({ user: _user, ...entry }) => entry).sort(byTime);
    },
    put: async (entry) => {
      await (await database()).put(STORE, { ...entry, user: String(entry.userId) });
    },
    remove: async (clientMessageId) => {
      await (await database()).delete(STORE, clientMessageId);
    },
  };
}

/**
 * Keeps unsent messages on the device where that works, else in memory: without IndexedDB (Node), and where the
 * browser forbids it (some private windows) or its disk is full. A send never fails for that.
 */
export function defaultOutbox(): OutboxStorage {
  const memory = memoryOutbox();
  if (typeof indexedDB === "undefined") return memory;
  const device = deviceOutbox();
  return {
    async all(userId: UserId) {
      const kept = await device.all(userId).catch(() => []);
      return [...kept, ...(await memory.all(userId))].sort(byTime);
    },
    put: (entry) => device.put(entry).catch(() => memory.put(entry)),
    async remove(clientMessageId) {
      await memory.remove(clientMessageId);
      await device.remove(clientMessageId).catch(ignore);
    },
  };
}

function byTime(one: OutboxEntry, other: OutboxEntry): number {
  return one.createdAt < other.createdAt ? -1 : 1;
}
