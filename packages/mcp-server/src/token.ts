/** Owns the bearer token of the HTTP server: where it comes from, where it is kept, and how it is compared. */

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { mkdtemp, open, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { UsageError } from "codex-embed";
import { expandHome } from "../../codex-embed/src/process/paths.js";

/** The environment variable that the token is taken from. The runtime does not get it. */
export const TOKEN_VARIABLE = "CODEX_EMBED_MCP_TOKEN";

const MIN_CHARACTERS = 16;

/** A token, and the file that it can be read from; null when it was given. */
export interface KeptToken {
  readonly token: string;
  readonly file: string | null;
  /** Removes the file, when it was made here for this server alone. */
  dispose(): Promise<void>;
}

/**
 * The token: given, from the environment, or from the file. A file that is not there is written, readable by its owner
 * alone; without any of them a new token is written into a new folder in the system's temporary one.
 *
 * @throws UsageError for a token that is too short or no header can carry, and for a file that others can read.
 */
export async function keepToken(options: {
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
}): Promise<KeptToken> {
  const { token, tokenFile } = options;
  if (token !== undefined && tokenFile !== undefined)
    throw new UsageError("token and tokenFile are both given. Give one.");
  if (token !== undefined) return given(token, "token");
  if (tokenFile !== undefined) return inFile(resolve(expandHome(tokenFile, "tokenFile")));
  const fromEnvironment = process.env[TOKEN_VARIABLE];
  if (fromEnvironment !== undefined) return given(fromEnvironment, TOKEN_VARIABLE);
  const folder = await mkdtemp(join(tmpdir(), "codex-embed-mcp-"));
  const kept = await inFile(join(folder, "token"));
  return { ...kept, dispose: () => rm(dirname(kept.file ?? folder), { recursive: true, force: true }) };
}

/** Whether the header carries the token. Takes the same time for every wrong one. */
export function carriesToken(header: string | null | undefined, token: string): boolean {
  const carried = /^Bearer +([^ ]+) *$/i.exec(header ?? "")?.[1] ?? "";
  return timingSafeEqual(digest(carried), digest(token));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function given(token: string, where: string): KeptToken {
  return { token: checked(token, where), file: null, dispose: async () => {} };
}

function checked(token: string, where: string): string {
  if (token.length >= MIN_CHARACTERS && /^[\x21-\x7e]+$/.test(token)) return token;
  throw new UsageError(
    `The token of ${where} cannot be used: it must have at least ${MIN_CHARACTERS} printable ASCII characters and no space.`,
  );
}

async function inFile(file: string): Promise<KeptToken> {
  const token = (await created(file)) ?? (await read(file));
  return { token, file, dispose: async () => {} };
}

/** Null when the file is there already. */
async function created(file: string): Promise<string | null> {
  const token = randomBytes(32).toString("base64url");
  try {
    const handle = await open(file, "wx", 0o600);
    try {
      await handle.writeFile(`${token}\n`);
    } finally {
      await handle.close();
    }
    return token;
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "EEXIST") return null;
    throw new UsageError(`tokenFile is ${file}, which cannot be written.`, { cause });
  }
}

async function read(file: string): Promise<string> {
  const { mode } = await stat(file);
  if (process.platform !== "win32" && (mode & 0o077) !== 0) {
    throw new UsageError(`tokenFile is ${file}, which others can read. Take that from them: chmod 600 ${file}`);
  }
  return checked((await readFile(file, "utf8")).trim(), file);
}
