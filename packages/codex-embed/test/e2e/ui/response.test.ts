/** The end-to-end tests of `toResponse`: server-sent events of turns, over the loopback where it matters. */

import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { setImmediate } from "node:timers/promises";
import { type Thread, type TurnHandle, UsageError } from "codex-embed";
import { fail, type Gate, gate, message, reasoning, shell, step } from "codex-embed/testing";
import { type OwnEvents, toResponse, type UiResponseOptions } from "codex-embed/ui";
import { afterAll, describe, expect, test } from "vitest";
import { SharedBench } from "../../support/bench.js";
import { readAll, untyped, until } from "../../support/turns.js";
import { chunksIn, readEvents, type SentEvent, send, textIn } from "../../support/ui.js";
import { verifies } from "../../support/verifies.js";

const bench = new SharedBench({ sandbox: "full-access" });
const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) server.close();
});

/** Serves a turn on the loopback. */
async function serve(turn: TurnHandle, options?: UiResponseOptions): Promise<string> {
  const server = createServer((request, response) => void send(toResponse(turn, request, options), response));
  servers.push(server.listen(0, "127.0.0.1"));
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port.");
  return `http://127.0.0.1:${address.port}/`;
}

function bodyOf({ body }: Response): ReadableStream<Uint8Array> {
  if (body === null) throw new Error("The response has no body.");
  return body;
}

const behind = (id: string): Request => new Request("http://127.0.0.1/", { headers: { "last-event-id": id } });

/** What a page has at the end: the kinds of chunks, and the text of each. Pieces of a text count as one. */
function seen(events: readonly SentEvent[]): string[] {
  const all: { name: string; text: string }[] = [];
  for (const { delta, ...rest } of chunksIn(events)) {
    const name = JSON.stringify(rest);
    const last = all.at(-1);
    if (delta !== undefined && last?.name === name) last.text += delta;
    else all.push({ name, text: delta ?? "" });
  }
  return all.map(({ name, text }) => `${name} ${text}`);
}

/** A turn whose message the model finishes when the gate opens. */
async function heldTurn(): Promise<{ thread: Thread; turn: TurnHandle; hold: Gate }> {
  const hold = gate();
  const thread = await bench.thread(message({ deltas: ["Hel", "lo, ", hold, "you", "."] }));
  const turn = await thread.startTurn("Hi");
  await until(turn, (event) => event.method === "item/agentMessage/delta" && event.params.delta.includes("lo"));
  return { thread, turn, hold };
}

describe("a response", () => {
  test("has the headers of the AI SDK and of proxies, an id for every event, and a mark of the end", async () => {
    const thread = await bench.thread(message("Hello."));
    const turn = await thread.startTurn("Hi");
    const response = toResponse(turn, undefined, { headers: { "X-Own": "1", "Cache-Control": "private" } });
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toEqual({
      "content-type": "text/event-stream",
      "cache-control": "private",
      "x-accel-buffering": "no",
      "x-content-type-options": "nosniff",
      "x-vercel-ai-ui-message-stream": "v1",
      "x-own": "1",
    });
    const events = await readEvents(bodyOf(response));
    expect(textIn(events)).toBe("Hello.");
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
    expect(events.at(-1)).toEqual({ id: "end", data: "[DONE]" });
  });

  test("in the format of AG-UI has its events alone", async () => {
    const thread = await bench.thread(message("Hello."));
    const turn = await thread.startTurn("Hi");
    const response = toResponse(turn, undefined, { format: "ag-ui" });
    expect(response.headers.has("x-vercel-ai-ui-message-stream")).toBe(false);
    const events = await readEvents(bodyOf(response));
    expect(textIn(events)).toBe("Hello.");
    expect(events.at(-1)).toEqual({ id: "end", data: "" });
    expect(JSON.parse(events.at(-2)?.data ?? "")).toMatchObject({ type: "RUN_FINISHED" });
  });

  test("of a turn that fails ends as any other, with an error in it", async () => {
    const thread = await bench.thread(fail(400, { message: "No." }));
    const turn = await thread.startTurn("Hi");
    const events = await readEvents(bodyOf(toResponse(turn)));
    expect(chunksIn(events)).toContainEqual({ type: "error", errorText: "The agent failed." });
    expect(events.at(-1)?.id).toBe("end");
  });
});

