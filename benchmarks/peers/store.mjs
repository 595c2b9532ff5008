// Messages in SQLite, one insert and so one commit for each: WAL, synchronous=NORMAL.

const SCHEMA = `
  CREATE TABLE messages (
    id INTEGER PRIMARY KEY, room TEXT NOT NULL, seq INTEGER NOT NULL, sender INTEGER NOT NULL,
    content TEXT NOT NULL, sent_at INTEGER NOT NULL, UNIQUE (room, seq)
  )`;

async function openDatabase(file) {
  try {
    const { default: Database } = await import("better-sqlite3");
    return [new Database(file), "better-sqlite3"];
  } catch (error) {
    console.error(`better-sqlite3 is not to be had here, so node:sqlite instead: ${error.message}`);
    const { DatabaseSync } = await import("node:sqlite");
    return [new DatabaseSync(file), "node:sqlite"];
  }
}

/** Opens an empty file; `name` is the library that could be had. */
export async function openStore(file) {
  const [database, name] = await openDatabase(file);
  database.exec("PRAGMA journal_mode = WAL");
  database.exec("PRAGMA synchronous = NORMAL");
  database.exec(SCHEMA);
  const columns = "room, seq, sender, content, sent_at";
  const statement = database.prepare(`INSERT INTO messages (${columns}) VALUES (?, ?, ?, ?, ?)`);
  return {
    name,
    insert: ({ room, seq, sender, content, sent_at }) => statement.run(room, seq, sender, content, sent_at),
  };
}
