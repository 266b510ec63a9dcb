/** The end-to-end tests of runtimes that others connect to: over TCP and over a unix socket. */

import { createHmac } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import {
  type AppServer,
  Codex,
  LaunchError,
  type ServeOptions,
  serveAppServer,
  TransportClosedError,
  tool,
  UsageError,
} from "codex-embed";
import { createTestHome, gate, message, ScriptedModel, shell, type TestHome, toolCall } from "codex-embed/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { DELETED_FOLDER } from "../support/bundle.js";
import { runNode } from "../support/cli.js";
import { isAlive } from "../support/processes.js";
import { itemsOf, readAll, rejection, until } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

let model: ScriptedModel;
let home: TestHome;
let socketCount = 0;

beforeAll(async () => {
  model = await ScriptedModel.start();
  home = await createTestHome({ model });
});
afterAll(async () => {
  await home.dispose();
  await model.close();
  model.assertComplete();
});

const serve = (options: ServeOptions = {}): Promise<AppServer> =>
  serveAppServer({ codexHome: home.codexHome, cwd: home.workspace, inheritEnv: false, env: home.env, ...options });

function socketAddress(): string {
  socketCount += 1;
  return `unix://${join(home.codexHome, `s${socketCount}.sock`)}`;
}

const places: readonly (readonly [string, () => string | undefined])[] = [
  ["ws", () => undefined],
  ["unix", socketAddress],
];

test.skipIf(process.platform === "win32")(
  "works in a folder that was deleted, and so does a start that names one",
  async () => {
    verifies("connect-deleted-folder");
    await using server = await serve({ listen: socketAddress() });
    model.enqueue(message('{"n":1}'), message('{"n":2}'));
    const cwd = await mkdtemp(join(home.workspace, "deleted-"));
    const args = [DELETED_FOLDER, server.url, home.workspace, home.codexHome];
    const { stdout, stderr } = await runNode(args, { cwd, env: home.env });
    expect({ said: JSON.parse(stdout), stderr }).toEqual({
      said: [
        '{"n":1}',
        '{"n":2}',
        "UsageError: The working directory of this program was deleted. Pass cwd as an absolute path.",
      ],
      stderr: "",
    });
  },
);

describe.each(places)("over %s", (_, listen) => {
  test("a turn runs as over stdio: commands, approvals, tools, typed answers", async () => {
    verifies("connect");
    await using server = await serve({ listen: listen() });
    await using codex = await server.connect({ handlers: { approveCommand: () => "accept" } });
    expect(codex.metadata).toMatchObject({ codexHome: home.codexHome, codexBin: null });
    expect(codex.pid).toBeUndefined();
    const double = tool({
      name: "double",
      description: "Doubles.",
      parameters: z.object({ n: z.number() }),
      execute: ({ n }) => n * 2,
    });
    model.enqueue(
      shell("echo here", { escalate: { justification: "Needed." } }),
      toolCall("double", { n: 21 }, { callId: "doubled" }),
      message('{"n":42}'),
    );
    const thread = await codex.startThread({ cwd: home.workspace, sandbox: "read-only", tools: [double] });
    const result = await thread.run("Go.", { outputSchema: z.object({ n: z.number() }) });
    expect(result.output).toEqual({ n: 42 });
    expect(itemsOf(result, "commandExecution")).toMatchObject([{ aggregatedOutput: "here\n", exitCode: 0 }]);
    expect(model.requests.at(-1)?.toolOutput("doubled")).toBe("42");
  });

  test("two clients: one starts a thread, the other resumes it; a client that leaves takes nothing along", async () => {
    await using server = await serve({ listen: listen() });
    const first = await server.connect();
    await using second = await server.connect();
    model.enqueue(message("One."), message("Two."));
    const thread = await first.startThread({ cwd: home.workspace });
    await thread.run("Hi");
    await first.close();
    const again = await second.resumeThread(thread.id);
    expect((await again.run("And?")).finalResponse).toBe("Two.");
    if (server.pid === undefined) throw new Error("There is no process.");
    expect(await isAlive(server.pid)).toBe(true);
  });

  test("the end of the server ends the turn with its cause, and nothing of the server is left", async () => {
    const server = await serve({ listen: listen() });
    await using codex = await server.connect({ reconnect: false });
    const hold = gate();
    model.enqueue(message({ deltas: ["Half", hold] }));
    const thread = await codex.startThread({ cwd: home.workspace });
    const turn = await thread.startTurn("Hi");
    await until(turn, ({ method }) => method === "item/agentMessage/delta");
    const began = performance.now();
    await server.close();
    expect(performance.now() - began).toBeLessThan(1_500);
    const error = await rejection(turn.result(), TransportClosedError);
    expect(error.message).toContain("WebSocket was closed");
    expect((await readAll(turn)).error).toBe(error);
    expect(await codex.closed).toMatchObject({ initiator: "runtime" });
    expect(await server.closed).toMatchObject({ exitCode: 0 });
    if (server.url.startsWith("unix://")) expect(existsSync(server.url.slice("unix://".length))).toBe(false);
    await server.close();
  });

  test("a relative working directory is refused: it would be another one there", async () => {
    await using server = await serve({ listen: listen() });
    await using codex = await server.connect();
    const thread = await codex.startThread({ cwd: home.workspace });
    await rejection(thread.run("Hi", { cwd: "here" }), UsageError);
  });

  test("whether a working directory exists is the server's to know; a URL that is no path is refused", async () => {
    await using server = await serve({ listen: listen() });
    await using codex = await server.connect();
    expect((await codex.startThread({ cwd: "/only/there" })).cwd).toBe("/only/there");
    expect((await codex.startThread({ cwd: new URL("file:///only/there") })).cwd).toBe("/only/there");
    await rejection(codex.startThread({ cwd: new URL("https://example.org/") }), UsageError);
  });
});

