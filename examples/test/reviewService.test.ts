/** Tests the code review service over HTTP: who is answered, with what, and what the agent may do. */

import { existsSync } from "node:fs";
import { mkdir, symlink } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { Codex } from "codex-embed";
import { gate, message, type Part, shell } from "codex-embed/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { MAX_DIFF_CHARS, type ReviewEvent } from "../review-service/review.js";
import { type ReviewService, startReviewService } from "../review-service/service.js";
import { FINDINGS, REPORT, reviewService } from "../support/reviewScenario.js";
import { openStage, type Stage } from "../support/stage.js";

let stage: Stage;
let codex: Codex;
let service: ReviewService;
let asked: number;

beforeAll(async () => {
  stage = await openStage(reviewService);
  const env = Object.fromEntries(Object.entries(stage.env).map(([name, value]) => [name, value ?? ""]));
  codex = new Codex({ cwd: stage.cwd, env, inheritEnv: false });
  service = await startReviewService({ codex, repository: stage.cwd });
});
afterAll(async () => {
  await service.close();
  await codex.close();
  await stage.close();
});
beforeEach(() => {
  asked = stage.model?.requests.length ?? 0;
});

/** Has the model answer with these, one after another, and after them with the usual report. */
function script(...parts: readonly Part[]): void {
  const left = [...parts];
  stage.model?.respondWith(() => left.shift() ?? message(REPORT));
}

const newRequests = () => stage.model?.requests.slice(asked) ?? [];
const findings = (events: readonly ReviewEvent[]) =>
  events.flatMap((event) => (event.type === "finding" ? [event.finding] : []));

function post(body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(new URL("reviews", service.url), {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

async function begin(body: unknown = { kind: "uncommitted" }): Promise<string> {
  const response = await post(body);
  expect(response.status).toBe(202);
  const { id }: { id: string } = JSON.parse(await response.text());
  return id;
}

/** All events of a review, from the first to the last, whenever it is asked for. */
async function eventsOf(id: string): Promise<ReviewEvent[]> {
  const response = await fetch(new URL(`reviews/${id}/events`, service.url));
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const data = (await response.text()).matchAll(/^data: (.+)$/gm);
  return Array.from(data, ([, event = ""]): ReviewEvent => JSON.parse(event));
}

describe("a review", () => {
  test("tells of its progress, each finding and the end, to whoever follows, also afterwards", async () => {
    script(shell("git diff HEAD", { callId: "look" }));
    const id = await begin();
    const events = await eventsOf(id);
    expect(events[0]).toEqual({ type: "progress", text: "The agent starts." });
    expect(events[1]).toMatchObject({ type: "progress", text: expect.stringContaining("git diff HEAD") });
    expect(findings(events)).toEqual(FINDINGS);
    expect(events.at(-1)).toMatchObject({ type: "done", findings: 4, summary: expect.stringContaining("small") });
    expect(newRequests()[1]?.toolOutput("look")).toContain("+  const where =");
    expect(await eventsOf(id)).toEqual(events);
  });

  test("a page that comes back gets the rest, and none after the end", async () => {
    script();
    const id = await begin();
    const events = await eventsOf(id);
    const url = new URL(`reviews/${id}/events`, service.url);
    const behind = (last: string) => fetch(url, { headers: { "last-event-id": last } });
    expect(await (await behind("0")).text()).toContain(JSON.stringify(events.at(-1)));
    expect(await (await behind("0")).text()).not.toContain("The agent starts.");
    expect((await behind("end")).status).toBe(204);
  });

  test("goes on without the one who followed it", async () => {
    const hold = gate();
    script(message({ deltas: [REPORT.slice(0, 9), hold, REPORT.slice(9)] }));
    const id = await begin();
    const controller = new AbortController();
    await fetch(new URL(`reviews/${id}/events`, service.url), { signal: controller.signal });
    await hold.reached;
    controller.abort();
    hold.open();
    expect((await eventsOf(id)).at(-1)).toMatchObject({ type: "done" });
  });

  test("is stopped by DELETE, and two run at a time", async () => {
    const holds = [gate(), gate()];
    script(...holds.map((hold) => message({ deltas: [REPORT.slice(0, 9), hold] })));
    const ids = [await begin(), await begin()];
    await Promise.all(holds.map((hold) => hold.reached));
    expect((await post({ kind: "uncommitted" })).status).toBe(429);
    for (const id of ids) await fetch(new URL(`reviews/${id}`, service.url), { method: "DELETE" });
    for (const id of ids) {
      expect((await eventsOf(id)).at(-1)).toEqual({ type: "failed", message: "The review was stopped." });
    }
    script();
    expect((await eventsOf(await begin())).at(-1)).toMatchObject({ type: "done" });
  });

  test("an answer that is no report fails it, with what is wrong", async () => {
    script(message('{"findings":[{"severity":"dreadful"}],"summary":"Bad."}'));
    const events = await eventsOf(await begin());
    expect(findings(events)).toEqual([]);
    expect(events.at(-1)).toMatchObject({ type: "failed", message: expect.stringContaining("findings.0.severity") });
  });
});

describe("what the agent may do", () => {
  test("it can read and not write, and nobody approves more", async () => {
    script(
      shell("touch written.txt", { callId: "plain" }),
      shell("touch escalated.txt", { callId: "more", escalate: { justification: "I would like to." } }),
    );
    const events = await eventsOf(await begin());
    expect(events.at(-1)).toMatchObject({ type: "done" });
    expect(["written.txt", "escalated.txt"].filter((name) => existsSync(join(stage.cwd, name)))).toEqual([]);
    const last = newRequests().at(-1);
    expect(last?.toolOutput("plain")).toMatch(/Read-only file system|Permission denied/i);
    expect(last?.toolOutput("more")).toMatch(/approval policy is Never/i);
    expect(newRequests().filter(({ subagent }) => subagent !== undefined)).toEqual([]); // no other agent was asked
  });

  test("findings outside of the repository are left out, and paths are told relative to it", async () => {
    const at = (file: string) => ({ ...FINDINGS[0], file });
    const files = ["../secret", "/etc/passwd", "src/../../x", ".", join(stage.cwd, "src/cart.mjs"), "./src/orders.mjs"];
    script(message(JSON.stringify({ findings: files.map(at), summary: "Well." })));
    const events = await eventsOf(await begin());
    expect(findings(events).map(({ file }) => file)).toEqual(["src/cart.mjs", "src/orders.mjs"]);
    expect(events.at(-1)).toMatchObject({ type: "done", findings: 2 });
  });
});

describe("a path in the request", () => {
  test("is told to the agent when it is in the repository", async () => {
    script();
    await eventsOf(await begin({ kind: "uncommitted", path: "src/../src/cart.mjs" }));
    expect(newRequests()[0]?.lastUserText()).toContain('at "src/cart.mjs" and below');
  });

  test.each([
    ["above it", "../", "is not in the repository"],
    ["beside it with the same beginning", "../workspace-2", "is not"],
    ["somewhere else", "/etc", "is not in the repository"],
    ["behind a link that leads out", "link/passwd", "is not in the repository"],
    ["nowhere", "missing.mjs", "does not exist"],
  ])("is refused when it is %s", async (_, path, why) => {
    await mkdir(join(stage.cwd, "..", "workspace-2"), { recursive: true });
    if (!existsSync(join(stage.cwd, "link"))) await symlink("/etc", join(stage.cwd, "link"));
    const response = await post({ kind: "uncommitted", path });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(why);
    expect(newRequests()).toEqual([]);
  });
});

describe("who is answered", () => {
  test("this machine by its loopback address, and no other address", async () => {
    expect((await fetch(service.url)).status).toBe(200);
    await expect(fetch(service.url.replace("127.0.0.1", "127.0.0.2"))).rejects.toThrow("fetch failed");
  });

  test.each([
    ["a name that leads here", { host: "attacker.example" }],
    ["a page of somebody else", { origin: "https://attacker.example" }],
    ["a sandboxed frame", { origin: "null" }],
  ])("not %s", async (_, headers) => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const request = httpRequest(service.url, { headers }, (response) => {
        response.resume().on("end", () => resolve(response.statusCode));
      });
      request.on("error", reject).end();
    });
    expect(status).toBe(403);
  });

  test("the page itself may load nothing and reach nothing but the service", async () => {
    const response = await fetch(service.url);
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toMatch(/^default-src 'none'; script-src 'nonce-[^']+'; style-src 'nonce-[^']+';/);
    expect(policy).not.toMatch(/unsafe|\*/);
    const again = await fetch(service.url);
    expect(again.headers.get("content-security-policy")).not.toBe(policy);
  });
});

