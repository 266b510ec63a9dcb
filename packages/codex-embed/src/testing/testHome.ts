/** Owns a throw-away home and workspace for one runtime, cut off from the user's own settings. */

import { mkdir, rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { type ConfigObject, Sandbox } from "../index.js";
import { integer, oneOf, record, required } from "../usage/kinds.js";
import { checkOptions, type OptionTable } from "../usage/options.js";
import { linkBubblewrap } from "./bubblewrap.js";
import { testCatalogJson, testConfigToml } from "./testConfig.js";
import { testEnvironment } from "./testEnvironment.js";
import { makeTestFolder } from "./testFolder.js";

/** Options of `createTestHome`. */
export interface TestHomeOptions {
  /** The model that the runtime shall ask. */
  readonly model: { readonly baseUrl: string };
  /** The sandbox of commands, unless a thread says otherwise. Default `full-access`, which works on every machine. */
  readonly sandbox?: Sandbox;
  /** How often the runtime tries again when a stream breaks. Default 0. */
  readonly streamMaxRetries?: number;
  /** More configuration, nested as in `config.toml`; it is merged over the kit's own. */
  readonly extraConfig?: ConfigObject;
}

/** @internal What the home shares with the whole bench. */
export const HOME: OptionTable<Omit<TestHomeOptions, "model">> = {
  sandbox: oneOf(Object.values(Sandbox)),
  streamMaxRetries: integer(0),
  extraConfig: record,
};

const TEST_HOME: OptionTable<TestHomeOptions> = { ...HOME, model: required(record) };

/** A throw-away home and workspace. */
export interface TestHome {
  /** The runtime's `CODEX_HOME`, with `config.toml` and a model catalog. */
  readonly codexHome: string;
  /** An empty folder to work in. */
  readonly workspace: string;
  /** The whole environment for the runtime: that of this process without credentials, proxies and user settings. */
  readonly env: Readonly<Record<string, string>>;
  /** Removes all of it. Idempotent. End the runtime first. */
  dispose(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Makes a home and a workspace. Rejects when no folder can be written to; nothing is left behind then. */
export async function createTestHome(options: TestHomeOptions): Promise<TestHome> {
  checkOptions(options, "createTestHome", TEST_HOME);
  const folder = await makeTestFolder();
  const dispose = (): Promise<void> => rm(folder, { recursive: true, force: true, maxRetries: 5 });
  try {
    const codexHome = join(folder, "codex-home");
    const workspace = join(folder, "workspace");
    const userHome = join(folder, "home");
    const temporary = join(folder, "tmp");
    await Promise.all([codexHome, workspace, userHome, temporary].map((path) => mkdir(path)));
    const catalogPath = join(codexHome, "catalog.json");
    await writeFile(catalogPath, testCatalogJson());
    const config = testConfigToml({
      baseUrl: options.model.baseUrl,
      catalogPath,
      sandbox: options.sandbox ?? "full-access",
      streamMaxRetries: options.streamMaxRetries ?? 0,
      extraConfig: options.extraConfig ?? {},
    });
    await writeFile(join(codexHome, "config.toml"), config);
    const env = testEnvironment(process.env, { codexHome, userHome, temporary });
    const bin = await linkBubblewrap(join(folder, "bin"), env["PATH"] ?? "");
    if (bin !== undefined) env["PATH"] = [bin, env["PATH"]].filter(Boolean).join(delimiter);
    return { codexHome, workspace, env, dispose, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
