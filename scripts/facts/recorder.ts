import { spawn } from "node:child_process";
import { PassThrough } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import type { Spawn } from "codex-embed";

/** A message of the runtime that has a method: a notification or a request. */
export interface Heard {
  readonly method: string;
  readonly params: unknown;
}

/** Keeps what a runtime says. Pass `spawn` as the option of the client. */
export class Recorder {
  readonly heard: Heard[] = [];

  readonly spawn: Spawn = ({ command, args, cwd, env }) => {
    const child = spawn(command, args, { cwd, env, stdio: "pipe" });
    const stdout = new PassThrough();
    const decoder = new StringDecoder("utf8");
    let rest = "";
    child.stdout.on("data", (chunk: Buffer) => {
      const lines = `${rest}${decoder.write(chunk)}`.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#hear(line);
    });
    child.stdout.pipe(stdout);
    return Object.assign(child, { stdout });
  };

  #hear(line: string): void {
    const message: unknown = JSON.parse(line);
    if (typeof message !== "object" || message === null || !("method" in message)) return;
    this.heard.push({ method: String(message.method), params: "params" in message ? message.params : undefined });
  }
}
