import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const START_MS = 20_000;
const POLL_MS = 50;

export const SERVICE_TOKEN = "e2e-service-token-0123456789";
export const JWT_SECRET = "e2e-secret-0123456789-0123456789-0123456789";

/** A server of our own on a port of its own, with an empty database. */
export interface RunningServer {
  readonly url: string;
  /** As if the machine had lost it: SIGKILL. */
  kill(): Promise<void>;
  /** Again, on the same port and database. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function untilHealthy(url: string, child: ChildProcess): Promise<void> {
  const end = Date.now() + START_MS;
  while (Date.now() < end) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    const answer = await fetch(`${url}/demo/people`).catch(() => null);
    if (answer) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error("the server did not start");
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
}

/** Starts a server; `environment` adds to its settings. */
export async function startServer(environment: Readonly<Record<string, string>> = {}): Promise<RunningServer> {
  const folder = await mkdtemp(join(tmpdir(), "verihome-e2e-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const run = async () => {
    const child = spawn(join(ROOT, ".venv/bin/python"), ["-m", "server", "serve"], {
      cwd: ROOT,
      stdio: ["ignore", "ignore", "inherit"],
      env: {
        PATH: process.env.PATH,
        DEMO: "1",
        HOST: "127.0.0.1",
        PORT: String(port),
        DATABASE_URL: `sqlite:///${join(folder, "e2e.db")}`,
        SQLITE_SYNCHRONOUS: "OFF",
        SERVICE_TOKENS: SERVICE_TOKEN,
        JWT_SECRET,
        PRESENCE_GRACE_S: "1",
        // A test fills a history faster than any person writes.
        OPERATIONS_PER_S: "0",
        LOG_LEVEL: "ERROR",
        ...environment,
      },
    });
    await untilHealthy(url, child);
    return child;
  };

  let child = await run();
  return {
    url,
    kill: () => end(child, "SIGKILL"),
    async restart() {
      await end(child, "SIGKILL");
      child = await run();
    },
    async stop() {
      await end(child, "SIGTERM");
      await rm(folder, { recursive: true, force: true });
    },
  };
}
