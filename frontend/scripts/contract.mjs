// Writes the TypeScript of the wire contract from the JSON Schema that the server exports.
// usage: node scripts/contract.mjs [SCHEMA [OUTPUT]]      (make contract; make contract-check compares)
import { readFileSync, writeFileSync } from "node:fs";
import { compile } from "json-schema-to-typescript";

const [schemaPath = "../docs/contract/schema.json", outputPath = "src/types/generated/contract.ts"] =
  process.argv.slice(2);
const schema = JSON.parse(readFileSync(schemaPath, "utf8"));
const nameOf = ({ $ref }) => $ref.split("/").pop();
const each = (map, line) => Object.entries(map).map(line).join("\n");

// An envelope's generics say more than JSON Schema can, so these three are written below instead.
const { Envelope, Success, Failure, ...payloads } = schema.$defs;
const types = await compile({ $defs: payloads, title: "Contract", type: "object" }, "Contract", {
  additionalProperties: false,
  bannerComment: "",
  ignoreMinAndMaxItems: true, // `[T, ...T[]]` is a nuisance to callers; the server counts
  unreachableDefinitions: true,
});

const users = Object.entries(schema.operations).filter(([, row]) => row.namespaces.length > 0);
const namespaces = [...new Set(users.flatMap(([, row]) => row.namespaces))].sort();
const within = (rows, namespace) => rows.filter(([, row]) => row.namespaces.includes(namespace));

const maps = `
/** What an operation is answered with, on every transport. */
export type Success<Data> = { ok: true; data: Data };
export type Failure = { ok: false; error: ErrorBody };
export type Answer<Data> = Success<Data> | Failure;

/** Every operation of a user: what it takes and what it answers. */
export interface Operations {
${users.map(([name, row]) => `  ${name}: { request: ${nameOf(row.request)}; response: ${nameOf(row.response)} };`).join("\n")}
}
export type OperationName = keyof Operations;

/** Every event: its one payload. */
export interface Events {
${each(schema.events, ([name, row]) => `  ${name}: ${nameOf(row.payload)};`)}
}
export type EventName = keyof Events;

/** Where each operation can be asked. */
export interface OperationsOfNamespace {
${namespaces
  .map(
    (namespace) =>
      `  "${namespace}": ${within(users, namespace)
        .map(([name]) => `"${name}"`)
        .join(" | ")};`,
  )
  .join("\n")}
}

/** Where each event is told. */
export interface EventsOfNamespace {
${namespaces
  .map(
    (namespace) =>
      `  "${namespace}": ${within(Object.entries(schema.events), namespace)
        .map(([name]) => `"${name}"`)
        .join(" | ")};`,
  )
  .join("\n")}
}
export type Namespace = keyof OperationsOfNamespace;

/** The maps that a typed \`Socket\` of socket.io-client takes: \`Socket<ServerToClientEvents<N>, ClientToServerEvents<N>>\`. */
export type ClientToServerEvents<N extends Namespace = Namespace> = {
  [Name in OperationsOfNamespace[N]]: (
    request: Operations[Name]["request"],
    ack?: (answer: Answer<Operations[Name]["response"]>) => void,
  ) => void;
};
export type ServerToClientEvents<N extends Namespace = Namespace> = {
  [Name in EventsOfNamespace[N]]: (payload: Events[Name]) => void;
};

/** Each error code: its HTTP status, the close code of a plain WebSocket, and whether trying again may help. */
export const ERRORS = {
${each(schema.errors, ([code, row]) => `  ${code}: { httpStatus: ${row.http_status}, closeCode: ${row.close_code}, retryable: ${row.retryable} },`)}
} as const satisfies Record<ErrorCode, { httpStatus: number; closeCode: number; retryable: boolean }>;
`;

// The table of all definitions is an artefact of compiling them in one go: nobody needs it.
const withoutTable = types
  .replace(/export interface Contract \{\}\n/, "")
  .replace(/ \*\n \* This interface was referenced by[\s\S]*?\*\//g, " */")
  .replace(/\/\*\*\n \* This interface was referenced by[\s\S]*?\*\/\n/g, "");
writeFileSync(
  outputPath,
  `// Generated from the server's contract by \`make contract\`. Do not edit.\n\n${withoutTable.trim()}\n${maps}`,
);