describe("a token", () => {
  test("is asked for by default, in a file for this user alone that goes with the server", async () => {
    verifies("server-token");
    const server = await serve();
    const { token, tokenFile, url } = server;
    if (token === undefined || tokenFile === undefined) throw new Error("There is no token.");
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(statSync(tokenFile).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(tokenFile)).mode & 0o077).toBe(0);
    for (const [options, why] of [
      [{}, "missing websocket bearer token"],
      [{ token: `${token}x` }, "invalid websocket bearer token"],
    ] as const) {
      const error = await rejection(Codex.connect(url, options), LaunchError);
      expect(error).toMatchObject({ code: "UNAUTHORIZED", message: expect.stringContaining(why) });
      expect(error.message).not.toContain(token);
    }
    await (await Codex.connect(url, { token })).close();
    await server.close();
    expect(existsSync(tokenFile)).toBe(false);
  });

  test("may be the program's own, or nobody's", async () => {
    await using own = await serve({ auth: { type: "token", token: "mine" } });
    await (await Codex.connect(own.url, { token: "mine" })).close();
    await using open = await serve({ auth: { type: "none" } });
    expect(open.token).toBeUndefined();
    await (await Codex.connect(open.url)).close();
  });

  test("may be signed: audience, expiry and signature are held against it, and a provider makes a new one", async () => {
    const sharedSecretFile = join(home.codexHome, "secret");
    const secret = "a-secret-of-at-least-32-characters!!";
    await writeFile(sharedSecretFile, secret, { mode: 0o600 });
    await using server = await serve({ auth: { type: "signed", sharedSecretFile, issuer: "me", audience: "it" } });
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: "me", aud: "it", exp: now + 60 };
    await (await Codex.connect(server.url, { tokenProvider: () => jwt(claims, secret) })).close();
    for (const [wrong, key] of [
      [{ ...claims, exp: now - 3600 }, secret],
      [{ ...claims, aud: "other" }, secret],
      [claims, `${secret}x`],
    ] as const) {
      const error = await rejection(Codex.connect(server.url, { token: jwt(wrong, key) }), LaunchError);
      expect(error.code).toBe("UNAUTHORIZED");
    }
  });
});

function jwt(claims: object, secret: string): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const body = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(claims)}`;
  return `${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`;
}

describe("a server that cannot be started", () => {
  test.each<[string, ServeOptions, string]>([
    ["a host name", { listen: "ws://localhost:0" }, "a numeric address"],
    ["TLS", { listen: "wss://127.0.0.1:0" }, "a numeric address"],
    ["a relative socket", { listen: "unix://x.sock" }, "absolute path"],
    ["a token for a socket", { listen: "unix:///tmp/x.sock", auth: { type: "token" } }, "Unix socket"],
    ["a token with a line break", { auth: { type: "token", token: "a\nb" } }, "The token"],
    ["a secret that is not there", { auth: { type: "signed", sharedSecretFile: "/nowhere" } }, "cannot be read"],
  ])("%s is refused", async (_, options, why) => {
    expect((await rejection(serve(options), UsageError)).message).toContain(why);
  });

  test("a port that is taken is told, with the server's own words", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => taken.once("listening", resolve));
    const address = taken.address();
    if (address === null || typeof address === "string") throw new Error("There is no port.");
    const error = await rejection(serve({ listen: `ws://127.0.0.1:${address.port}` }), LaunchError);
    expect(error).toMatchObject({ code: "HANDSHAKE_FAILED", message: expect.stringContaining("exited with code 1") });
    expect(error.stderrTail).toMatch(/in use/i);
    taken.close();
  });

  test("another server on the socket, and everyone's address without a token", async () => {
    const listen = socketAddress();
    await using first = await serve({ listen });
    expect(first.url).toBe(listen);
    expect((await rejection(serve({ listen }), LaunchError)).message).toContain("Another server");
    const open = rejection(serve({ listen: "ws://0.0.0.0:0", auth: { type: "none" } }), LaunchError);
    expect((await open).stderrTail).not.toBe("");
  });

  test("a configuration that does not load", async () => {
    const error = await rejection(serve({ configOverrides: ["model_providers=3"] }), LaunchError);
    expect(error.stderrTail).not.toBe("");
  });
});
