/** Tries the servers of the guides: they answer whom they shall, end when they are told to, and leave nothing. */

import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { gate, message } from "codex-embed/testing";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { Scene } from "../support/scene.js";
import type { Trial } from "../support/trial.js";

const STREAMING = "docs/guides/streaming-to-a-page.md";

async function openServer(scene: Scene) {
  await copyFile(scene.path("page.html"), join(scene.home.workspace, "page.html"));
  return scene.serve("server.ts");
}

function begin(scene: Scene, origin?: string): Promise<Response> {
  const headers = origin === undefined ? {} : { origin };
  return fetch(`${scene.origin}/turns`, { method: "POST", headers, body: "Count." });
}

/** Reads the stream of a turn until it holds a text, or to its end, and breaks the connection. */
async function watch(url: string, options: { after?: number; until?: string }): Promise<string> {
  const connection = new AbortController();
  const headers = options.after === undefined ? {} : { "last-event-id": String(options.after) };
  const { body } = await fetch(url, { headers, signal: connection.signal });
  let seen = "";
  for await (const piece of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    seen += piece;
    if (options.until !== undefined && seen.includes(options.until)) break;
  }
  connection.abort();
  return seen;
}

export const streaming: Trial = {
  page: STREAMING,
  files: ["server.ts", "page.html", "socket.ts"],
  declare: ({ workshop, browser }) => {
    test("server.ts: streams a turn to its own page alone, goes on where a connection broke, and ends", async () => {
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
      const first = 'id: 0\nevent: text\ndata: "One, "\n\n';
      expect(await watch(url, { until: "One" })).toBe(first);
      hold.open();
      const rest = `id: 1\nevent: text\ndata: "two."\n\nid: 2\nevent: end\ndata: {"status":"completed","finalResponse":"One, two."}\n\n`;
      expect(await watch(url, { after: 0 })).toBe(rest);
      expect(await watch(url, {})).toBe(first + rest);

      const endless = gate();
      scene.model.enqueue(message({ deltas: ["Once", endless] }));
      const id = await (await begin(scene, scene.origin)).text();
      const cutOff = watch(`${scene.origin}/turns/${id}`, {}).catch((error: unknown) => error);
      await endless.reached;
      expect(await server.stop("SIGTERM"), server.output).toEqual({ code: 0, signal: null });
      expect(String(await cutOff)).toContain("terminated");
      expect(server.output).toBe("");
    });

    test("page.html: shows the answer as it grows", async () => {
      await using scene = await Scene.open(workshop, STREAMING);
      const server = await openServer(scene);
      const hold = gate();
      scene.model.enqueue(message({ deltas: ["One, ", hold, "<b>two</b>."] }));
      const page = await browser().newPage();
      try {
        await page.goto(scene.origin);
        await page.locator("input").fill("Count.");
        await page.getByRole("button", { name: "Go" }).click();
        await server.until(async () => expect(await page.locator("#answer").textContent()).toBe("One, "));
        hold.open();
        await page.locator("#status").getByText("completed").waitFor();
        expect(await page.locator("#answer").textContent()).toBe("One, <b>two</b>.");
        expect(scene.model.requests[0]?.lastUserText()).toBe("Count.");
      } finally {
        await page.close();
      }
    });

    test("socket.ts: streams a turn, takes more while it runs, and ends it when the page goes", async () => {
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
  },
};

async function openSocket(scene: Scene, origin: string): Promise<{ socket: WebSocket; received: unknown[] }> {
  const socket = new WebSocket(scene.origin.replace("http", "ws"), { origin });
  const received: unknown[] = [];
  socket.on("message", (data: Buffer) => received.push(JSON.parse(data.toString())));
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  return { socket, received };
}

export const dockerServer: Trial = {
  page: "docs/guides/docker.md",
  files: ["server.mts"],
  declare: ({ workshop }) =>
    test("server.mts: says how it is, and ends when the container is stopped", async () => {
      await using scene = await Scene.open(workshop, dockerServer.page);
      const server = await scene.serve("server.mts");
      const health = await fetch(`${scene.origin}/healthz`);
      expect([health.status, await health.text()]).toEqual([200, "ready"]);
      expect((await fetch(`${scene.origin}/other`)).status).toBe(404);
      expect(await server.stop("SIGTERM"), server.output).toEqual({ code: 0, signal: null });
      expect(server.output).toBe("");
    }),
};
