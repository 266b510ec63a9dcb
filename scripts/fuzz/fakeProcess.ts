/** The other end of the pipes: a process that is none, whose output the fuzzer writes. */

import { EventEmitter } from "node:events";
import { Readable, Writable } from "node:stream";
import type { SpawnedProcess } from "codex-embed";
import { isJson, type Json } from "./corpus.js";

/** Stands where the runtime's process would, behind the real transport of the client. */
export class FakeProcess extends EventEmitter implements SpawnedProcess {
  readonly stdout = new Readable({ read() {} });
  readonly stderr = null;
  readonly stdin: Writable;

  /** @param hear - is told each message of the client; must not throw. */
  constructor(hear: (message: Json) => void) {
    super();
    this.stdin = new Writable({
      write(chunk: Buffer, _encoding, done) {
        const message: unknown = JSON.parse(chunk.toString("utf8"));
        if (isJson(message)) hear(message);
        done();
      },
      final: (done) => {
        this.stdout.push(null);
        this.emit("exit", 0, null);
        done();
      },
    });
    process.nextTick(() => this.emit("spawn"));
  }

  /** Writes to the client's reader, which takes it before this returns. What the reader throws is thrown here. */
  write(bytes: Buffer): void {
    this.stdout.push(bytes);
  }

  kill(): void {
    this.emit("exit", null, "SIGKILL");
  }
}
