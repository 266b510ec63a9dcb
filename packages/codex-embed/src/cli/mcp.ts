import type { CodexMcpOptions, McpHandle, McpHttpHandle, McpHttpOptions } from "@codex-embed/mcp-server";
import { ApprovalMode, type Logger, Sandbox } from "../index.js";
import { type Arguments, type Command, type Flags, RUNTIME_FLAGS, runtimeOptions } from "./flags.js";
import { clean } from "./render/text.js";
import { BadUsage, type Terminal } from "./terminal.js";

type Server = Pick<McpHandle, "closed" | "close">;

/** The functions of `@codex-embed/mcp-server` that the command calls. */
export interface McpServers {
  readonly serveMcpStdio: (options: CodexMcpOptions) => Promise<Server>;
  readonly serveMcpHttp: (options: McpHttpOptions) => Promise<Server & Pick<McpHttpHandle, "url" | "tokenFile">>;
}

const FLAGS: Flags = {
  http: {
    value: "PORT",
    optionalValue: true,
    help: "Serve over HTTP on 127.0.0.1 instead of stdin and stdout. Default: any free port.",
  },
  "token-file": {
    value: "FILE",
    option: ["tokenFile"],
    help: "With --http: the file of the token that clients must send. Created if missing.",
  },
  "max-sandbox": {
    value: "NAME",
    choices: Object.values(Sandbox),
    help: "The widest sandbox that a client may request. Default: read-only.",
  },
  "approval-mode": {
    value: "NAME",
    short: "a",
    choices: Object.values(ApprovalMode),
    help: "Who decides on requests beyond the sandbox. Default: ask, the person at the MCP client.",
  },
  root: {
    value: "FOLDER",
    repeats: true,
    option: ["roots(?=,? (?:is|holds|such) )"],
    help: "A folder that clients may work in. Default: the folder of --cwd.",
  },
  deadline: { value: "SECONDS", option: ["deadlineMs"], help: "Interrupt a turn after this time. Default: 3600." },
  ...RUNTIME_FLAGS,
};

const PACKAGE = "@codex-embed/mcp-server";

/** Creates `codex-embed mcp`. It calls `load` when it runs: the package of the servers is installed separately. */
export function mcpCommand(load: () => Promise<McpServers> = () => import("@codex-embed/mcp-server")): Command {
  return {
    name: "mcp",
    summary: "Serve Codex to MCP clients.",
    usage: ["[FLAGS]", "--http[=PORT] [FLAGS]"],
    flags: FLAGS,
    notes: [
      `Needs the package ${PACKAGE}. To install it, run: npm install ${PACKAGE}`,
      "On stdin and stdout, ends with its client. With --http, prints its address and runs until Ctrl-C.",
      "The token of --http can also be set in CODEX_EMBED_MCP_TOKEN.",
    ],
    async run(args, terminal) {
      const port = portOf(args);
      const options = serveOptions(args, terminal);
      const { serveMcpStdio, serveMcpHttp } = await load().catch(explainMissing);
      const { signal, write, note, isPiped } = terminal;
      if (port === null) {
        if (!isPiped) note("Waiting for an MCP client on stdin. Press Ctrl-C to stop.\n");
        return untilClosed(await serveMcpStdio(options), signal);
      }
      const server = await serveMcpHttp({ ...options, port, tokenFile: args.text("token-file") });
      write(`${server.url}\n`);
      if (server.tokenFile !== null) note(`The token is in ${server.tokenFile}\n`);
      return untilClosed(server, signal);
    },
  };
}

function explainMissing(error: unknown): never {
  if (!(error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND")) throw error;
  throw new BadUsage(`${PACKAGE} is not installed (${error.message}). Run: npm install ${PACKAGE}`);
}

/** Null without `--http`; 0 for any free port. */
function portOf(args: Arguments): number | null {
  if (args.positionals.length > 0) {
    const hint = args.has("http") ? " Write a port as --http=8080." : "";
    throw new BadUsage(`Unexpected argument: ${args.positionals.join(" ")}.${hint}`);
  }
  const text = args.text("http");
  if (text === undefined) {
    if (args.has("token-file")) throw new BadUsage("--token-file needs --http.");
    return null;
  }
  if (!/^\d{0,5}$/.test(text) || Number(text) > 65_535)
    throw new BadUsage(`--http is ${JSON.stringify(text)}; it must be a port from 0 to 65535.`);
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

/** Formats a log entry: the message, then its fields, such as the reason of a failure, indented. */
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
