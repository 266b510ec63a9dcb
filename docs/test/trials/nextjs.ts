/** Tries the Next.js app without Next.js: its route behind a small server, its page with React in a browser. */

import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { gate, message } from "codex-embed/testing";
import { build } from "esbuild";
import { expect, test } from "vitest";
import manifest from "../../../packages/codex-embed/package.json" with { type: "json" };
import { ROOT } from "../support/pages.js";
import { type Program, Scene } from "../support/scene.js";
import type { Trial } from "../support/trial.js";

const PAGE = "docs/guides/nextjs.md";

/** Bundles the route and the page as the framework would, with "@" for the folder of the app. */
async function serveApp(scene: Scene): Promise<{ host: Program; origin: string }> {
  const root = dirname(scene.path("next.config.ts"));
  const bundled = { bundle: true, format: "esm", alias: { "@": root }, logLevel: "silent" } as const;
  const mount = `import { mount } from "${ROOT}docs/test/fixtures/mount.mjs"; import Page from "./app/page.tsx"; mount(Page);`;
  await Promise.all([
    build({
      ...bundled,
      entryPoints: [`${root}/app/api/agent/route.ts`],
      outfile: `${root}/built/route.mjs`,
      external: ["codex-embed"],
    }),
    build({
      ...bundled,
      stdin: { contents: mount, resolveDir: root },
      outfile: `${root}/built/page.js`,
      jsx: "automatic",
      define: { "process.env.NODE_ENV": '"production"' },
    }),
  ]);
  const host = scene.start("../fixtures/host.ts", { args: [`${root}/built/route.mjs`, `${root}/built/page.js`] });
  await host.until(() => expect(host.output).toMatch(/^\d+\n/));
  return { host, origin: `http://127.0.0.1:${host.output.trim()}` };
}

export const nextjs: Trial = {
  page: PAGE,
  files: ["next.config.ts", "lib/codex.ts", "app/api/agent/route.ts", "app/page.tsx"],
  declare: ({ workshop, browser }) => {
    test("next.config.ts: names the package, and the folder of the runtime", async () => {
      await using scene = await Scene.open(workshop, PAGE);
      const { default: config }: { default: unknown } = await import(scene.path("next.config.ts"));
      const runtime = "./node_modules/@openai/codex*/**";
      expect(config).toEqual({
        serverExternalPackages: [manifest.name],
        outputFileTracingIncludes: { "/api/agent": [runtime] },
      });
      const folder = `${ROOT}${runtime.slice("./".length, runtime.indexOf("*"))}`;
      expect(scene.env["DOCS_CODEX_BIN"]?.startsWith(folder)).toBe(true);
      expect(existsSync(folder)).toBe(true);
    });

    test("the route streams the answer to the page, refuses an empty prompt, and ends the turn of a browser that goes", async () => {
      await using scene = await Scene.open(workshop, PAGE);
      const { host, origin } = await serveApp(scene);
      const refused = await fetch(`${origin}/api/agent`, { method: "POST", body: "  " });
      expect([refused.status, await refused.text()]).toEqual([400, "Say what to do."]);

      const [hold, endless] = [gate(), gate()];
      scene.model.enqueue(message({ deltas: ["One, ", hold, "two."] }), message({ deltas: ["Once", endless] }));
      const page = await browser().newPage();
      try {
        await page.goto(origin);
        const [prompt, answer] = [page.locator("input"), page.locator("pre")];
        await prompt.fill("Count.");
        await page.getByRole("button", { name: "Go" }).click();
        await host.until(async () => expect(await answer.textContent()).toBe("One, "));
        hold.open();
        await host.until(async () => expect(await answer.textContent()).toBe("One, two."));
        expect(scene.model.requests[0]?.lastUserText()).toBe("Count.");

        // React empties the form when its action has ended.
        await host.until(async () => expect(await prompt.inputValue()).toBe(""));
        await prompt.fill("Tell me a story.");
        await page.getByRole("button", { name: "Go" }).click();
        await endless.reached;
      } finally {
        await page.close();
      }
      expect(await scene.model.requests[1]?.ended).toBe("cut off");

      scene.model.enqueue(message("It goes on."));
      const response = await fetch(`${origin}/api/agent`, { method: "POST", body: "Again." });
      expect(response.headers.get("x-thread-id")).toMatch(/^[\w-]{36}$/);
      expect(await response.text()).toBe("It goes on.");
      await host.stop("SIGTERM");
    });
  },
};
