// JSON lines with the test that started this script: commands come in on stdin, answers and reports go out on stdout.
import { createInterface } from "node:readline";

/** Tells the test what happened, unasked. */
export function report(name, payload, namespace) {
  write({ report: name, payload, namespace });
}

/** Runs `commands[cmd](line)` for each line and writes what it returned, or why it failed, under the line's id. */
export function serve(commands) {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", async (text) => {
    const { id, cmd, ...fields } = JSON.parse(text);
    try {
      write({ id, answer: (await commands[cmd](fields)) ?? null });
    } catch (error) {
      write({ id, failure: String(error) });
    }
  });
  // The test closed stdin, or died: leave no client behind.
  lines.on("close", () => process.exit(0));
}

function write(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
