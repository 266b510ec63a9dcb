/** One round: a client, damaged lines with sentinels among them, a check after every batch, and the close. */

import { setImmediate as nextLoop } from "node:timers/promises";
import { approveAll, Codex } from "codex-embed";
import { type Bystander, bystanderRequest, bystanderTurn } from "./bystanders.js";
import type { Json } from "./corpus.js";
import { type EscapeWatch, type Finding, stackOf } from "./faults.js";
import { Peer } from "./peer.js";
import type { Random } from "./random.js";
import { type Sentinel, SentinelMaker } from "./sentinels.js";
import { type Targets, Traffic } from "./traffic.js";
import { lineOf } from "./wire.js";

/** What a round has come to. */
export interface RoundReport {
  lines: number;
  bytes: number;
  sentinels: number;
  /** Lines that were no JSON object. */
  unreadable: number;
  /** Messages that were skipped, because nobody waits for them or because they cannot be understood. */
  ignored: number;
  /** Warnings to the program: above all requests that were declined. */
  reported: number;
  /** Damaged lines that were replaced, because they were right answers to sentinels. */
  replaced: number;
  readonly findings: Finding[];
}

const BATCH_LINES = 200;
const KEPT_PAST_LINES = 100;
const STRANGERS = Array.from({ length: 8 }, (_, index) => `stranger-${index}`);

/** Runs rounds, one client each. */
export class Round {
  readonly report: RoundReport = {
    lines: 0,
    bytes: 0,
    sentinels: 0,
    unreadable: 0,
    ignored: 0,
    reported: 0,
    replaced: 0,
    findings: [],
  };
  readonly #random: Random;
  readonly #watch: EscapeWatch;
  readonly #isCareful: boolean;
  readonly #peer: Peer;
  readonly #codex: Codex;
  readonly #sentinels: SentinelMaker;
  readonly #traffic: Traffic;
  readonly #past: Json[] = [];
  #bystanders: Bystander[] = [];
  #bystanderCount = 0;

