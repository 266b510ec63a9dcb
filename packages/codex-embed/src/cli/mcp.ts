/** Owns the command `mcp`: it serves Codex to MCP clients, by servers that it is given. */

import type { CodexMcpOptions, McpHandle, McpHttpHandle, McpHttpOptions } from "@codex-embed/mcp-server";
import { ApprovalMode, type Logger, Sandbox } from "../index.js";
import { type Arguments, type Command, type Flags, RUNTIME_FLAGS, runtimeOptions } from "./flags.js";
import { clean } from "./render/text.js";
import { BadUsage, type Terminal } from "./terminal.js";

type Server = Pick<McpHandle, "closed" | "close">;

/** The servers that the command starts: those of `@codex-embed/mcp-server`. */
export interface McpServers {
  readonly serveMcpStdio: (options: CodexMcpOptions) => Promise<Server>;
  readonly serveMcpHttp: (options: McpHttpOptions) => Promise<Server & Pick<McpHttpHandle, "url" | "tokenFile">>;
}

const FLAGS: Flags = {
  http: {
    value: "PORT",
    optionalValue: true,
    help: "Serve on the loopback in place of stdin and stdout. Default: any free port.",
  },
  "token-file": {
    value: "FILE",
    option: ["tokenFile"],
    help: "With --http: the file of the token that clients have to bring; written if missing.",
  },
  "max-sandbox": {
    value: "NAME",
    choices: Object.values(Sandbox),
    help: "The widest sandbox that a client may ask for. Default: read-only.",
  },
  "approval-mode": {
    value: "NAME",
    short: "a",
    choices: Object.values(ApprovalMode),
    help: "Who decides what goes beyond it. Default: ask, which asks the person at the MCP client.",
  },
  root: {
    value: "FOLDER",
    repeats: true,
    option: ["roots(?= (?:is|holds) )"],
    help: "A folder that clients may work in. Default: the one of --cwd.",
  },
  deadline: { value: "SECONDS", option: ["deadlineMs"], help: "How long a turn may take. Default: 3600." },
  ...RUNTIME_FLAGS,
};

/** Makes `codex-embed mcp`. The servers are loaded when it is called. */
export function mcpCommand(load: () => Promise<McpServers>): Command {
  return {
    name: "mcp",
    summary: "Serves Codex to MCP clients.",
    usage: ["[FLAGS]", "--http[=PORT] [FLAGS]"],
    flags: FLAGS,
    notes: [
      "On stdin and stdout it ends with its client. With --http it prints its address, and runs until Ctrl-C.",
      "The token of --http can also be given in CODEX_EMBED_MCP_TOKEN.",
    ],
    async run(args, terminal) {
      const port = portOf(args);
      const options = serveOptions(args, terminal);
      const { serveMcpStdio, serveMcpHttp } = await load();
      const { signal, write, note, isPiped } = terminal;
      if (port === null) {
        if (!isPiped) note("Waiting for an MCP client on stdin. Ctrl-C ends it.\n");
        return untilClosed(await serveMcpStdio(options), signal);
      }
      const server = await serveMcpHttp({ ...options, port, tokenFile: args.text("token-file") });
      write(`${server.url}\n`);
      if (server.tokenFile !== null) note(`The token is in ${server.tokenFile}\n`);
      return untilClosed(server, signal);
    },
  };
}

/** Null without `--http`; 0 for any free port. */
function portOf(args: Arguments): number | null {
  if (args.positionals.length > 0) {
    const hint = args.has("http") ? " A port is written as --http=8080." : "";
    throw new BadUsage(`It takes no further words: ${args.positionals.join(" ")}.${hint}`);
  }
  const text = args.text("http");
  if (text === undefined) {
    if (args.has("token-file")) throw new BadUsage("--token-file is of use with --http alone.");
    return null;
  }
  if (!/^\d{0,5}$/.test(text) || Number(text) > 65_535)
    throw new BadUsage(`--http is ${JSON.stringify(text)}, which is no port.`);
  return Number(text);
}

function serveOptions(args: Arguments, { note }: Terminal): CodexMcpOptions {
  const deadlineMs = args.milliseconds("deadline");
  const roots = args.list("root");
  const ignore = (): void => {};
  const log = (fields: object, message: string): void => note(logText(fields, message));
  const logger: Logger = { debug: ignore, info: ignore, warn: log, error: log };
  return {
    codex: { ...runtimeOptions(args), logger },
    maxSandbox: args.choice("max-sandbox", Object.values(Sandbox)),
    approvalMode: args.choice("approval-mode", Object.values(ApprovalMode)),
    ...(roots.length === 0 ? {} : { roots }),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    logger,
  };
}

/** A message of the log with what belongs to it, such as the reason of a failure, set in below. */
function logText(fields: object, message: string): string {
  const rows = Object.entries(fields)
    .filter(([, value]) => typeof value === "number" || (typeof value === "string" && value !== ""))
    .map(([name, value]) => `${name}: ${String(value).trimEnd()}`.replaceAll("\n", "\n  "));
  return `${clean([message, ...rows].join("\n  "))}\n`;
}

async function untilClosed(server: Server, signal: AbortSignal): Promise<number> {
  const close = (): void => void server.close();
  signal.addEventListener("abort", close, { once: true });
  if (signal.aborted) close();
  await server.closed;
  signal.removeEventListener("abort", close);
  signal.throwIfAborted();
  return 0;
}
