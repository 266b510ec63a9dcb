import {
  AuthRequiredError,
  InternalRpcError,
  InvalidParamsError,
  InvalidRequestError,
  JsonRpcError,
  MethodNotFoundError,
  NoActiveTurnError,
  ParseError,
  type RpcErrorBody,
  ServerBusyError,
  type ThreadFate,
  ThreadLockedError,
  ThreadNotFoundError,
} from "../errors/connection.js";
import type { Peer } from "./since.js";

type JsonRpcErrorClass = new (code: string, method: string, body: RpcErrorBody, hint?: string) => JsonRpcError;

interface ReplyRule {
  readonly rpcCode?: number;
  /** Matched against the message: the runtime gives most failures the code -32600 and nothing else to distinguish them. */
  readonly message?: RegExp;
  /** Whether the message must name the method itself as unknown. */
  readonly aboutMethod?: boolean;
  readonly type: JsonRpcErrorClass;
  readonly code: string;
  readonly hint?: string;
}

/** Code and hint for a thread that is not found, when the client knows what happened to it. */
const FATES: Readonly<Record<ThreadFate, { readonly code: string; readonly hint: string }>> = {
  deleted: { code: "THREAD_NOT_FOUND", hint: "It was deleted. Start a new thread with startThread()." },
  archived: { code: "THREAD_ARCHIVED", hint: "It is archived. Call unarchiveThread(id), then resumeThread(id)." },
  ephemeral: {
    code: "THREAD_NOT_FOUND",
    hint: "It is ephemeral: it cannot be stored, resumed or archived. Start a new thread with startThread().",
  },
};
/** The message of a runtime without file descriptors, whatever it tried to open. Measured with `ulimit -n`. */
const OUT_OF_FILES = /No file descriptors available|Too many open files/;
const OUT_OF_FILES_HINT =
  "The runtime has run out of file descriptors; the file that it names is not the cause. Each loaded stored thread takes 3. " +
  "Call unsubscribe() on idle threads, start threads with `ephemeral: true`, or raise the limit (ulimit -n).";

