/** The trials of Next.js: a route handler that runs a turn, built for production and asked once. */

import { createServer } from "node:net";
import { join } from "node:path";
import type { Bench, Trial } from "./bench.js";
import { QUICKSTART_MODULE, readTold } from "./programs.js";
import type { Project } from "./project.js";
import { end, start } from "./shell.js";

const ROUTE = `${QUICKSTART_MODULE}
export const dynamic = "force-dynamic";
export async function GET() {
  return Response.json(await quickstart());
}
`;

const LAYOUT = `export default ({ children }) => <html lang="en"><body>{children}</body></html>;
`;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => void server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("There is no free port.");
  return address.port;
}

/** Waits until the server answers, or has ended. */
async function ask(url: string, ended: Promise<unknown>): Promise<string> {
  let hasEnded = false;
  void ended.then(() => (hasEnded = true));
  for (;;) {
    const response = await fetch(url).catch(() => null);
    if (response !== null) return await response.text();
    if (hasEnded) throw new Error("The server ended before it answered.");
    await new Promise((resolve) => void setTimeout(resolve, 200));
  }
}

async function serve(project: Project, next: string): Promise<string> {
  const port = await freePort();
  const env = { NEXT_TELEMETRY_DISABLED: "1" };
  const args = [next, "start", "-H", "127.0.0.1", "-p", String(port)];
  const { child, output, ended } = start(process.execPath, args, { cwd: project.folder, env });
  try {
    return await ask(`http://127.0.0.1:${port}/turn`, ended);
  } catch (error) {
    throw new Error(`next start: ${output.stdout}${output.stderr}`, { cause: error });
  } finally {
    end(child);
    await ended;
  }
}

function trial(name: string, what: string, config: object, buildArgs: readonly string[] = []): Trial {
  return {
    name,
    what,
    run: async (bench: Bench) => {
      const project = bench.project("project", { dependencies: { next: "16", react: "19", "react-dom": "19" } });
      await project.run("npm", ["install", "--no-audit", "--no-fund"], { timeoutMs: 600_000 });
      await project.place();
      project.write("next.config.mjs", `export default ${JSON.stringify(config)};`);
      project.write("app/layout.jsx", LAYOUT);
      project.write("app/turn/route.js", ROUTE);
      const next = join(project.folder, "node_modules", "next", "dist", "bin", "next");
      const env = { NEXT_TELEMETRY_DISABLED: "1" };
      await project.run(process.execPath, [next, "build", ...buildArgs], { timeoutMs: 600_000, env });
      const answer = await serve(project, next);
      const { codexBin } = readTold(answer);
      if (!codexBin.startsWith(project.folder)) throw new Error(`It found the runtime elsewhere: ${codexBin}`);
      return "built, started on the loopback, one request ran a turn";
    },
  };
}

/** These trials. */
export const next: readonly Trial[] = [
  trial("Next.js, Turbopack", "version 16, a route handler, the package bundled", {}),
  trial("Next.js, external", "the same with `serverExternalPackages`", { serverExternalPackages: ["codex-embed"] }),
  trial("Next.js, webpack", "the same bundled by `next build --webpack`", {}, ["--webpack"]),
];
