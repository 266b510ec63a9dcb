/** Streams that stand in for those of a terminal, for a program that runs in this process. */

import { PassThrough } from "node:stream";
import { type Ask, createAsk } from "../../../src/cli/askPerson.js";
import { painter } from "../../../src/cli/render/text.js";
import type { Streams } from "../../../src/cli/terminal.js";
import { HeldOutput } from "../../../src/cli/terminal.js";

/** Streams whose output is kept. */
export interface KeptStreams {
  readonly streams: Streams;
  readonly stdin: PassThrough;
  readonly stdout: () => string;
  readonly stderr: () => string;
}

/** Somebody at a terminal who types the next answer whenever a prompt is shown. */
export interface Typist extends KeptStreams {
  readonly ask: Ask;
  readonly held: HeldOutput;
  /** What was shown before each answer, on a screen without colours. */
  readonly asked: readonly string[];
}

/** Makes a typist; `columns` and `rows` are the size of the screen. */
export function typist(...answers: string[]): Typist {
  return typistAt({}, ...answers);
}

/** Makes a typist at a screen of this size. */
export function typistAt(size: { columns?: number; rows?: number }, ...answers: string[]): Typist {
  const kept = keptStreams({ tty: true });
  const { stdin, stdout, stderr } = kept.streams;
  const asked: string[] = [];
  let shown = 0;
  stderr.on("data", () => {
    const text = kept.stderr().slice(shown);
    if (!/(?:\] |> |-- )$/.test(text)) return;
    shown += text.length;
    asked.push(text);
    const answer = answers.shift();
    if (answer !== undefined) kept.stdin.write(`${answer}\n`);
  });
  const held = new HeldOutput(stdout, stderr);
  const signal = new AbortController().signal;
  const screen = Object.assign(stderr, size);
  const ask = createAsk({ stdin, stderr: screen, output: held, paint: painter(false), signal, interrupt: () => {} });
  return { ...kept, ask, held, asked };
}

/** Makes the streams; with `tty`, a person seems to sit there. */
export function keptStreams(options: { tty?: boolean; env?: Record<string, string> } = {}): KeptStreams {
  const kept = { stdout: "", stderr: "" };
  const make = (): PassThrough & { isTTY: boolean } =>
    Object.assign(new PassThrough(), { isTTY: options.tty === true });
  const [stdin, stdout, stderr] = [make(), make(), make()];
  stdout.setEncoding("utf8").on("data", (text: string) => void (kept.stdout += text));
  stderr.setEncoding("utf8").on("data", (text: string) => void (kept.stderr += text));
  return {
    streams: { stdin, stdout, stderr, env: { NO_COLOR: "1", ...options.env } },
    stdin,
    stdout: () => kept.stdout,
    stderr: () => kept.stderr,
  };
}