describe("what is taken", () => {
  const json = { kind: "uncommitted" };
  test.each<[what: string, status: number, body: unknown, headers?: Record<string, string>]>([
    ["a form", 415, "kind=uncommitted", { "content-type": "application/x-www-form-urlencoded" }],
    ["plain text, as a page of somebody else can send it", 415, json, { "content-type": "text/plain" }],
    ["no JSON", 400, "{"],
    ["another kind", 400, { kind: "everything" }],
    ["fields that are not known", 400, { ...json, sandbox: "full-access" }],
    ["an empty diff", 400, { kind: "diff", diff: " \n" }],
    ["a diff that is too long", 400, { kind: "diff", diff: "x".repeat(MAX_DIFF_CHARS + 1) }],
    ["a body that is too long", 413, { kind: "diff", diff: "x".repeat(1024 * 1024) }],
  ])("not %s", async (_, status, body, headers) => {
    const response = await post(body, headers);
    expect(response.status).toBe(status);
    expect(JSON.parse(await response.text())).toEqual({ message: expect.stringMatching(/\S/) });
    expect(newRequests()).toEqual([]);
  });

  test.each([
    ["GET", "reviews"],
    ["GET", "../etc/passwd"],
    ["GET", "page.html"],
    ["DELETE", "reviews/none"],
    ["PUT", ""],
  ])("not %s /%s", async (method, path) => {
    expect((await fetch(new URL(path, service.url), { method })).status).toBe(404);
  });
});

test("a service that is closed stops its reviews and lets the port go", async () => {
  const hold = gate();
  script(message({ deltas: [REPORT.slice(0, 9), hold] }));
  const own = await startReviewService({ codex, repository: stage.cwd });
  const headers = { "content-type": "application/json" };
  await fetch(new URL("reviews", own.url), { method: "POST", headers, body: '{"kind":"uncommitted"}' });
  await hold.reached;
  await own.close();
  await expect(fetch(own.url)).rejects.toThrow("fetch failed");
  expect(await stage.model?.requests.at(-1)?.ended).toBe("cut off");
});
