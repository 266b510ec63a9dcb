/** A stand-in for the runtime that records how it is called and plays what it is told. A POSIX shell runs it. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** How the stand-in was called. */
export interface ExecCall {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  readonly cwd: string;
  /** The content of the file that `--output-schema` named while the process ran. */
  readonly schema: string | undefined;
  /** The access rights of that file's folder, as `ls` shows them. */
  readonly schemaFolderMode: string | undefined;
}

/** What the stand-in prints, and how it exits. */
export interface ExecPlay {
  readonly events: readonly object[];
  /** Printed before the events, as it is. */
  readonly prefix?: string;
  readonly exitCode?: number;
  readonly stderr?: string;
}

const RECORD = `
for argument in "$@"; do printf '%s\\0' "$argument"; done > "$here/argv"
/usr/bin/env -0 > "$here/env"
pwd > "$here/cwd"
/bin/cat > "$here/stdin"
before=
for argument in "$@"; do
  if [ "$before" = --output-schema ]; then
    /bin/cat "$argument" > "$here/schema"
    /bin/ls -ld "\${argument%/*}" > "$here/mode"
  fi
  before=$argument
done
/bin/cat "$here/events"
/bin/cat "$here/stderr" >&2
exit "$(/bin/cat "$here/exitCode")"
`;

/** Writes an executable that runs a piece of shell script; `$here` is its folder. Removed when the test is over. */
export function shellRuntime(script: string): { readonly path: string; readonly folder: string } {
  const folder = mkdtempSync(join(tmpdir(), "codex-embed-exec-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return { path: writeRuntime(folder, script), folder };
}

function writeRuntime(folder: string, script: string): string {
  const path = join(folder, "codex");
  writeFileSync(path, `#!/bin/sh\nhere=\${0%/*}\n${script}`, { mode: 0o755 });
  return path;
}

/** A line of shell script that prints an event. */
export function prints(event: object): string {
  return `printf '%s\\n' '${JSON.stringify(event).replaceAll("'", "'\\''")}'\n`;
}

/** A stand-in that records its calls. */
export class FakeExec {
  readonly folder: string;
  readonly path: string;

  constructor(folder = mkdtempSync(join(tmpdir(), "codex-embed-exec-"))) {
    this.folder = folder;
    this.path = writeRuntime(folder, RECORD);
  }

  /** Says what the next call prints, and forgets the last one. */
  play({ events, prefix = "", exitCode = 0, stderr = "" }: ExecPlay): void {
    for (const name of ["argv", "env", "stdin", "cwd", "schema", "mode"]) rmSync(this.#file(name), { force: true });
    writeFileSync(this.#file("events"), prefix + events.map((event) => `${JSON.stringify(event)}\n`).join(""));
    writeFileSync(this.#file("exitCode"), String(exitCode));
    writeFileSync(this.#file("stderr"), stderr);
  }

  /** The call since the last {@link play}; undefined when there was none. */
  get call(): ExecCall | undefined {
    const argv = this.#read("argv");
    if (argv === undefined) return undefined;
    const pairs = (this.#read("env") ?? "").split("\0").filter((pair) => pair !== "");
    const at = (pair: string) => pair.indexOf("=");
    return {
      argv: argv.split("\0").slice(0, -1),
      env: Object.fromEntries(pairs.map((pair) => [pair.slice(0, at(pair)), pair.slice(at(pair) + 1)])),
      stdin: this.#read("stdin") ?? "",
      cwd: this.#read("cwd") ?? "",
      schema: this.#read("schema"),
      schemaFolderMode: this.#read("mode")?.slice(0, 10),
    };
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #file(name: string): string {
    return join(this.folder, name);
  }

  #read(name: string): string | undefined {
    try {
      return readFileSync(this.#file(name), "utf8");
    } catch {
      return undefined;
    }
  }
}