  /** @param isCareful - lets everything happen after each line, to find the line that brings about a finding. */
  constructor(corpus: readonly string[], random: Random, watch: EscapeWatch, isCareful: boolean) {
    this.#random = random;
    this.#watch = watch;
    this.#isCareful = isCareful;
    this.#peer = new Peer(random, STRANGERS);
    this.#codex = new Codex({
      codexBin: process.execPath,
      spawn: () => this.#peer.process,
      handlers: { ...approveAll, answerQuestions: () => ({ q: "yes" }), generateAttestation: () => "token" },
      logger: {
        debug: (_, message) => this.#note(message),
        info: () => {},
        warn: () => void (this.report.reported += 1),
        error: () => void (this.report.reported += 1),
      },
    });
    this.#codex.on("unknown", () => {});
    this.#codex.on("item/completed", ({ params }) => void params.item.id);
    this.#sentinels = new SentinelMaker(this.#codex, this.#peer, random);
    this.#traffic = new Traffic(corpus, random);
  }

  /** Runs the round; ends early at a finding. */
  async run(lines: number): Promise<RoundReport> {
    const { report } = this;
    try {
      const start = this.#codex.start();
      await this.#peer.settle(() => this.#codex.pid !== undefined);
      await start;
      for (let left = lines; left > 0 && report.findings.length === 0; left -= BATCH_LINES) {
        await this.#batch(Math.min(left, BATCH_LINES));
      }
    } catch (error) {
      this.#find(`The fuzzer could not go on: ${stackOf(error)}`, []);
    }
    await this.#close();
    report.replaced = this.#traffic.rejected;
    return report;
  }

  async #batch(count: number): Promise<void> {
    await this.#renewBystanders();
    const sentinels = await this.#beginSentinels();
    const targets = this.#targets(sentinels);
    const queues = sentinels.map(({ lines }) => lines.map(lineOf));
    const written: Buffer[] = [];
    for (let left = count; left > 0 || queues.some((queue) => queue.length > 0); ) {
      const open = queues.filter((queue) => queue.length > 0);
      const isSentinel = left === 0 || (open.length > 0 && this.#random.oneIn(10));
      const line = isSentinel ? this.#random.pick(open).shift() : this.#traffic.next(targets);
      if (line === undefined) continue;
      if (!isSentinel) {
        left -= 1;
        this.report.lines += 1;
      }
      this.report.bytes += line.length;
      written.push(line);
      await this.#write(line);
      if (this.report.findings.length > 0) return;
    }
    await this.#peer.settle(() => sentinels.every((sentinel) => sentinel.isSettled()));
    for (const sentinel of sentinels) this.#checkSentinel(sentinel, written);
    this.report.sentinels += sentinels.length;
    this.#past.push(...sentinels.flatMap((sentinel) => sentinel.lines));
    this.#past.splice(0, this.#past.length - KEPT_PAST_LINES);
    await this.#concludeBystanders(written);
    this.#takeEscapes(written);
  }

  /** Writes a line in pieces, and now and then lets the readers have their turn in the middle. */
  async #write(line: Buffer): Promise<void> {
    let start = 0;
    while (start < line.length) {
      const end = this.#random.oneIn(2) ? line.length : start + 1 + this.#random.below(line.length - start);
      try {
        this.#peer.write(line.subarray(start, end));
      } catch (error) {
        this.#find(`The reader threw: ${stackOf(error)}`, [line]);
        return;
      }
      start = end;
    }
    if (this.#isCareful) {
      await this.#peer.settle(() => true);
      this.#takeEscapes([line]);
    } else if (this.#random.oneIn(20)) {
      await nextLoop();
    }
  }

  async #beginSentinels(): Promise<Sentinel[]> {
    const { request, turn, ask } = { request: 2, turn: 2, ask: 2 };
    const sentinels: Sentinel[] = [];
    for (let count = 0; count < request; count++) sentinels.push(await this.#sentinels.request());
    for (let count = 0; count < turn; count++) sentinels.push(await this.#sentinels.turn());
    for (let count = 0; count < ask; count++) sentinels.push(this.#sentinels.ask());
    return sentinels;
  }

  #targets(sentinels: readonly Sentinel[]): Targets {
    return {
      strangers: STRANGERS,
      bystanders: this.#bystanders,
      sentinels: sentinels.flatMap(({ turn }) => turn ?? []),
      requests: sentinels.flatMap(({ requestId }) => requestId ?? []),
      answerable: new Set([...this.#bystanders.map(({ requestId }) => requestId), ...this.#past.map(({ id }) => id)]),
      past: this.#past,
    };
  }

  #checkSentinel(sentinel: Sentinel, written: readonly Buffer[]): void {
    const name = sentinel.lines.map((line) => JSON.stringify(line))[0];
    const problem = sentinel.isSettled() ? sentinel.problem() : `A sentinel never settled: ${name}`;
    if (problem !== null) this.#find(problem, written);
  }

  async #renewBystanders(): Promise<void> {
    const name = () => `bystander-${this.#bystanderCount++}`;
    while (this.#bystanders.length < 3) {
      this.#bystanders.push(await bystanderTurn(this.#codex, this.#peer, name(), !this.#random.oneIn(4)));
    }
    this.#bystanders.push(await bystanderRequest(this.#codex, this.#peer, name()));
  }

  /** Those that are to end are told so without damage; what then goes on never ends. */
  async #concludeBystanders(written: readonly Buffer[]): Promise<void> {
    const ending = this.#bystanders.filter(() => this.#random.oneIn(2));
    for (const line of ending.flatMap(({ conclusion }) => conclusion)) await this.#write(lineOf(line));
    const unsettled = (): string[] => ending.flatMap((bystander) => bystander.unsettled(false));
    await this.#peer.settle(() => unsettled().length === 0);
    if (unsettled().length > 0) this.#find(`The end was told, but not reached: ${unsettled().join(", ")}.`, written);
    this.#bystanders = this.#bystanders.filter((bystander) => !ending.includes(bystander));
  }

  /** Everything that is still in flight ends with the client. */
  async #close(): Promise<void> {
    let isClosed = false;
    void this.#codex.close().then(() => {
      isClosed = true;
    });
    const unsettled = (): string[] => this.#bystanders.flatMap((bystander) => bystander.unsettled(true));
    await this.#peer.settle(() => isClosed && unsettled().length === 0);
    if (!isClosed) this.#find("The client did not close.", []);
    if (unsettled().length > 0) this.#find(`Not settled by the close: ${unsettled().join(", ")}.`, []);
    this.#takeEscapes([]);
  }

  #takeEscapes(lines: readonly Buffer[]): void {
    for (const what of this.#watch.take()) this.#find(`There was ${what}`, lines);
  }

  #find(what: string, lines: readonly Buffer[]): void {
    this.report.findings.push({ what, lines });
  }

  #note(message: string): void {
    if (message === "Skipped a line that is not a JSON object") this.report.unreadable += 1;
    else this.report.ignored += 1;
  }
}
