/** The bearer token of the HTTP server: where it comes from, where it is stored, and how it is compared. */

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { mkdtemp, open, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { UsageError } from "codex-embed";
import { absolutePath } from "./checks.js";

/** The environment variable that can hold the token. The runtime does not get it. */
export const TOKEN_VARIABLE = "CODEX_EMBED_MCP_TOKEN";

const MIN_CHARACTERS = 16;

/** A token, and the file that it can be read from; null when the program or the environment gave the token. */
export interface ServerToken {
  readonly token: string;
  readonly file: string | null;
  /** Removes the file if it was created for this server only. */
  dispose(): Promise<void>;
}

/**
 * The token of a server, from the first of: the option `token`, the file `tokenFile`, the environment variable, a new
 * file in a new temporary folder. A missing file is written with mode 0600.
 *
 * @throws UsageError for a token that is too short or that no header can carry, and for a file that others can read.
 */
export async function loadToken(options: {
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
}): Promise<ServerToken> {
  const { token, tokenFile } = options;
  if (token !== undefined && tokenFile !== undefined) {
    throw new UsageError("token and tokenFile are both given. Give one of them.");
  }
  if (token !== undefined) return given(token, "token");
  if (tokenFile !== undefined) return inFile(absolutePath(tokenFile, "tokenFile"));
  const fromEnvironment = process.env[TOKEN_VARIABLE];
  if (fromEnvironment !== undefined) return given(fromEnvironment, TOKEN_VARIABLE);
  const folder = await mkdtemp(join(tmpdir(), "codex-embed-mcp-"));
  const stored = await inFile(join(folder, "token"));
  return { ...stored, dispose: () => rm(dirname(stored.file ?? folder), { recursive: true, force: true }) };
}

/** Whether an `Authorization` header carries the token. Takes the same time for every wrong token. */
export function carriesToken(header: string | null | undefined, token: string): boolean {
  const carried = /^Bearer +([^ ]+) *$/i.exec(header ?? "")?.[1] ?? "";
  return timingSafeEqual(digest(carried), digest(token));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function given(token: string, where: string): ServerToken {
  return { token: checkToken(token, where), file: null, dispose: async () => {} };
}

function checkToken(token: string, where: string): string {
  if (token.length >= MIN_CHARACTERS && /^[\x21-\x7e]+$/.test(token)) return token;
  throw new UsageError(
    `The token of ${where} cannot be used: it must have at least ${MIN_CHARACTERS} printable ASCII characters and no space.`,
  );
}

async function inFile(file: string): Promise<ServerToken> {
  const token = (await writeNew(file)) ?? (await read(file));
  return { token, file, dispose: async () => {} };
}

/** Writes a new token. Null when the file exists. */
async function writeNew(file: string): Promise<string | null> {
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
    throw new UsageError(`tokenFile is ${file}, which cannot be written. Give a file in an existing folder.`, {
      cause,
    });
  }
}

async function read(file: string): Promise<string> {
  const { mode } = await stat(file);
  if (process.platform !== "win32" && (mode & 0o077) !== 0) {
    throw new UsageError(`tokenFile is ${file}, which others can read. Run: chmod 600 ${file}`);
  }
  return checkToken((await readFile(file, "utf8")).trim(), file);
}