describe("a page that comes back", () => {
  test("over HTTP, cut off in the middle of a message: gets the rest, each character once", async () => {
    verifies("ui-resume");
    const { turn, hold } = await heldTurn();
    const url = await serve(turn);
    const cut = new AbortController();
    const first = await fetch(url, { signal: cut.signal });
    const before = await readEvents(bodyOf(first), ({ data }) => data.includes("lo, "));
    cut.abort();
    hold.open();
    const last = before.at(-1)?.id ?? "";
    const after = await readEvents(bodyOf(await fetch(url, { headers: { "last-event-id": last } })));
    expect(textIn([...before, ...after])).toBe("Hello, you.");
    const whole = await readEvents(bodyOf(await fetch(url)));
    expect(seen([...before, ...after])).toEqual(seen(whole));
    expect((await fetch(url, { headers: { "last-event-id": "end" } })).status).toBe(204);
  });

  test.each(["ui", "ag-ui"] as const)("after any event, in the format %s", async (format) => {
    verifies("ui-resume");
    const thread = await bench.thread(
      step(reasoning({ summary: ["Think."], deltas: 3 }), message("One, two.", { deltas: 5 }), shell("true")),
      message("Three.", { deltas: 3 }),
    );
    const turn = await thread.startTurn("Hi");
    // Read while it runs, so that the pieces come one by one; what is read later comes in longer ones.
    const early = await readEvents(bodyOf(toResponse(turn, undefined, { format })));
    const whole = seen(early);
    for (const [index, { id }] of early.entries()) {
      const response = toResponse(turn, behind(id), { format });
      const rest = response.status === 204 ? [] : await readEvents(bodyOf(response));
      expect(seen([...early.slice(0, index + 1), ...rest]), `behind ${id}`).toEqual(whole);
    }
  });

  test("in the middle of what a late reader gets as one piece", async () => {
    const thread = await bench.thread(message("Hello.", { deltas: 6 }));
    const turn = await thread.startTurn("Hi");
    await turn.result();
    const late = await readEvents(bodyOf(toResponse(turn)));
    const piece = late.find(({ data }) => data.includes("Hello."));
    expect(piece?.id).toMatch(/^\d+\.6$/);
    const id = piece?.id.replace(/6$/, "4") ?? "";
    expect(textIn(await readEvents(bodyOf(toResponse(turn, behind(id)))))).toBe("o.");
  });

  test("after the end gets 204, which ends an EventSource", async () => {
    verifies("ui-resume");
    const thread = await bench.thread(message("Hello."));
    const turn = await thread.startTurn("Hi");
    const response = toResponse(turn, behind("end"));
    expect([response.status, response.body]).toEqual([204, null]);
    await turn.result();
  });

  test.each(["1.", "-1", "1.2.3", "x", "1 ", "9".repeat(40), "٣"])("with the id %j gets 400", async (id) => {
    verifies("ui-resume");
    const response = toResponse(own(), { headers: { "last-event-id": id } });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain("Last-Event-ID");
  });

  test("with an empty id, or several of which the first counts, in Node's form", async () => {
    const events = async (id: string | string[]) =>
      chunksIn(await readEvents(bodyOf(toResponse(own(), { headers: { "last-event-id": id } }))));
    expect(await events("")).toEqual([{ n: 0 }, { n: 1 }]);
    expect(await events(["0", "1"])).toEqual([{ n: 1 }]);
  });
});

describe("a page that leaves", () => {
  test("ends its reader at once, and leaves the turn running", async () => {
    verifies("ui-leave");
    const { turn, hold } = await heldTurn();
    const reader = bodyOf(toResponse(turn)).getReader();
    let pending = reader.read();
    for (let text = ""; !text.includes("lo, "); pending = reader.read()) {
      text += new TextDecoder().decode((await pending).value);
    }
    await reader.cancel();
    expect((await pending).done).toBe(true);
    hold.open();
    expect((await turn.result()).finalResponse).toBe("Hello, you.");
  });

  test("by its signal: the response ends", async () => {
    verifies("ui-leave");
    const { turn, hold } = await heldTurn();
    const gone = new AbortController();
    const request = new Request("http://127.0.0.1/", { signal: gone.signal });
    const reading = readEvents(bodyOf(toResponse(turn, request)));
    gone.abort();
    expect((await reading).some(({ id }) => id === "end")).toBe(false);
    expect(await readEvents(bodyOf(toResponse(turn, request)))).toEqual([]);
    hold.open();
    expect((await turn.result()).status).toBe("completed");
  });

  test("with onDisconnect: interrupt, the last one ends the turn", async () => {
    verifies("ui-leave");
    const { turn } = await heldTurn();
    const url = await serve(turn, { onDisconnect: "interrupt", graceMs: 1 });
    const stay = await fetch(url);
    const leave = new AbortController();
    const left = await fetch(url, { signal: leave.signal });
    await readEvents(bodyOf(left), ({ data }) => data.includes("delta"));
    leave.abort();
    const other = bodyOf(stay).getReader();
    await other.read();
    await other.cancel();
    expect((await turn.outcome()).status).toBe("interrupted");
  });

  test("with onDisconnect: interrupt, one who comes back in time keeps the turn", async () => {
    verifies("ui-leave");
    const { turn, hold } = await heldTurn();
    const options = { onDisconnect: "interrupt", graceMs: 1_000, heartbeatMs: 40 } as const;
    await readEvents(bodyOf(toResponse(turn, undefined, options)), ({ data }) => data.includes("delta"));
    let beats = 0;
    let text = "";
    for await (const piece of bodyOf(toResponse(turn, undefined, options)).pipeThrough(new TextDecoderStream())) {
      text += piece;
      // The time in which the first one could have come back is over.
      if (piece === ":\n\n" && ++beats === 40) hold.open();
    }
    expect(text).toContain('"status":"completed"');
    expect((await turn.outcome()).status).toBe("completed");
  });
});

