/**
 * Runs the files that pages show (`ts file`) as they stand there, with what they need around them: a client, a model, a
 * program to bundle. Files that need a framework, a container or another user are compiled by `programs.test.ts` alone.
 */

import { readFileSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { gate, message, shell, step, usage } from "codex-embed/testing";
import { afterAll, describe, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { descendantsOf, isAlive } from "../../packages/codex-embed/test/support/processes.js";
import { verifies } from "../../packages/codex-embed/test/support/verifies.js";
import { clientWith, textOf } from "../../packages/mcp-server/test/support/mcp.js";
import { filesOf, folderOf } from "./support/pageFiles.js";
import { ROOT, readPages } from "./support/pages.js";
import { Scene } from "./support/scene.js";
import { Workshop } from "./support/workshop.js";

const STREAMING = "docs/guides/streaming-to-a-page.md";

/** The files that run here. */
const RUN = [
  `${STREAMING}: server.ts`,
  `${STREAMING}: socket.ts`,
  "docs/guides/bundlers.md: build.ts",
  "docs/guides/docker.md: server.mts",
  "docs/guides/providers.md: gateway.ts",
  "docs/guides/structured-output.md: count.ts",
  "docs/guides/tools.md: double.test.ts",
  "docs/mcp.md: server.ts",
  "docs/testing.md: agent.test.ts",
];

/** The files that need what is not here. */
const COMPILED_ONLY = [
  `${STREAMING}: page.html`,
  "docs/guides/docker.md: outside.ts",
  "docs/guides/tenants.md: tenant.ts",
  ...["next.config.ts", "lib/codex.ts", "app/api/chat/route.ts", "app/page.tsx"].map(
    (name) => `docs/guides/nextjs.md: ${name}`,
  ),
  ...["main.mts", "preload.cjs"].map((name) => `docs/guides/electron.md: ${name}`),
];

const files = filesOf(readPages());
const workshop = await Workshop.open();
await Promise.all([
  ...files.map(({ page, name, block }) => workshop.lay(`${folderOf(page)}/${name}`, block.text)),
  workshop.lay("fixtures/turnOn.ts", readFileSync(`${ROOT}docs/test/fixtures/turnOn.ts`, "utf8")),
]);
afterAll(async () => {
  await workshop.close();
  // The compiler was told to stop, and exits on its own time.
  await vi.waitFor(async () => expect(await descendantsOf(process.pid)).toEqual([]), { timeout: 20_000 });
});

test("each file of a page runs here, or is listed as compiled only", () => {
  const names = files.map(({ page, name }) => `${page}: ${name}`);
  expect([...RUN, ...COMPILED_ONLY].toSorted()).toEqual(names.toSorted());
});

describe.concurrent("as it stands on the page", () => {
  test("server.ts: streams a turn to its own page alone, goes on where a connection broke, and ends", async () => {
    verifies("docs-files");
    await using scene = await Scene.open(workshop, STREAMING);
    const server = await openServer(scene);
    expect((await begin(scene)).status).toBe(403);
    expect((await begin(scene, "http://elsewhere.example")).status).toBe(403);
    expect((await fetch(`${scene.origin}/turns/unknown`)).status).toBe(204);

    const hold = gate();
    scene.model.enqueue(message({ deltas: ["One, ", hold, "two."] }));
    const begun = await begin(scene, scene.origin);
    expect(begun.status).toBe(201);
    const url = `${scene.origin}/turns/${await begun.text()}`;
    const before = await watch(url, { until: "One" });
    expect(before).toMatch(/^id: 0\ndata: \{"type":"start",/);
    hold.open();
    const after = await watch(url, { after: /id: ([\d.]+)\ndata: [^\n]*One, /.exec(before)?.[1] ?? "" });
    expect(after).toContain('"delta":"two."');
    expect(after).not.toContain("One");
    expect(after).toContain('"status":"completed"');
    expect(after).toMatch(/id: end\ndata: \[DONE\]\n\n$/);
    expect(await watch(url, { after: "end" })).toBe("");

    const endless = gate();
    scene.model.enqueue(message({ deltas: ["Once", endless] }));
    const id = await (await begin(scene, scene.origin)).text();
    const cutOff = watch(`${scene.origin}/turns/${id}`, {}).catch((error: unknown) => error);
    await endless.reached;
    expect(await server.stop("SIGTERM"), server.output).toEqual({ code: 0, signal: null });
    expect(String(await cutOff)).toContain("terminated");
    expect(server.output).toBe("");
  });

  test("socket.ts: streams a turn, takes more while it runs, and ends it when the page goes", async () => {
    verifies("docs-files");
    await using scene = await Scene.open(workshop, STREAMING);
    const server = await scene.serve("socket.ts");
    const refused = await openSocket(scene, "http://elsewhere.example").catch((error: unknown) => error);
    expect(String(refused)).toContain("401");

    const hold = gate();
    scene.model.enqueue(message({ deltas: ["One, ", hold] }), message("Three."));
    const { socket, received } = await openSocket(scene, scene.origin);
    socket.send("Count.");
    await server.until(() => expect(received).toEqual([{ text: "One, " }]));
    socket.send("Go on.");
    // What is said meanwhile cuts the message off: the model is asked again at once.
    await server.until(() => expect(received).toContainEqual({ steered: "Go on." }));
    await server.until(() => expect(received.at(-1)).toEqual({ status: "completed", finalResponse: "Three." }));
    expect(scene.model.requests[1]?.userTexts().slice(-2)).toEqual(["Count.", "Go on."]);

    const endless = gate();
    scene.model.enqueue(message({ deltas: ["Once", endless] }));
    socket.send("Tell me a story.");
    await endless.reached;
    socket.close();
    expect(await scene.model.requests[2]?.ended).toBe("cut off");
    await server.stop("SIGTERM");
    expect(server.output).toBe("");
  });

  test("server.mts: says how it is, and ends when the container is stopped", async () => {
    verifies("docs-files");
    await using scene = await Scene.open(workshop, "docs/guides/docker.md");
    const server = await scene.serve("server.mts");
    const health = await fetch(`${scene.origin}/healthz`);
    expect([health.status, await health.text()]).toEqual([200, "ready"]);
    expect((await fetch(`${scene.origin}/other`)).status).toBe(404);
    expect(await server.stop("SIGTERM"), server.output).toEqual({ code: 0, signal: null });
    expect(server.output).toBe("");
  });

  test("build.ts: bundles the quickstart of the README, and the bundle runs", async () => {
    verifies("docs-files");
    await using scene = await Scene.open(workshop, "docs/guides/bundlers.md");
    const readme = readPages().find(({ path }) => path === "README.md");
    const quickstart = readme?.blocks.find(({ language }) => language === "ts");
    await workshop.lay(`${folderOf("docs/guides/bundlers.md")}/agent.ts`, quickstart?.text ?? "");
    const builder = scene.start("build.ts", { cwd: dirname(scene.path("build.ts")) });
    expect(await builder.ended, builder.output).toEqual({ code: 0, signal: null });
    scene.model.enqueue(step(message("It is repaired."), usage({ input: 40, output: 2 })));
    const bundle = scene.start("dist/agent.mjs");
    expect(await bundle.ended, bundle.output).toEqual({ code: 0, signal: null });
    expect(bundle.output).toMatch(/^It is repaired\. 42\n$/);
  });

  test("count.ts: says what is wrong with the answer, and where", async () => {
    verifies("docs-files");
    await using scene = await Scene.open(workshop, "docs/guides/structured-output.md");
    scene.model.enqueue(message('{"tests":0}'));
    const program = scene.start("count.ts");
    expect(await program.ended, program.output).toEqual({ code: 0, signal: null });
    expect(program.output).toContain('{"tests":0}');
    expect(program.output).toMatch(/path: \[ 'tests' \]/);
  });

  test("server.ts: serves its own tool and those of Codex, and leaves nothing", async () => {
    verifies("docs-files");
    await using scene = await Scene.open(workshop, "docs/mcp.md");
    // The client kills what does not end when stdin does; only a server that ends by itself has an exit code to tell.
    const script = `"$0" "$1"; echo "It ended with $?." >&2`;
    const args = ["-c", script, process.execPath, scene.path("server.ts")];
    const transport = new StdioClientTransport({ command: "sh", args, env: scene.env, stderr: "pipe" });
    let errors = "";
    transport.stderr?.on("data", (chunk: Buffer) => (errors += String(chunk)));
    const client = clientWith();
    await client.connect(transport);
    try {
      const { tools } = await client.listTools();
      expect(tools.map(({ name }) => name).toSorted()).toEqual(["codex", "codex-reply", "own"]);
      expect(textOf(await client.callTool({ name: "own" }))).toBe("Hello.");
      scene.model.enqueue(message("It is done."));
      const done = await client.callTool({ name: "codex", arguments: { prompt: "Go." } });
      expect(textOf(done)).toContain("It is done.");
    } finally {
      const below = await descendantsOf(transport.pid ?? 0);
      await client.close();
      for (const pid of below) if (await isAlive(pid)) process.kill(pid, "SIGKILL");
    }
    await vi.waitFor(() => expect(errors).toBe("It ended with 0.\n"));
  });

  test("gateway.ts: the key reaches the model, and not the agent's commands", async () => {
    verifies("docs-files");
    await using scene = await Scene.open(workshop, "docs/guides/providers.md");
    scene.model.enqueue(shell('echo "<$GATEWAY_KEY>"'), message("It is reached."));
    expect(await scene.turnOn("gateway.ts", { GATEWAY_KEY: "a-key-of-the-tests" })).toBe("It is reached.");
    const [first, second] = scene.model.requests;
    expect(first?.headers.authorization).toBe("Bearer a-key-of-the-tests");
    expect(first?.body["model"]).toBe("large");
    expect(second?.toolOutput("call_1")).toContain("\n<>\n");
  });
});

describe("the tests on the pages are tests of this run", () => {
  // Their tests declare themselves when they are imported; a file without any fails the run.
  for (const file of ["docs__testing/agent.test.ts", "docs__guides__tools/double.test.ts"]) {
    describe(file, async () => {
      await import(workshop.path(file));
    });
  }
});

async function openServer(scene: Scene) {
  await copyFile(scene.path("page.html"), join(scene.home.workspace, "page.html"));
  return scene.serve("server.ts");
}

function begin(scene: Scene, origin?: string): Promise<Response> {
  const headers = origin === undefined ? {} : { origin };
  return fetch(`${scene.origin}/turns`, { method: "POST", headers, body: "Count." });
}

/** Reads the stream of a turn until it holds a text, or to its end, and breaks the connection. */
async function watch(url: string, options: { after?: string; until?: string }): Promise<string> {
  const connection = new AbortController();
  const headers = options.after === undefined ? {} : { "last-event-id": options.after };
  const { body } = await fetch(url, { headers, signal: connection.signal });
  let seen = "";
  for await (const piece of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    seen += piece;
    if (options.until !== undefined && seen.includes(options.until)) break;
  }
  connection.abort();
  return seen;
}

async function openSocket(scene: Scene, origin: string): Promise<{ socket: WebSocket; received: unknown[] }> {
  const socket = new WebSocket(scene.origin.replace("http", "ws"), { origin });
  const received: unknown[] = [];
  socket.on("message", (data: Buffer) => received.push(JSON.parse(data.toString())));
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  return { socket, received };
}
