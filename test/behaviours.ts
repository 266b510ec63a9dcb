/** Owns the list of what this project promises, each with the tests that hold it. docs/features.md is made from it. */

/** One promise: what users may rely on, the file that shows it, and the tests there, by their own name or below a group. */
export type Behaviour = readonly [promise: string, file: string, ...tests: readonly string[]];

/** All promises, by what they are about. */
export const BEHAVIOURS: Readonly<Record<string, readonly Behaviour[]>> = {
  "Start and end": [
    [
      "A client starts nothing before its first use, and concurrent first uses start one runtime",
      "e2e/lifecycle.test.ts",
      "nothing happens before the first use; concurrent first uses start one runtime",
    ],
    [
      "A start that fails rejects the call that needed it, and the next call tries again",
      "wire/faults.test.ts",
      "concurrent first uses start it once; after a failed start the next call tries again",
    ],
    [
      "A runtime that is not there is told with every place that was tried and what to do",
      "wire/faults.test.ts",
      "no binary: every place that was tried, and what to do",
    ],
    [
      "An executable that was named and does not work is an error; nothing else is tried",
      "unit/process/locate.test.ts",
      "does not fall back to the package when it is bad",
      "fails at once when it is %s",
    ],
    [
      "A runtime of another minor version is refused, or taken with one warning",
      "wire/faults.test.ts",
      "a runtime of version %s is refused",
      "another patch version is taken in silence; another minor one with one warning when that is allowed",
    ],
    [
      "A runtime that does not answer the handshake fails the start after `startupTimeoutMs`",
      "wire/faults.test.ts",
      "a binary that never answers: startupTimeoutMs",
    ],
    [
      "`close()` rejects what is pending, and may be called twice and at any time",
      "e2e/lifecycle.test.ts",
      "during a turn: the turn rejects, its readers too, the process is gone",
      "without a start, during it, twice and at once",
    ],
    [
      "`close()` leaves no process, also of a command that ignores SIGTERM and left its group",
      "e2e/crash.test.ts",
      "closing while a command runs, one that ignores SIGTERM and left its group, leaves nothing",
    ],
    [
      "A hundred runtimes, started and closed, leave nothing",
      "e2e/crash.test.ts",
      "a hundred runtimes, started and closed, leave nothing",
    ],
    [
      "A program that closes its client ends by itself; one that exits or is killed leaves no process",
      "wire/host.test.ts",
      "that closes its client ends by itself, with every handle and listener gone",
      "that %s in the middle of a command leaves no process",
    ],
    [
      "The runtime's last words are in the error, without colours and secrets; nothing is printed",
      "wire/faults.test.ts",
      "a binary that exits at once: exit code and stderr, without colours and secrets",
    ],
    [
      "`env` goes over the environment of the program, or stands alone",
      "e2e/options.test.ts",
      "env reaches commands; the environment of this process only with inheritEnv",
    ],
    [
      "`config` and `configOverrides` reach the runtime with all types of values",
      "e2e/options.test.ts",
      "config and configOverrides reach the model",
      "nested config, with all types of values",
    ],
    [
      "A `spawn` hook starts the process in another way",
      "wire/process/spawnHook.test.ts",
      "gets the whole request, and its process is used",
    ],
  ],
  Turns: [
    [
      "`run()` resolves with the status, the final answer, the items and the usage",
      "e2e/turns.test.ts",
      "run resolves with the result of the turn",
    ],
    [
      "`startTurn()` resolves while the turn runs; its result can be had any number of times",
      "e2e/turns.test.ts",
      "startTurn resolves while the turn runs; the result can be had any number of times",
    ],
    [
      "The final answer is the last message that is neither commentary nor empty",
      "unit/stream/turnStream.test.ts",
      "is the last message that is neither commentary nor empty",
    ],
    [
      "The usage of a turn is its own, apart from the thread's, and null when the model reports none",
      "e2e/turns.test.ts",
      "adds up several model responses, and counts turns apart from the thread",
      "none when the model reports none",
    ],
    [
      "Items come as each ended: commands with exit codes, patches with their changes",
      "e2e/turns.test.ts",
      "items: reasoning, commands and patches, each as it ended",
    ],
    [
      "A thread runs one turn at a time; the second is refused and disturbs nothing",
      "e2e/turns.test.ts",
      "a second turn is refused while the first runs, and does not disturb it",
      "of two concurrent calls one wins",
    ],
    [
      "A turn that failed rejects with its classification and what there was until then",
      "e2e/turnFailures.test.ts",
      "the error carries what was completed before: items, final response, usage",
    ],
    ["The thread stays usable after a failed turn, whatever it failed by", "e2e/turnFailures.test.ts", "%s"],
    [
      "A turn that nobody awaits may fail without ending the program",
      "e2e/turnFailures.test.ts",
      "a turn that nobody awaits may fail: that is no unhandled rejection",
    ],
    [
      "`steer()` adds to the turn that runs, and is refused after its end",
      "e2e/steer.test.ts",
      "while the model streams: its answer is dropped and begun anew, in the same turn",
      "after the end: NoActiveTurnError",
    ],
    [
      "`interrupt()` ends the turn at any moment, without an error for its readers",
      "e2e/interrupt.test.ts",
      "many turns, each interrupted at another moment: none is refused, none hangs",
      "while the model streams: what it had said is dropped, readers end without an error",
    ],
    [
      "A `signal` interrupts the turn once, stops its commands and rejects with its reason",
      "e2e/signal.test.ts",
      "aborted while the model streams: result and readers end with the reason, by one request",
      "aborted while a command runs",
    ],
    [
      "When an abort has rejected, the thread is free at once",
      "e2e/signal.test.ts",
      "aborted at every moment of a turn: either it was over, or it ends with the reason; the thread is free at once",
    ],
    ["An abort before the start sends nothing", "e2e/signal.test.ts", "aborted before: nothing is sent"],
    [
      "`deadlineMs` ends a turn that takes longer, by one interrupt",
      "e2e/limits.test.ts",
      "ends a turn that takes longer, by one interrupt; the thread is free",
    ],
    [
      "`idleTimeoutMs` ends a silent turn, and stands still while a decision or a tool is awaited",
      "e2e/limits.test.ts",
      "ends a turn whose model is silent",
      "does not fire while %s takes longer",
    ],
    [
      "Input may be text, pictures, skills and mentions",
      "e2e/input.test.ts",
      "with a text and a detail, in order",
      "by an absolute path",
      "a skill adds its instructions",
      "a mention is taken",
    ],
    [
      "200 turns on 16 threads of one runtime do not get mixed up",
      "e2e/load.test.ts",
      "200 turns on 16 threads of one runtime: each reader sees only its own events, and nothing is left",
    ],
  ],
  Streams: [
    [
      "Events come in the order of the protocol, each delta as it comes",
      "e2e/streams.test.ts",
      "the events of a turn, in the order of the protocol",
      "a reader that waits gets each delta as it comes",
    ],
    [
      "Any number of readers see the whole turn, whenever they begin",
      "e2e/streams.test.ts",
      "several readers at once, one that begins in the middle and one after the end: all see the same",
    ],
    [
      "A slow reader holds nobody back; text that it has not read is merged",
      "unit/stream/eventLog.test.ts",
      "gives a reader that lags what it missed, and only that, in one event",
      "does not let one reader hold another back",
    ],
    [
      "A reader that leaves early ends alone, also while it waits",
      "e2e/streams.test.ts",
      "leaving a loop early stops that reader alone",
    ],
    [
      "A reader of a turn that fails sees everything, and then the error",
      "e2e/streams.test.ts",
      "a turn that fails: its readers see everything, and then the error is thrown",
    ],
    [
      "A reader that falls behind `streamBufferBytes` ends with `StreamOverflowError`; the turn does not",
      "e2e/lifecycle.test.ts",
      "a reader that falls behind streamBufferBytes ends with StreamOverflowError; the turn does not",
    ],
    [
      "`textStream()` yields the answer's text as it is written",
      "e2e/textStream.test.ts",
      "piece by piece, as it comes",
      "two streams, one early and one after the end, add up to the same",
    ],
    [
      "A message of 10 MB arrives, in the stream and in the result",
      "e2e/streams.test.ts",
      "a message of 10 MB arrives, in the stream and in the result",
    ],
    [
      "Lines are split at LF alone, and characters that a chunk cuts arrive whole",
      "unit/transport/lines.test.ts",
      "splits at LF alone: U+2028, U+2029 and CR are part of a line",
      "puts a character together that a chunk boundary cut",
    ],
    [
      "`codex.on` hears every notification, typed; a listener that throws harms nobody",
      "e2e/on.test.ts",
      "notifications of all threads, typed, in order",
      "a handler that throws or rejects is reported to the logger, and harms nobody",
    ],
    ["A damaged message harms no other turn or request", "unit/fuzz.test.ts", "seed %i (`npm run fuzz` for more)"],
    [
      "A notification that cannot be understood is skipped and logged",
      "unit/damaged.test.ts",
      "a notification with %s is told to nobody, and the turn goes on",
    ],
  ],
  "Who may do what": [
    ["Each `sandbox` lets commands write where it says", "e2e/modes.test.ts", "sandbox %s is %s"],
    [
      "Approvals are decided by the reviewing agent, nobody, or handlers, as `approvalMode` says",
      "e2e/modes.test.ts",
      "deny_all: it is refused without a question",
      "auto_review: the reviewer says %s, and it is %s",
    ],
    [
      "With handlers the mode is `ask` by default, else `auto_review`",
      "e2e/approvals.test.ts",
      "with approval handlers the runtime asks the user by default, else a reviewer",
    ],
    [
      "A fork, and a thread after a crash, stays in the sandbox that the thread was in",
      "e2e/modes.test.ts",
      "left out on fork, sandbox %s stays",
      "left out on fork, the sandbox of the last turn stays",
    ],
    [
      "Modes of a turn hold for the following turns; left out on resume and fork, the approval mode stays",
      "e2e/modes.test.ts",
      "hold for it and for the turns after it",
      "left out on resume and on fork, those of the thread stay",
    ],
    [
      "A handler gets what would run, where, and what may be answered",
      "e2e/approvals.test.ts",
      "the request says what would run, where, and what may be answered",
    ],
    [
      "What nobody answers, a throw and nonsense are declined and reported once",
      "e2e/approvals.test.ts",
      "%s: declined, reported once, and the turn goes on",
    ],
    [
      "Every request of the runtime has a handler, its answers and its refusal",
      "unit/requests/answers.test.ts",
      "every request of the protocol is in the table, and nothing else",
      "invalid answers, throws and rejections refuse, each with one report",
    ],
    [
      "Nobody is asked twice, and an answer that came too late changes nothing",
      "unit/requests/broker.test.ts",
      "is given once: a request that is sent again while it is pending is not asked again",
      "is void by %s: the signal fires, nothing is answered, and a late answer changes nothing",
    ],
    [
      "A sub-agent's requests go to who decides for the thread that began it",
      "e2e/agents.test.ts",
      "who decides for a thread decides for its sub-agents, at any depth, whatever the client would say",
    ],
    [
      "An allow rule covers a plain command alone, and a denial wins",
      "e2e/approvalRules.test.ts",
      "an output redirected into a file is not covered by a rule for the command",
      "a denial wins over what is allowed",
    ],
    [
      "Path rules follow links and ways up before they decide",
      "e2e/approvalRules.test.ts",
      "a way up or a link out of the folder is followed before the rule is asked",
    ],
    [
      "`approveAll` and `declineAll` do what they say",
      "e2e/approvals.test.ts",
      "declineAll declines and reports nothing; approveAll approves commands and changes",
    ],
  ],
  "Tools and typed answers": [
    [
      "A tool is offered with its schema and called with validated arguments",
      "e2e/tools.test.ts",
      "is offered with its schema, and called with validated arguments and its context",
    ],
    [
      "Bad arguments, a throw and a timeout go back to the model, and the turn goes on",
      "e2e/tools.test.ts",
      "with arguments that do not conform is not executed: the model reads what is wrong",
      "that %s fails for the model, and the turn goes on",
      "that takes longer than its timeoutMs fails for the model; its signal fires",
    ],
    [
      "A resumed thread has its tools again, or answers that they are not there",
      "e2e/tools.test.ts",
      "a resumed thread: its tools are attached again, or answered as unavailable with a report",
    ],
    [
      "Forms and questions reach their handlers, and the answers get back",
      "e2e/tools.test.ts",
      "a form of its own asks answerElicitation, and the answer reaches the server",
      "answerQuestions answers request_user_input",
    ],
    [
      "`outputSchema` is sent strict, and the answer is validated and typed",
      "e2e/output.test.ts",
      "is sent in its strict form; the answer is validated and typed",
    ],
    [
      "`repairAttempts` asks again with the issues",
      "e2e/output.test.ts",
      "with repairAttempts the model is told the issues, in the same thread, with the same schema",
    ],
    [
      "An answer that does not conform is `OutputValidationError` with issues and text",
      "e2e/output.test.ts",
      "%s: the error carries issues and text, and not the text in its message",
    ],
    [
      "`partialOutput()` shows what came last, also when the model pauses",
      "unit/stream/partialOutput.test.ts",
      "shows what came last although nothing comes after it",
    ],
    [
      "`partialOutput()` grows with the answer",
      "e2e/output.test.ts",
      "partialOutput grows with the answer, and ends with the whole",
    ],
    [
      "Schemas of zod, valibot, arktype and plain JSON Schema work, others are refused with a way out",
      "unit/schema/standard.test.ts",
      "takes a schema of %s",
      "refuses %s, and says what to do",
    ],
    [
      "Types of answers and arguments follow from the schema",
      "types/schema.test.ts",
      "an answer",
      "the arguments of a tool",
    ],
  ],
  Threads: [
    [
      "A thread is resumed in a new process with its history",
      "e2e/resume.test.ts",
      "in a new process: the history is there, no deprecation notice comes, usage goes on",
    ],
    [
      "A resumed thread that kept other settings than asked for is `SettingsMismatchError`",
      "e2e/resume.test.ts",
      "asked for %j: SettingsMismatchError",
    ],
    [
      "A thread that another process writes to is `ThreadLockedError`",
      "e2e/resume.test.ts",
      "another process that writes to the thread: ThreadLockedError, until it closes",
    ],
    [
      "A fork has the history and goes its own way, also from the middle",
      "e2e/threads.test.ts",
      "fork: a new thread with the history, that goes its own way",
      "fork up to a turn",
    ],
    [
      "`threads()` reads all pages, of all providers",
      "e2e/threadList.test.ts",
      "threads() reads all pages, listThreads() one; threads of other providers are included",
    ],
    [
      "Archive, unarchive, delete, name and compact do what their names say",
      "e2e/threads.test.ts",
      "an archived thread is refused until it is unarchived and resumed",
      "a deleted thread is gone",
      "resolves when the summary is made; the history is replaced by it",
    ],
    [
      "An ephemeral thread leaves nothing on disk",
      "e2e/threads.test.ts",
      "an ephemeral thread runs turns, and leaves nothing on disk",
    ],
    [
      "`queue`, `sample`, `runShellCommand`, `injectItems` and `revert` do what their names say",
      "e2e/sideWork.test.ts",
      "holds inputs while a turn runs, in the order asked for, and each becomes a turn",
      "is answered from the history and leaves it alone",
      "resolves with its item, and the agent sees it",
      "are in the history of the next turn",
      "revert drops a turn and what came after it",
    ],
    [
      "A review gives its findings with file, lines and priority",
      "e2e/review.test.ts",
      "a review gives its findings, read from what the runtime renders, and leaves the thread free",
    ],
    [
      "A goal is one logical turn over all that the agent runs for it",
      "e2e/goal.test.ts",
      "a goal is one logical turn over the turns that it starts",
    ],
    [
      "`turn.agents()` is the tree of sub-agents with their tasks, status, events and results",
      "e2e/agents.test.ts",
      "the tree: each agent with its task, its status, its own events and its own sub-agents",
    ],
    [
      "A thread can be let go and resumed",
      "e2e/unsubscribe.test.ts",
      "an idle thread can be let go and resumed",
      "await using lets the thread go at the end of the block",
    ],
  ],
  Account: [
    [
      "Logins by key, browser and device code are announced, waited for and cancelled",
      "e2e/account.test.ts",
      "login, account and logout, each announced",
      "begun and cancelled: wait rejects with LoginError, before and after",
    ],
    [
      "Models and rate limits can be asked for; without a login the error says what to do",
      "e2e/threadList.test.ts",
      "models: those on offer, and the hidden ones on request",
    ],
    [
      "Every method and notification of the protocol is typed and reachable",
      "unit/generated.test.ts",
      "has every message of the protocol",
      "has the version of the runtime that package.json pins",
    ],
    [
      "The generated types are what the runtime really sends",
      "e2e/contract.test.ts",
      "fits the generated types in both directions",
      "fits the runtime's schemas in both directions",
    ],
  ],
  "A runtime elsewhere": [
    [
      "`Codex.connect` works as over stdio",
      "e2e/remote.test.ts",
      "a turn runs as over stdio: commands, approvals, tools, typed answers",
    ],
    [
      "A server has a token by default, and ends with the program",
      "e2e/remote.test.ts",
      "is asked for by default, in a file for this user alone that goes with the server",
    ],
    [
      "A token is not sent unencrypted to another machine",
      "unit/endpoint/remote.test.ts",
      "a token for %s is let through: %s",
    ],
    [
      "`wss://` trusts the certificates that are given",
      "wire/websocket.test.ts",
      "over TLS trusts the certificates that are given, and no others",
    ],
    [
      "A lost connection loses no item, text or end of a turn",
      "e2e/reconnect.test.ts",
      "a turn goes on under the same handle: what was missed comes once, and the text is whole",
      "a turn that ended meanwhile settles with its true status, and all its items in order",
    ],
    [
      "A decision that was asked for is not asked again over a gap",
      "e2e/reconnect.test.ts",
      "that is made %s the gap is asked for once, and heard",
    ],
    [
      "What only reads is made again; what may have been accepted rejects as `maybeAccepted`",
      "e2e/reconnect.test.ts",
      "is made again when it only reads, and rejects as maybeAccepted when it does not",
    ],
    [
      "A hundred disconnects in the middle of turns lose nothing",
      "e2e/disconnects.test.ts",
      "100 forced disconnects of streaming turns",
    ],
    [
      "`reconnect: false` and `giveUpAfterMs` end the client with the cause",
      "e2e/reconnect.test.ts",
      "with reconnect: false, at once",
      "after giveUpAfterMs, with the last failure as the cause",
    ],
    [
      '`restart: "on-crash"` starts the process again with the next call, and its threads go on',
      "e2e/restart.test.ts",
      "a turn that the crash cuts rejects with its cause; the thread goes on in the next process",
    ],
    [
      "A silent connection is found out by pings",
      "wire/websocket.test.ts",
      "whose other side has vanished is given up after the time of two pings",
    ],
  ],
  Errors: [
    [
      "A turn whose runtime dies rejects with exit code, signal and the end of stderr",
      "e2e/crash.test.ts",
      "in the middle of a stream: the turn rejects with the signal, and a new runtime resumes the thread",
    ],
    [
      "A message says what failed, why and what to do",
      "e2e/errors.test.ts",
      "a message reads as sentences: what failed, why, what to do",
    ],
    [
      "The stack of an error leads to the caller's line",
      "unit/rpc/connection.test.ts",
      "reject with a typed error whose stack names the caller",
    ],
    [
      "Errors hold no prompt, parameter or quoted value",
      "unit/rpc/replyErrors.test.ts",
      "a value that the runtime quotes is left out, however large it is and whatever it holds",
    ],
    [
      "A request that is not answered is `RequestTimeoutError`, and the client stays usable",
      "wire/faults.test.ts",
      "a request that is never answered: requestTimeoutMs, and the client stays usable",
    ],
    [
      "A message over `maxFrameBytes` fails its own request, or ends the connection and says so",
      "e2e/lifecycle.test.ts",
      "an answer over maxFrameBytes fails that request alone",
      "a notification over maxFrameBytes ends the connection, and says so",
    ],
    [
      "`retryOnOverload` repeats what an overloaded runtime refused, and nothing else",
      "e2e/retry.test.ts",
      "succeeds at last",
      "does not repeat what a repetition does not mend",
    ],
    [
      "Each promise settles once, in every order of answer, abort, close and end",
      "unit/races.test.ts",
      "a turn, its readers and everything around it settle in every order of answer, abort, close and end",
    ],
    ["Every fault of the matrix comes to what the documentation says", "e2e/faults.test.ts", "$fault, $column $mode"],
  ],
  "The exec client": [
    [
      "A program for `@openai/codex-sdk` prints the same and asks the model the same",
      "e2e/exec/switch.test.ts",
      "it prints the same, and asks the model the same",
    ],
    ["The exports are those of that package", "wire/exec/differential.test.ts", "exports the same names"],
    [
      "What differs is in the documentation, row by row",
      "wire/exec/differences.test.ts",
      "$row",
      "has these in the docs as well, which other tests show of our side",
    ],
    [
      "An abort ends the command, what it started, and lets the turn go",
      "e2e/exec/abort.test.ts",
      "during a command ends the command, what it started and what left its session, and lets the turn go",
    ],
    [
      "A turn that ends without `turn.completed` rejects with what there was",
      "wire/exec/run.test.ts",
      "rejects when it ends $how",
      "has what there was of the turn, and what had begun",
    ],
    [
      "`codex.review` gives its findings",
      "e2e/exec/review.test.ts",
      "a review gives its findings, and a thread that goes on",
    ],
    ["A thread id that is an option is refused", "wire/exec/run.test.ts", "refuses $what before it starts anything"],
  ],
  "The MCP server": [
    [
      "It offers `codex` and `codex-reply` on stdio and over HTTP on the loopback",
      "e2e/mcp/tools.test.ts",
      "codex runs a turn, and codex-reply goes on with its thread",
      "the tools are listed with the keys that users know, and with what the server allows",
    ],
    [
      "No caller goes beyond the sandbox, approval mode and folders of its operator",
      "e2e/mcp/tools.test.ts",
      "is refused: %j",
      "is refused as well when a link leads out of the roots",
    ],
    [
      "Only threads of this server can be replied to, within their caps",
      "e2e/mcp/tools.test.ts",
      "only threads of this server can be replied to",
      "a reply keeps the sandbox of its thread",
    ],
    [
      "No caller makes a folder trusted",
      "e2e/mcp/tools.test.ts",
      "no caller makes a folder trusted in the operator's configuration",
    ],
    [
      "The caller's user approves by elicitation; everything but a clear yes is a no",
      "e2e/mcp/approvals.test.ts",
      "a command is asked for, with all that one has to know, and runs when it is accepted",
      "a client that cannot ask its user has everything declined",
    ],
    [
      "HTTP needs the token, and a host and an origin of this machine",
      "e2e/mcp/http.test.ts",
      "those who bring the token",
      "not those with %s, even with the token",
    ],
    [
      "A client that goes away has its turn interrupted, and nothing is left",
      "e2e/mcp/stdio.test.ts",
      "a client that %s in the middle of a command leaves nothing",
    ],
    [
      "Without the MCP library the error says what to install",
      "package/package.test.ts",
      "is told what to install when the MCP library is not there",
    ],
  ],
  "The program": [
    [
      "`run` streams one turn, or prints its events as JSON",
      "e2e/cli/run.test.ts",
      "is streamed, with its commands and what it has come to",
      "is printed as JSON, an event a line",
    ],
    [
      "`run` allows nothing without the person at the terminal",
      "e2e/cli/run.test.ts",
      "is denied where nobody can be asked",
    ],
    [
      "What a person decides on is shown whole, and cannot steer the terminal",
      "unit/cli/askPerson.test.ts",
      "shows a command whole, each line apart, without what would steer the terminal",
      "hides nothing of a command behind %s",
    ],
    [
      "`doctor` finds what keeps Codex from running, and asks nobody outside",
      "e2e/doctor.test.ts",
      "a machine that is well > has no problem and no warning, and nothing is left of the diagnosis",
      "and none of it is called by the diagnosis, unlike by a start",
    ],
    ["A mistyped flag is answered with the nearest one", "unit/cli/nearest.test.ts", "%j was meant to be %j"],
  ],
  "The testing kit": [
    [
      "A test runs the real runtime against a scripted model, and prints nothing",
      "e2e/testing/startTestCodex.test.ts",
      "runs a turn of several steps in the workspace, and prints nothing",
    ],
    [
      "It removes everything, also when it does not start",
      "e2e/testing/startTestCodex.test.ts",
      "ends the runtime, closes the model and removes the folders",
      "leaves nothing behind when the runtime does not start",
    ],
    [
      "Nothing of the user's settings, credentials and git gets in, and nothing goes out",
      "unit/testing/testHome.test.ts",
      "keeps credentials, proxies, git and the user's home out of the environment",
    ],
    [
      "Failures, retries and gates can be scripted",
      "unit/testing/play.test.ts",
      "fails over HTTP",
      "waits at a gate between two deltas",
      "drops the connection after everything before was sent",
    ],
    [
      "A step that is missing or left over is told",
      "unit/testing/scriptedModel.test.ts",
      "refuses a request that no step is left for, and remembers it",
      "names the steps that were not used, and not what they say",
    ],
    [
      "Every example of its page is part of a test that runs",
      "unit/testing/docs.test.ts",
      "every example is a part of a test that runs",
    ],
  ],
  "The package": [
    [
      "The tarball holds the build, its types and the papers, and nothing else",
      "package/package.test.ts",
      "holds the build, its types and the papers, and nothing else",
      "holds no trace of the machine that it was made on, and no word of files that it does not hold",
    ],
    [
      "`import` and `require` give the same names",
      "package/package.test.ts",
      "gets the same names by import and by require",
    ],
    [
      "It works in a path with spaces, an Electron archive, twice in one process, and says what to install when the runtime is left out",
      "package/package.test.ts",
      "$name: $what",
    ],
    [
      "Bundles as ES modules and CommonJS find the installed runtime",
      "package/package.test.ts",
      "finds the installed runtime and starts it",
    ],
    [
      "Importing it starts, opens and changes nothing",
      "package/package.test.ts",
      "starts, opens and changes nothing by importing it",
    ],
    [
      "What is not used of it is not in a bundle",
      "package/package.test.ts",
      "holds nothing of it when nothing of it is used",
    ],
    ["No public type holds `any`", "types/surface.test.ts", "has no any in any public type"],
    [
      "The binary is found under pnpm, beside a bundle and for each platform",
      "unit/process/locate.test.ts",
      "is found where pnpm hides it: only visible from the package that depends on it",
      "is the one for %s on %s",
    ],
    [
      "On Windows, PATH, PATHEXT, shims and taskkill are used as they are there",
      "unit/process/windows.test.ts",
      "takes folders that stand in quotes, with the semicolons in them",
      "is taskkill, by force and with all children, at once or when the program exits",
    ],
    ["Imports go one way, and processes and sockets have one owner each", "layers.test.ts", "holds for src"],
    [
      "The demo repairs a failing test offline and leaves nothing behind",
      "e2e/demo.test.ts",
      "fixes the bug, checks it, and leaves nothing behind",
    ],
    ["Each example runs, and prints what it shall", "e2e/examples/examples.test.ts", "$name: $sentence"],
    [
      "The page of the code review service shows the findings as they come",
      "e2e/examples/reviewPage.test.ts",
      "shows each finding as soon as the agent has written it, and what it comes to",
    ],
    [
      "Every program in the documentation compiles, runs and ends",
      "docs/programs.test.ts",
      "all are accepted by the compiler",
      "$place",
    ],
    [
      "Every other file in the documentation does what its page says, with what it needs around it",
      "docs/trials.test.ts",
      "each file of a page has one trial",
    ],
    [
      "Every link of the documentation leads to a page and a heading that are there",
      "docs/links.test.ts",
      "every link leads to a file and a heading that are there",
    ],
    [
      "The walkthrough prints what it shows",
      "docs/walkthrough.test.ts",
      "it runs to its end, and says nothing on stderr",
    ],
    [
      "What is spawned and sent is what the page of it says",
      "docs/wire.test.ts",
      "what is spawned and sent is what docs/wire.md says (npm run docs:record writes it)",
    ],
    [
      "The difference of two protocols is told by method, field and member",
      "unit/scripts/protocolDiff.test.ts",
      "has the methods that came, went, and take something else",
      "has fields that were added, removed, made optional, and of another type",
    ],
    [
      "A release whose version does not belong to the pinned runtime is refused",
      "unit/scripts/release.test.ts",
      "is refused with a way out when %s",
    ],
  ],
};