describe("slow pages and silent turns", () => {
  test("nothing is read before the page asks for it", async () => {
    verifies("ui-slow");
    let asked = 0;
    async function* events() {
      for (let n = 0; n < 1_000; n += 1) {
        asked += 1;
        yield { n };
      }
    }
    const reader = bodyOf(toResponse({ events: { [Symbol.asyncIterator]: events } })).getReader();
    await setImmediate();
    expect(asked).toBe(0);
    await reader.read();
    await reader.read();
    await setImmediate();
    expect(asked).toBe(2);
    await reader.cancel();
  });

  test("a turn in which nothing happens has a heartbeat", async () => {
    verifies("ui-slow");
    const { turn, hold } = await heldTurn();
    const pieces: string[] = [];
    for await (const piece of bodyOf(toResponse(turn, undefined, { heartbeatMs: 1 })).pipeThrough(
      new TextDecoderStream(),
    )) {
      pieces.push(piece);
      if (piece === ":\n\n") hold.open();
    }
    expect(pieces).toContain(":\n\n");
    expect(pieces.join("")).toContain('"delta":"you"');
  });
});

/** Two events of a program's own. */
function own(): OwnEvents {
  const events = {
    async *[Symbol.asyncIterator]() {
      yield { n: 0 };
      yield { n: 1 };
    },
  };
  return { events };
}

describe("events of a program's own", () => {
  test("are sent as they are, and again from a position", async () => {
    verifies("ui-resume");
    const response = toResponse(own());
    expect(response.headers.has("x-vercel-ai-ui-message-stream")).toBe(false);
    const events = await readEvents(bodyOf(response));
    expect(events).toEqual([
      { id: "0", data: '{"n":0}' },
      { id: "1", data: '{"n":1}' },
      { id: "end", data: "" },
    ]);
    expect(await readEvents(bodyOf(toResponse(own(), behind("0"))))).toEqual(events.slice(1));
  });

  test("that throw break the connection", async () => {
    const source = {
      // oxlint-disable-next-line require-yield
      async *[Symbol.asyncIterator]() {
        throw new Error("Broken.");
      },
    };
    await expect(readEvents(bodyOf(toResponse({ events: source })))).rejects.toThrow("Broken.");
  });
});

test("refuses the raw events of a turn, which hold all that `include` leaves out", async () => {
  verifies("ui-include");
  const thread = await bench.thread(message("Hello."), message("Hello."));
  const events = thread.stream("Hi");
  expect(() => toResponse(untyped(events))).toThrow(/source is/);
  await readAll(events);
  const goal = { threadId: "x", interrupt: () => {}, [Symbol.asyncIterator]: () => events };
  expect(() => toResponse(untyped(goal))).toThrow(UsageError);
  await thread.run("Hi");
});

test.each<[string, () => Response, RegExp]>([
  ["an array of events", () => toResponse(untyped([{}])), /source is an array/],
  ["events without their name", () => toResponse(untyped(own().events)), /source is an object.*\{ events \}/],
  ["options in the place of the request", () => toResponse(own(), untyped({ format: "ui" })), /request.*come third/],
  ["an unknown format", () => toResponse(own(), undefined, untyped({ format: "agui" })), /format.*"ag-ui"/],
  ["no heartbeat at all", () => toResponse(own(), undefined, { heartbeatMs: 0 }), /heartbeatMs is 0/],
  ["a header with a line break", () => toResponse(own(), undefined, { headers: { a: "x\ny" } }), /headers\.a/],
  ["onDisconnect without a turn", () => toResponse(own(), undefined, { onDisconnect: "interrupt" }), /needs a turn/],
])("refuses %s", (_, make, expected) => {
  expect(make).toThrow(UsageError);
  expect(make).toThrow(expected);
});
