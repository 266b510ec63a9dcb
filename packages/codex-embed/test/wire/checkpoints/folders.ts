/** Workspaces of the checkpoint tests: real folders, and what is in them. */

import { execFileSync } from "node:child_process";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";

/** A workspace, and a home for its checkpoints. */
export interface Folders {
  readonly cwd: string;
  readonly codexHome: string;
  /** Runs shell code in the workspace. */
  readonly sh: (code: string) => string;
}

const made: string[] = [];
afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Makes folders that are removed after the test, and runs shell code in the workspace. */
export function makeFolders(code = ""): Folders {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "codex-embed-checkpoints-")));
  made.push(root);
  const cwd = join(root, "workspace");
  mkdirSync(cwd);
  const env = { PATH: process.env["PATH"], HOME: root, GIT_CONFIG_GLOBAL: "/dev/null", LC_ALL: "C" };
  const sh = (text: string) => execFileSync("bash", ["--norc", "-euc", text], { cwd, env, encoding: "utf8" });
  if (code !== "") sh(code);
  return { cwd, codexHome: join(root, "home"), sh };
}

/** Every file, link and folder with its mode and content, by path. Git's own folders are left out. */
export function contentOf(folder: string, prefix = ""): Record<string, string> {
  const content: Record<string, string> = {};
  for (const name of readdirSync(folder, { encoding: "latin1" }).sort()) {
    if (name === ".git") continue;
    const path = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name, "latin1")]);
    const found = lstatSync(path);
    const mode = (found.mode & 0o777).toString(8);
    if (found.isSymbolicLink()) content[prefix + name] = `link ${readlinkSync(path, "latin1")}`;
    else if (!found.isDirectory()) content[prefix + name] = `${mode} ${readFileSync(path, "latin1")}`;
    else {
      content[`${prefix}${name}/`] = mode;
      // Names of folders in these tests are UTF-8.
      Object.assign(content, contentOf(path.toString(), `${prefix}${name}/`));
    }
  }
  return content;
}