const UNKNOWN_VARIANT = /^Invalid request: unknown variant `([^`]*)`/;

/** First match wins. Each row is checked against the pinned runtime by the end-to-end tests. */
const RULES: readonly ReplyRule[] = [
  { message: OUT_OF_FILES, type: InternalRpcError, code: "TOO_MANY_OPEN_FILES", hint: OUT_OF_FILES_HINT },
  {
    message: /^thread not (?:found|loaded)/,
    type: ThreadNotFoundError,
    code: "THREAD_NOT_FOUND",
    hint: "Resume it first with resumeThread(id), or check the id with listThreads().",
  },
  {
    message: /no (?:archived )?rollout found for thread id/,
    type: ThreadNotFoundError,
    code: "THREAD_NOT_FOUND",
    hint: "Check the id with listThreads(); a thread is stored with its first turn.",
  },
  {
    message: /^session \S+ is archived/,
    type: ThreadNotFoundError,
    code: "THREAD_ARCHIVED",
    hint: "Call unarchiveThread(id) before resuming it.",
  },
  {
    message: /already has an active writer/,
    type: ThreadLockedError,
    code: "THREAD_LOCKED",
    hint: "Another process has this thread open on the same codexHome. Close that client first.",
  },
  {
    message: /^no active turn to|^expected active turn id/,
    type: NoActiveTurnError,
    code: "NO_ACTIVE_TURN",
  },
  {
    message: /^ephemeral thread does not support goals/,
    type: InvalidRequestError,
    code: "GOALS_NEED_STORED_THREAD",
    hint: "Start the thread without `ephemeral: true`.",
  },
  {
    message: /^goals feature is disabled/,
    type: InvalidRequestError,
    code: "GOALS_DISABLED",
    hint: 'Remove "goals" from `disable`, or set features.goals to true in the configuration.',
  },
  {
    message: /chatgpt authentication required/,
    type: AuthRequiredError,
    code: "AUTH_REQUIRED",
    hint: "Log in with loginChatgpt() first. An API key does not work here.",
  },
  {
    message: /authentication required/,
    type: AuthRequiredError,
    code: "AUTH_REQUIRED",
    hint: "Log in with loginChatgpt() or loginApiKey(key) first.",
  },
  {
    message: UNKNOWN_VARIANT,
    aboutMethod: true,
    type: MethodNotFoundError,
    code: "METHOD_NOT_FOUND",
    hint: "Check its name, or whether another runtime has it (codex.metadata.runtimeVersion).",
  },
  {
    message: /requires experimentalApi capability/,
    type: MethodNotFoundError,
    code: "EXPERIMENTAL_API_REQUIRED",
    hint: "Leave experimentalApi on (the default).",
  },
  { message: /^Invalid request:/, type: InvalidParamsError, code: "INVALID_PARAMS" },
  { rpcCode: -32001, type: ServerBusyError, code: "SERVER_BUSY" },
  { rpcCode: -32700, type: ParseError, code: "PARSE_ERROR" },
  { rpcCode: -32600, type: InvalidRequestError, code: "INVALID_REQUEST" },
  { rpcCode: -32601, type: MethodNotFoundError, code: "METHOD_NOT_FOUND" },
  { rpcCode: -32602, type: InvalidParamsError, code: "INVALID_PARAMS" },
  {
    rpcCode: -32603,
    message: /No space left on device|database or disk is full/,
    type: InternalRpcError,
    code: "INTERNAL",
    hint: "Free space on the disk of the runtime's codexHome.",
  },
  { rpcCode: -32603, type: InternalRpcError, code: "INTERNAL" },
];

/** What to do about a runtime that exited before it answered, according to its stderr. Null when that does not tell. */
export function adviceOnStderr(stderrTail: string): string | null {
  return OUT_OF_FILES.test(stderrTail) ? OUT_OF_FILES_HINT : null;
}

/** The longest message to keep. */
const MAX_MESSAGE_CHARS = 400;

/**
 * The error for an error reply.
 *
 * @param fate - what happened to the thread of the request, if known.
 * @param peer - the runtime that replied; null before the handshake.
 */
export function replyError(
  method: string,
  error: Readonly<Record<string, unknown>>,
  fate?: ThreadFate,
  peer: Peer | null = null,
): JsonRpcError {
  const rpcCode = typeof error["code"] === "number" ? error["code"] : 0;
  const text = typeof error["message"] === "string" ? error["message"] : "the runtime gave no message";
  const isAboutMethod = UNKNOWN_VARIANT.exec(text)?.[1] === method;
  const rule = RULES.find(
    (row) =>
      (row.rpcCode === undefined || row.rpcCode === rpcCode) &&
      (row.message === undefined || row.message.test(text)) &&
      (row.aboutMethod === undefined || row.aboutMethod === isAboutMethod),
  );
  const version = peer?.version ?? null;
  const runtime = version === null ? "the runtime" : `runtime ${version}`;
  const message = isAboutMethod ? `${runtime} does not know this method.` : sentence(withoutValues(text));
  const body: RpcErrorBody = { code: rpcCode, message, data: error["data"] };
  if (rule === undefined) return new JsonRpcError("RPC_ERROR", method, body);
  const { code, hint } = fate !== undefined && rule.type === ThreadNotFoundError ? FATES[fate] : rule;
  if (rule.type !== MethodNotFoundError) return new rule.type(code, method, body, hint);
  const since = isAboutMethod ? (peer?.gaps?.since(method) ?? null) : null;
  const known = isAboutMethod ? methodsIn(text) : null;
  const advice = since === null ? hint : `It needs runtime ${since} or later: run npm install @openai/codex@${since}.`;
  return new MethodNotFoundError(code, method, body, advice, { version, since, known });
}

/** The reply to an unknown method lists all that there are. Null when it does not. */
function methodsIn(text: string): ReadonlySet<string> | null {
  const start = text.indexOf("expected one of ");
  if (start < 0) return null;
  return new Set(Array.from(text.slice(start).matchAll(/`([^`]*)`/g), ([, name = ""]) => name));
}

/**
 * The message without the values that it quotes: a bad parameter may be a secret, so only its type is kept. A value can be as
 * large as a message, too large for one pattern, so its end is searched piece by piece.
 */
function withoutValues(text: string): string {
  const start = /\b(?:invalid (?:type|value): [a-z ]+?|unknown (?:variant|field)) (?=["`])/g;
  let kept = "";
  let from = 0;
  for (let match = start.exec(text); match !== null; match = start.exec(text)) {
    const end = endOfQuote(text, start.lastIndex);
    kept += text.slice(from, start.lastIndex - 1);
    from = end;
    start.lastIndex = end;
  }
  return kept + text.slice(from);
}

/** The end of the quote that begins at `start`. An unclosed quote extends to the end of the text. */
function endOfQuote(text: string, start: number): number {
  const isDouble = text[start] === '"';
  const next = isDouble ? /["\\]/g : /`/g;
  next.lastIndex = start + 1;
  for (let match = next.exec(text); match !== null; match = next.exec(text)) {
    if (match[0] !== "\\") return next.lastIndex;
    next.lastIndex += 1;
  }
  return text.length;
}

function sentence(text: string): string {
  const cut = text.length > MAX_MESSAGE_CHARS ? `${text.slice(0, MAX_MESSAGE_CHARS)}…` : text;
  return /[.!?…]$/.test(cut) ? cut : `${cut}.`;
}
