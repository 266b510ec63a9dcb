/**
 * What older runtimes do otherwise: the end-to-end tests that fail on them, and why. `npm run test:runtimes` fails when another
 * test fails, and when one of these passes. docs/compatibility.md has a row for each entry.
 */

/** Something that older runtimes lack, or do in another way. */
export interface Difference {
  /** What works on newer runtimes: the first cell of the row. */
  readonly what: string;
  /** The first tested runtime where it works. */
  readonly since: string;
  /** What the row says of older runtimes: `refused` with an error that says why, or what they do. */
  readonly older: string;
  /** What an older runtime does, and what follows from it. */
  readonly why: string;
  /** The names of the tests that fail, by file below test/e2e. */
  readonly tests: Readonly<Record<string, readonly string[]>>;
  /** Whether the tests pass now and then, by the time of day or by the order of two messages. */
  readonly sometimes?: boolean;
}

const HTTP = ["401", "403", "404", "408", "413", "502", "503"].map((status) => `HTTP ${status}`);

export const DIFFERENCES: readonly Difference[] = [
  {
    what: "HTTP errors of the model provider by status",
    since: "0.160.1",
    older: "`info` is `other`",
    why:
      "the runtime reports a status other than 429 and 500 as `other`, and the status in the message alone. So `retryable` is " +
      "false for a 503, and a 401 does not say how to log in.",
    tests: {
      "turnFailures.test.ts": HTTP,
      "testing/failures.test.ts": [...HTTP, "HTTP 503 behind a pause"],
      "retry.test.ts": [
        "a turn that failed for a reason that passes is repeated",
        "a turn that failed for another reason is not",
        "a turn that fails at every attempt rejects with its last error",
        "isRetryableError",
      ],
      "noLogin.test.ts": ["a 401 of the model says that it is one, and how to log in"],
      "cli/run.test.ts": ["a failure of the turn is told with what to do"],
      "cli/demo.test.ts": ["codex-embed demo --live runs a turn with the user's own configuration; failures are short"],
    },
  },
  {
    what: "rate limits told from other errors of the model",
    since: "0.160.1",
    older: "`info` is `other`",
    why: "the runtime reports `rate_limit_exceeded` as `other`, and `slow_down` as `serverOverloaded`.",
    tests: {
      "turnFailures.test.ts": ["rate limit", "slow down"],
      "testing/failures.test.ts": ["failed: rate limit", "failed: slow down"],
    },
  },
  {
    what: "an unknown model, or a full context, told by HTTP",
    since: "0.169.0",
    older: "`info` is `other`",
    why: "the runtime reports the codes `model_not_found` and `context_length_exceeded` of an HTTP error as `other`.",
    tests: {
      "turnFailures.test.ts": ["HTTP 404 model", "HTTP 400 context"],
      "testing/failures.test.ts": ["HTTP 404 model", "HTTP 400 context"],
    },
  },
  {
    what: "`info` is `bioPolicy`",
    since: "0.171.0",
    older: "`info` is `other`",
    why: "the runtime does not know the code.",
    tests: { "turnFailures.test.ts": ["bio policy"], "testing/failures.test.ts": ["failed: bio policy"] },
  },
  {
    what: "`steer` drops what the model is saying",
    since: "0.164.0",
    older: "waits",
    why: "the model finishes its message first, which stays in the history; then it gets the input.",
    tests: {
      "steer.test.ts": [
        "while the model streams: its answer is dropped and starts again in the same turn",
        "several at once, in order",
      ],
      "textStream.test.ts": ["a steered turn: the dropped beginning stays, the new answer follows after an empty line"],
    },
  },
  {
    what: "commands in the record of a thread",
    since: "0.160.1",
    older: "messages only",
    why:
      "the runtime records the messages of a turn, and of an interrupted turn the commands, but late. What ended while a " +
      "connection was lost is missing in the result.",
    tests: {
      "limits.test.ts": ["idleTimeoutMs settles a turn whose end was not heard of, with what the runtime has of it"],
      "interrupt.test.ts": [
        "of two commands that ask at once, one that ran is in the result if it is in the record, told of or not",
      ],
    },
    sometimes: true,
  },
  {
    what: "events of items that ended while the connection was lost",
    since: "0.169.0",
    older: "may miss some",
    why:
      "the record of a running turn does not say which of its items have ended. Such an item can be missing in the events, in " +
      "`items` and in `textStream()`; `finalResponse` is whole.",
    tests: { "disconnects.test.ts": ["100 forced disconnects of streaming turns"] },
    sometimes: true,
  },
  {
    what: "`revert`",
    since: "0.160.1",
    older: "refused",
    why: "`InvalidRequestError`: the runtime reverts threads with a paginated history only, and makes none.",
    tests: { "sideWork.test.ts": ["revert drops a turn and what came after it"] },
  },
  {
    what: "`sample`",
    since: "0.164.0",
    older: "refused",
    why: "`MethodNotFoundError`: the runtime does not have `thread/sample`.",
    tests: {
      "sideWork.test.ts": [
        "a side question is answered from the history and leaves it alone",
        "a side question is about the latest finished turn, whoever started it",
      ],
    },
  },
  {
    what: "requests about the gateway login",
    since: "0.160.1",
    older: "refused",
    why: "`MethodNotFoundError`: the runtime does not have `account/gatewayOAuth/read`.",
    tests: { "errors.test.ts": ["requests methods without parameters"] },
  },
  {
    what: "a deleted thread whose fork needs it is kept",
    since: "0.160.1",
    older: "deleted",
    why: "a fork is a copy, so the thread can go.",
    tests: { "threads.test.ts": ["archive and delete a thread whose fork still needs it cannot be deleted"] },
  },
  {
    what: "`threads()` reads every thread of one second",
    since: "0.169.0",
    older: "may miss some",
    why: "a cursor names a second. Threads of that second which did not fit on the page are not on the next one: raise `limit`.",
    tests: {
      "threadList.test.ts": ["threads() reads all pages, listThreads() one; threads of other providers are included"],
    },
    sometimes: true,
  },
  {
    what: "tools called in one response run side by side",
    since: "0.164.0",
    older: "one by one",
    why: "the runtime asks for the next call when the one before it was answered.",
    tests: { "tools.test.ts": ["a tool called twice in one response runs side by side"] },
  },
  {
    what: "`approveMcpTool` is told the tool's name",
    since: "0.169.0",
    older: "`toolName` is null",
    why: "the runtime names the tool in the text of its question only.",
    tests: {
      "tools.test.ts": ["accept", "acceptForSession", "decline", "cancel"].map(
        (decision) => `an MCP server its tool asks approveMcpTool: ${decision}`,
      ),
    },
  },
  {
    what: "`doctor` warns of settings that the runtime ignores",
    since: "0.160.1",
    older: "says nothing",
    why: "the runtime does not report unknown settings.",
    tests: {
      "doctor.test.ts": [
        "the configuration a setting that there is not",
        "the configuration a folder that is not trusted is told apart from a mistake, and trusted as the advice says",
      ],
    },
  },
  {
    what: "the exec client's `worktree`",
    since: "0.160.1",
    older: "refused",
    why: "`ExecExitError`: `codex exec` of the runtime does not know the option.",
    tests: {
      "exec/options.test.ts": ["threads in a worktree have one turn there, and are taken up again in it by their id"],
    },
  },
  {
    what: "the exec client's `trust`",
    since: "0.169.0",
    older: "refused",
    why: "`ExecExitError`: `codex exec` of the runtime does not know the option.",
    tests: { "exec/options.test.ts": ["a run takes every other option that the command line has"] },
  },
];
