/** Finds a browser for the tests, and starts it without leaving anything behind. */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type BrowserContext, chromium } from "playwright-core";

const VARIABLE = "CODEX_EMBED_BROWSER";
const MODULES = fileURLToPath(new URL("../../../node_modules/", import.meta.url));
const CACHE = join(MODULES, ".cache", "codex-embed-browser");
const INSTALLED = [
  "/usr/bin/chromium-headless-shell",
  "/usr/bin/chromium",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
];

interface Executable {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A browser with an empty profile. It is ended, and its profile removed, by `close()`. */
export interface Browser {
  readonly context: BrowserContext;
  close(): Promise<void>;
}

/** Starts the browser. Rejects with what to install when there is none. */
export async function startBrowser(options: { width: number; height: number }): Promise<Browser> {
  const { path, env } = await findBrowser();
  const profile = await mkdtemp(join(tmpdir(), "codex-embed-browser-"));
  const removeProfile = () => rm(profile, { recursive: true, force: true, maxRetries: 5 });
  try {
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: path,
      env: { ...definedEnvironment(), ...env, HOME: profile },
      viewport: options,
      args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
      ],
    });
    const close = async () => {
      await context.close();
      await removeProfile();
    };
    return { context, close };
  } catch (error) {
    await removeProfile();
    throw error;
  }
}

async function findBrowser(): Promise<Executable> {
  const chosen = process.env[VARIABLE];
  if (chosen !== undefined) return { path: chosen, env: {} };
  if (process.platform === "linux" && process.arch === "x64") return unpackBrowser();
  const path = INSTALLED.find((candidate) => existsSync(candidate));
  if (path !== undefined) return { path, env: {} };
  throw new Error(`No browser was found. Install Chrome or Chromium, or set ${VARIABLE} to the path of one.`);
}

/**
 * The browser that comes with the package `@sparticuz/chromium`, for Linux on x64: compressed, with the libraries that
 * a bare system lacks. It unpacks itself into the temporary folder, so it is given one that stays, once per version.
 */
async function unpackBrowser(): Promise<Executable> {
  const manifest = await readFile(join(MODULES, "@sparticuz", "chromium", "package.json"), "utf8");
  const { version }: { version: string } = JSON.parse(manifest);
  const folder = join(CACHE, version);
  if (!existsSync(folder)) {
    await mkdir(CACHE, { recursive: true });
    const unfinished = await mkdtemp(join(CACHE, "unpacking-"));
    try {
      const script = 'await (await import("@sparticuz/chromium")).default.executablePath()';
      await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
        cwd: CACHE,
        env: { ...process.env, TMPDIR: unfinished, AWS_LAMBDA_JS_RUNTIME: "nodejs22.x" },
      });
      await writeFile(join(unfinished, "fonts.conf"), fontsConf(folder));
      await rename(unfinished, folder);
    } catch (error) {
      await rm(unfinished, { recursive: true, force: true });
      // Another run may have been faster.
      if (!existsSync(folder)) throw error;
    }
  }
  const env = { LD_LIBRARY_PATH: join(folder, "al2023", "lib"), FONTCONFIG_FILE: join(folder, "fonts.conf") };
  return { path: join(folder, "chromium"), env };
}

/** The font that comes with the browser, and what the system has, so that pages look alike on every machine. */
function fontsConf(folder: string): string {
  return `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${join(folder, "fonts")}</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir>${join(folder, "fonts-cache")}</cachedir>
  <alias binding="strong"><family>system-ui</family><prefer><family>Open Sans</family></prefer></alias>
  <alias binding="strong"><family>sans-serif</family><prefer><family>Open Sans</family></prefer></alias>
  <alias binding="strong"><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
`;
}

function definedEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
