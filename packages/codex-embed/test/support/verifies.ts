/** What users can rely on: the sentences of docs/features.md by subject, each with the id that its tests pass to `verifies`. */
export const FEATURES = {
  "Start and end": {
    "lazy-start": "A client starts nothing before its first use. Concurrent first uses start one runtime.",
    "failed-start-retries": "A failed start rejects the call that needed it. The next call tries again.",
    "missing-runtime": "A missing runtime is an error with every path that was tried and what to do.",
    "named-executable": "A named executable that does not work is an error. Nothing else is tried.",
    "runtime-version":
      "A runtime that is too old is refused with the version to install. One newer than every tested one brings one warning.",
    "runtime-lacks-option":
      "An option that the runtime is too old for is refused with the version that has it, and is never dropped in silence.",
    "runtime-supports":
      "`supports()` asks the runtime which requests it has. A request that it lacks is refused with the version that has it.",
    "older-runtimes": "The oldest supported runtime does what the README shows.",
    "startup-timeout": "A runtime that does not answer the handshake fails the start after `startupTimeoutMs`.",
    "timeouts-against-servers":
      "`startupTimeoutMs` and `giveUpAfterMs` hold whatever a server does: silence, drips, floods.",
    "close-any-time": "`close()` rejects what is pending, and can be called twice and at any time.",
    "close-leaves-no-process":
      "`close()` leaves no process, not even of a command that ignores SIGTERM and left its process group.",
    "detached-commands": "Detached child processes of commands are gone after `close()` and after the runtime dies.",
    "exit-leaves-no-process":
      "They are gone too when this program exits. Processes of other users and other launches stay.",
    "early-abort-processes": "Aborting a turn while its command starts leaves no process, sandboxed or not.",
    "hundred-runtimes": "A hundred runtimes, started and closed, leave nothing behind.",
    "program-exit": "A program that closes its client exits on its own. One that exits or is killed leaves no process.",
    "stderr-in-error":
      "The end of the runtime's stderr is in the error, without colors and secrets. Nothing is printed.",
    env: "`env` extends the environment of the program, or replaces it.",
    "cwd-checked":
      "A `cwd` that is not an existing folder is refused before anything is sent, where the file system is shared.",
    config: "`config` and `configOverrides` reach the runtime with values of every type.",
    profile: "`profile` lays a file of the home over the user's configuration, and below `config`.",
    "ignored-config":
      "`ignoreUserConfig` and `ignoreRules` leave out exactly the user's `config.toml` and rules, and share the login by a link.",
    logger: "A logger hears of starts, turns, commands, approvals and retries, and never of their content.",
    channels:
      "`node:diagnostics_channel` tells of turns, reviews, goals, agents, requests, events and frames, in order and with their ends.",
    "channel-context":
      "A subscriber puts its async context around a turn, its handlers and its tools. One that throws changes nothing.",
    "trace-context": "The W3C trace context of a subscriber reaches the runtime, and its requests to the model.",
    "trace-file":
      "A trace file has one line for each message and turn, without credentials, rotated, and never fails a turn.",
    "subscription-names": "A subscription to a name that never comes is refused; `*` delivers everything.",
    "unknown-options": "Every call refuses unknown options and suggests the nearest name.",
    "thread-config": "A thread's `config` accepts and refuses what the client's does.",
    "home-paths": "A path that starts with `~/` is in the user's home.",
    "spawn-hook": "A `spawn` hook replaces how the process is started.",
  },
  Turns: {
    "run-result": "`run()` resolves with the status, the final answer, the items and the usage.",
    "start-turn": "`startTurn()` resolves while the turn runs. Its result can be read any number of times.",
    "final-answer": "The final answer is the last message that is neither commentary nor empty.",
    "turn-usage": "The usage of a turn is its own, not the thread's, and null when the model reports none.",
    "items-in-order":
      "Items come in the order in which they ended: commands with exit codes, patches with their changes.",
    "one-turn-at-a-time": "A thread runs one turn at a time. A second one is refused and disturbs nothing.",
    "turn-failure": "A failed turn rejects with its classification and what it had produced.",
    "thread-after-failure": "The thread stays usable after a failed turn, whatever the failure.",
    "unawaited-failure": "A failed turn that nobody awaits does not end the program.",
    steer: "`steer()` adds input to the running turn, and is refused after its end.",
    interrupt: "`interrupt()` ends the turn at any moment, without an error for its readers.",
    signal: "A `signal` interrupts the turn once, stops its commands and rejects with its reason.",
    "abort-frees-thread": "Once an abort has rejected, the thread is free.",
    "abort-before-start": "An abort before the start sends nothing.",
    "limits-from-call":
      "Limits count from the call. A turn that was sent and not answered is interrupted when its answer comes.",
    "abort-stops-commands":
      "An abort stops the commands of turns, goals and sub-agents, however late the runtime answers.",
    "limit-error-result": "A limit's error holds what the turn produced, and why nothing came.",
    outcome: "`outcome()` never rejects, and always holds what the turn produced.",
    "no-silent-steer": "A new turn never silently steers another client's turn.",
    deadline: "`deadlineMs` ends a turn that takes longer, by one interrupt.",
    "idle-timeout": "`idleTimeoutMs` ends a silent turn, and pauses while a decision or a tool is awaited.",
    budget: "A turn that has spent its `budget` of tokens ends, its commands stopped, with what it has produced.",
    "budget-last-response": "A turn that ends with the response that spends its budget is complete.",
    "budget-own": "A budget counts what its own turn spends, and not the history of the thread.",
    "budget-repairs": "The budget of `run` is for all its turns: no correction is asked for when it is spent.",
    "budget-agents": "What sub-agents spend, at any depth, counts in the budget of the turn, which ends them too.",
    "budget-review": "A review has a budget too, and is refused one that the runtime's reports cannot keep.",
    "budget-goal": "The budget of a goal is for all its turns. When it is spent, the goal is paused.",
    "budget-checked": "A budget that is not a positive integer of tokens is refused before anything is sent.",
    "input-kinds": "Input can be text, images, skills and mentions.",
    "concurrent-turns": "200 turns on 16 threads of one runtime do not mix.",
    "running-turn-taken-up":
      "A program takes up the turn of one that was killed: the pending approval is asked once, and the result is whole.",
    "running-turn-events":
      "`activeTurn()` has the items of a running turn so far, then what follows, and no event twice.",
    "running-turn-limits": "A limit of `activeTurn()` ends the turn, for all clients.",
    "running-turn-one-handle": "A running turn has one handle, however often it is taken up.",
    "running-turn-queue": "A turn that the queue started can be taken up.",
    "running-turn-approval-race":
      "Of two clients that are asked for one approval, the first answer counts, and the other handler is told.",
    "external-input": "A message from outside reaches the model as the output of a tool, not as the user's word.",
    "external-refused": "A message without a source or content, or among other input, is refused before it is sent.",
    deliver: "`deliver()` starts a turn in an idle thread.",
    "deliver-joins": "`deliver()` joins the turn that runs, whoever started it, and gives its handle.",
    "deliver-at-the-end":
      "A message that is delivered while a turn ends is in that turn or in the next, and never lost.",
  },
  Streams: {
    "event-order": "Events come in the order of the protocol, each delta as it arrives.",
    "many-readers": "Any number of readers see the whole turn, whenever they start.",
    "slow-reader": "A slow reader blocks nobody. Text that it has not read is merged.",
    "leaving-reader": "A reader that leaves early ends alone, also while it waits.",
    "leaving-stream": "Leaving `thread.stream()` interrupts its turn, stops its commands and frees the thread.",
    "reader-sees-failure": "A reader of a failing turn sees every event, then the error.",
    "stream-overflow":
      "A reader that falls behind `streamBufferBytes` ends with `StreamOverflowError`; the turn does not.",
    "text-stream": "`textStream()` yields the answer's text as it is written.",
    "text-stream-retry":
      "After a retry `textStream()` also has the start that was cut off; the `error` event reports it.",
    "large-message": "A message of 10 MB arrives, in the stream and in the result.",
    "line-splitting": "Lines are split at LF alone. Characters that a chunk cuts arrive whole.",
    notifications: "`codex.on` delivers every notification, typed. A listener that throws harms nobody.",
    "damaged-messages": "A damaged message harms no other turn or request.",
    "unreadable-notification": "A notification that cannot be read is skipped and logged.",
  },
  "Who may do what": {
    "sandbox-modes": "Each `sandbox` lets commands write where it says.",
    "approval-mode": "Approvals are decided by the reviewing agent, nobody, or handlers, as `approvalMode` says.",
    "default-approval-mode": "With handlers the mode is `ask` by default, otherwise `auto_review`.",
    "resumed-sandbox": "A resumed or forked thread keeps its sandbox, roots and network access, in any process.",
    "untold-sandbox": "A sandbox that the thread's record does not tell must be given.",
    "forked-sandbox": "A fork stays in the sandbox of its thread.",
    "sticky-modes": "Modes of a turn hold for later turns. Without one, resume and fork keep the approval mode.",
    guards:
      "Guards decide on every call of a tool, also of sub-agents and inside the sandbox, beside the hooks of the user.",
    "guards-closed": "What keeps a guard from deciding denies the call or ends the turn.",
    "guard-events":
      "Guards see prompts, outputs, stops, sessions, compactions and sub-agents, and change what the model reads.",
    "approval-request": "A handler gets what would run, where, and what it can answer.",
    "unanswered-requests":
      "Unanswered requests, handlers that throw and invalid answers are declined and reported once.",
    "every-request-handled": "Every request of the runtime has a handler, its answers and its refusal.",
    "asked-once": "No request is asked twice. An answer that comes too late changes nothing.",
    "decision-binds":
      "A decision covers what was shown: equal ids of the model, in two threads or in one answer, do not mix.",
    "unknown-file-change": "A file change that is not known for certain is declined without asking a handler.",
    "cut-connection-writes": "Wherever a connection is cut, nothing is written that nobody approved.",
    "file-change-after-gap": "After a lost connection, and in a resumed thread, a pending file change is shown whole.",
    "throwing-callbacks":
      "Whatever a handler or a logger throws or returns costs a refusal and one report, never the program.",
    "async-context":
      "Handlers and tools of a turn run in the async context of its caller, listeners in that of `codex.on`.",
    "interrupted-items":
      "An interrupted turn has the items that ended unreported, as far as the thread's record has them.",
    "agents-confirmed": "A thread that the model names is an agent of the turn only if the runtime confirms it.",
    "unwanted-messages":
      "Messages that a client did not ask for take no lasting memory and delay nothing it waits for.",
    "sub-agent-requests": "A sub-agent's requests go to the handlers of the thread that started it.",
    "allow-rules": "An allow rule covers a plain command only. A denial wins.",
    "allowed-command":
      "An allowed command runs in the thread's folder only, with no option that its rule does not name.",
    "deny-rules": "A deny rule finds its command behind wrappers such as `sudo`, and declines what cannot be parsed.",
    "rule-time": "Rules take time in proportion to the length of a command.",
    "mcp-rules":
      "A rule for an MCP tool can name the environment of its server. What is unknown is never allowed by it.",
    "guard-rules":
      "`guardRules` decides every call: a denial wins, an `allow` list denies the rest of its kind, and the audit hears all of it.",
    "guard-paths":
      "`paths` of `guardRules` covers patches, redirections and well-known programs; an unreadable command is denied.",
    "ready-guards":
      "`combineGuards`, `limitCalls` and `redactOutput` deny first, count for each agent, and hide matches from the model.",
    "require-passing": "`requirePassing` sends the agent back until its command passes, and leaves no process of it.",
    "path-rules": "Path rules resolve links and `..` before they decide.",
    "approve-and-decline-all": "`approveAll` and `declineAll` do what they say.",
  },
  "Tools and typed answers": {
    "tool-names": "A tool whose name the runtime would never call is refused.",
    "tool-results":
      "A tool can return text beside images and results of MCP tools. What JSON would lose is a failure that says what to return.",
    "unusable-schema":
      "A schema that no validator can use is refused before the model is asked, and nullable stays nullable.",
    "unreadable-input":
      "Input that the runtime could not read is refused with its place before it is sent, over stdio and WebSocket.",
    "unreadable-answer": "An answer that the runtime could not read is repaired or refused, and never blocks the turn.",
    "validation-time":
      "Validating an answer takes time that grows with its size only. One that would take too long does not conform.",
    "tool-arguments": "A tool is offered with its schema and called with validated arguments.",
    "tool-failures": "Bad arguments, a throw and a timeout go back to the model, and the turn continues.",
    "resumed-tools": "A resumed thread has its tools again, or answers that they are missing.",
    "forms-and-questions": "Forms and questions reach their handlers, and the answers get back.",
    "output-schema": "`outputSchema` is sent strict, and the answer is validated and typed.",
    "repair-attempts": "`repairAttempts` asks again with the issues.",
    "strict-schema": "`strictSchema()` gives the strict form of a schema to others, and the way back.",
    "output-validation-error": "An answer that does not conform is `OutputValidationError` with issues and text.",
    "partial-output-latest": "`partialOutput()` yields the latest state, also when the model pauses.",
    "partial-output": "`partialOutput()` grows with the answer.",
    "schema-libraries":
      "Schemas of zod, valibot, arktype and plain JSON Schema work. Others are refused with an alternative.",
    "inferred-types": "Types of answers and arguments follow from the schema.",
  },
  Threads: {
    resume: "A thread is resumed in a new process with its history.",
    "settings-mismatch": "A resumed thread that kept other settings than asked for is `SettingsMismatchError`.",
    "dropped-settings": "Settings that a loaded thread would silently drop are refused.",
    "developer-instructions": "Developer instructions for a thread with a history reach the model, once.",
    "thread-locked": "A thread that another process writes to is `ThreadLockedError`.",
    fork: "A fork has the history and continues on its own, also from the middle.",
    "thread-list": "`threads()` reads all pages, of all providers.",
    "thread-search": "`searchThreads` finds what the user and the agent said, with a snippet, in pages.",
    "thread-search-partial": "Rows arrive while a search runs, each once, in the async context of the caller.",
    "thread-search-abort": "An abort stops the search in the runtime too.",
    "thread-search-older": "A runtime that cannot stream a search answers the plain one.",
    "thread-list-ids": "`listThreads` takes at most 100 ids to include or exclude.",
    "thread-actions": "Archive, unarchive, delete, name and compact do what their names say.",
    "ephemeral-thread": "An ephemeral thread leaves nothing on disk.",
    "side-work": "`queue`, `sample`, `runShellCommand`, `injectItems` and `revert` do what their names say.",
    "review-usage": "A review reports its usage, on threads that this client started.",
    "review-handle": "A review has a handle with events, `interrupt()` and the limits of a turn.",
    sample: "`sample` asks about the latest finished turn, whoever started it.",
    "review-findings": "A review returns its findings with file, lines and priority.",
    goal: "A goal is one logical turn over all that the agent runs for it.",
    agents: "`turn.agents()` is the tree of sub-agents with their tasks, status, events and results.",
    unsubscribe: "A thread can be unsubscribed from and resumed.",
    "thread-moves": "An exported thread is imported into another home and continues there with its history and name.",
    "thread-moves-as-stream": "Export and import also work as a stream of bytes, for threads of any size.",
    "thread-moves-with-lineage": "A fork is exported with what it continues of its ancestors, and no more.",
    "thread-moves-mid-turn": "A thread is exported while a turn runs, and after a crash in the middle of one.",
    "thread-moves-platform":
      "A thread continues on a machine without its folders when it is resumed with another `cwd`.",
    "thread-moves-local": "Export and import refuse a runtime whose files this program may not see.",
    "import-never-overwrites": "Import keeps a record that is equal, and refuses one that is newer or different.",
    "import-extends": "Import extends a record that is the beginning of the archive's, unless the thread is in use.",
    "archive-checked": "A damaged or hostile archive is refused, and leaves nothing in the home.",
    "thread-update": "`thread.update()` changes settings from the next turn on. A turn in flight keeps its own.",
    "thread-update-lasts": "Updated settings outlast a crash that follows at once.",
    "thread-history": "`thread.turns()` and `thread.items()` read the history page by page, as far as the loop goes.",
    "plan-mode": "`planMode` puts the agent into plan mode until it is switched off, and keeps model and effort.",
  },
  Account: {
    "login-required":
      "Without a login a turn rejects at once with `AuthRequiredError`, unless its provider needs none.",
    unauthorized: "A 401 from the model says so, and how to log in.",
    login: "Logins by key, browser and device code are announced, awaited and cancelled.",
    "models-and-limits": "Models and rate limits can be read. Without a login the error says what to do.",
    "typed-protocol": "Every method and notification of the protocol is typed and reachable.",
    "real-traffic": "The generated types are what the runtime really sends.",
  },
  "A runtime elsewhere": {
    connect: "`Codex.connect` works like stdio.",
    "connect-deleted-folder": "`Codex.connect` works in a folder that was deleted.",
    "server-token": "A server has a token by default, and ends with the program.",
    "unencrypted-token": "A token is not sent unencrypted to another machine.",
    certificates: "`wss://` trusts the given certificates.",
    reconnect: "A lost connection loses no item, text or end of a turn.",
    "reconnect-idle-threads":
      "After a reconnect a client is ready before its idle threads are resubscribed: each follows at its next use.",
    "sub-agent-not-loaded":
      "Another server does not load a sub-agent, which would put it into the sandbox of the configuration.",
    "decision-over-gap": "A decision is not asked again over a gap.",
    "maybe-accepted": "Reads are repeated. What may have been accepted rejects as `maybeAccepted`.",
    "hundred-disconnects": "A hundred disconnects during turns lose nothing.",
    "reconnect-gives-up": "`reconnect: false` and `giveUpAfterMs` end the client with the cause.",
    "restart-on-crash": '`restart: "on-crash"` starts the process again with the next call, and its threads continue.',
    pings: "Pings detect a silent connection.",
  },
  Errors: {
    "runtime-dies": "A turn whose runtime dies rejects with exit code, signal and the end of stderr.",
    "error-messages": "A message says what failed, why and what to do.",
    "thread-not-found":
      "The advice for a thread that is not found fits its fate: deleted, archived, unloaded or ephemeral.",
    "error-stack": "The stack of an error leads to the caller's line.",
    "errors-without-content": "Errors hold no prompt, parameter or quoted value.",
    "request-timeout": "A request that is not answered is `RequestTimeoutError`, and the client stays usable.",
    "frame-too-large": "A message over `maxFrameBytes` fails its own request, or ends the connection with the reason.",
    "retry-on-overload": "`retryOnOverload` repeats what an overloaded runtime refused, and nothing else.",
    "settles-once": "Each promise settles once, in every order of answer, abort, close and end.",
    faults: "Every fault of the matrix ends as the documentation says.",
  },
  "The exec client": {
    "exec-same-output": "A program for `@openai/codex-sdk` prints the same and asks the model the same.",
    "exec-exports": "The exports are those of that package.",
    "exec-differences": "The documentation lists every difference, row by row.",
    "exec-abort": "An abort ends the command and what it started, and interrupts the turn.",
    "exec-incomplete-turn": "A turn that ends without `turn.completed` rejects with what it had produced.",
    "exec-review": "`codex.review` returns its findings.",
    "exec-remote": "A turn runs on an app server. Its token is in no argument.",
    "exec-thread-id": "A thread id that is an option is refused.",
  },
  "The MCP server": {
    "mcp-package": "`codex-embed mcp` without `@codex-embed/mcp-server` says what to install.",
    "mcp-tools": "It offers `codex` and `codex-reply` on stdio and over HTTP on the loopback interface.",
    "mcp-caps": "No caller goes beyond the sandbox, approval mode and folders of its operator.",
    "mcp-own-threads": "Callers can reply only to threads of this server, within their caps.",
    "mcp-trust": "No caller makes a folder trusted.",
    "mcp-approvals": "The caller's user approves by elicitation. Everything but a clear yes is a no.",
    "mcp-http-token": "HTTP needs the token, and a host and an origin of this machine.",
    "mcp-client-leaves": "When a client disconnects, its turn is interrupted and nothing is left behind.",
  },
  "Web pages": {
    "ui-message-stream": "A turn is a UI message stream that ai 6 and ai 7 read, however it ends.",
    "ag-ui": "A turn is a sequence of events that AG-UI 1.0 and 0.0.59 accept, however it ends.",
    "ui-include":
      "No command, output, path, diff, tool data or error message leaves the server unless `include` opens it.",
    "ui-withdrawn": "Text that a retry or a steer dropped is marked on the page, and the answer has an id of its own.",
    "ui-resume": "`toResponse()` goes on behind `Last-Event-ID`, with each character once, and stops after the end.",
    "ui-leave": "A reader that leaves a response ends its reading at once, and the turn only where that is asked for.",
    "ui-slow": "A page that reads slowly is waited for, and a silent turn has a heartbeat.",
  },
  "Changes and checkpoints": {
    "result-diff-plan":
      "`result.diff` and `result.plan` hold the turn's patches and its last plan; `turn.plan()` yields each.",
    "checkpoint-changes":
      "`result.changes` names what commands and patches changed, and `result.undo()` takes it back.",
    "checkpoint-partial": "A turn that was interrupted, failed or hit a limit has its changes and can be undone.",
    "checkpoint-restore": "A restore brings back every kind of file exactly, and leaves ignored files alone.",
    "checkpoint-ignored-kept": "A file that was ignored is never removed, even if its rule is gone.",
    "checkpoint-project-untouched":
      "A checkpoint never touches the project's repository, index, hooks, filters or configuration.",
    "checkpoint-conflict": "A restore refuses to lose later changes, and names them, unless it is told to.",
    "checkpoint-links": "A restore writes through no symbolic link.",
    "checkpoint-repeat": "A restore that was cut off can be repeated, also by another program.",
    "checkpoint-limits": "A folder that is too large is refused before anything is recorded or sent.",
    "checkpoint-discard": "A discarded checkpoint leaves nothing behind.",
    "checkpoint-random": "Whatever a random series of file operations does, a restore brings back the same files.",
  },
  "The program": {
    "cli-run": "`run` streams one turn, or prints its events as JSON.",
    "cli-approvals": "`run` allows nothing without the person at the terminal.",
    "cli-shown-whole": "A person sees the whole request, and it cannot control the terminal.",
    "cli-question-open": "While a question is open, the program writes nothing else to the terminal.",
    "cli-typed-ahead": "What was typed before a question was shown does not answer it.",
    "cli-long-question":
      "A question longer than the screen is shown in pages, and can only be allowed after the last one.",
    "invisible-characters": "Every invisible character is escaped, on the terminal, in `--json` and in MCP forms.",
    doctor: "`doctor` finds what keeps Codex from running, without network access.",
    "mistyped-flag": "A mistyped flag is answered with the nearest one.",
    "doctor-trust": "`doctor` distinguishes a folder that is not trusted from a mistake in the configuration.",
    "refused-flag-value": "A refused value is reported with the flag as it was typed.",
  },
  "The testing kit": {
    "scripted-runtime": "A test runs the real runtime against a scripted model, and prints nothing.",
    "testing-runtime": "A test can name another runtime, by an option or by `CODEX_BIN`.",
    "testing-cleanup": "It removes everything, also when it does not start.",
    "testing-isolation":
      "The user's settings, credentials and git configuration stay out, and nothing leaves the machine.",
    "scripted-failures": "Failures, retries and gates can be scripted.",
    "scripted-replies": "A reply answers every request that a filter accepts, in any order and any number of times.",
    "script-mismatch": "A missing or unused step is reported.",
    "cassette-replay":
      "A session that was recorded with a model replays offline on the real runtime, in other folders and on another version.",
    "cassette-concurrent": "Concurrent threads and sub-agents of a cassette get their own answers in any order.",
    "cassette-drift": "A session that differs from its cassette fails, with the first difference.",
    "cassette-update": "An update records again from the first difference on.",
    "cassette-secrets":
      "A cassette holds no headers, keys, accounts and paths. What looks like a secret is not written.",
    "cassette-script": "A cassette can be turned into a script that plays the same session.",
    "cassette-errors": "A provider's errors, retries and cut answers are replayed as they were.",
    "testing-page": "Every code block of the testing page is part of a test that runs.",
  },
  "The package": {
    tarball: "The tarball holds the build, its types, the license and the changelog, and nothing else.",
    "esm-and-cjs": "`import` and `require` give the same names.",
    "install-places":
      "It works in a path with spaces, an Electron archive, twice in one process, and says what to install when the runtime is left out.",
    bundles: "ES module and CommonJS bundles find the installed runtime.",
    "import-without-effects": "Importing it starts, opens and changes nothing.",
    "tree-shaking": "Unused parts are not in a bundle.",
    "no-any": "No public type holds `any`.",
    "find-binary": "The binary is found under pnpm, beside a bundle and for each platform.",
    windows: "On Windows, PATH, PATHEXT, shims and taskkill are used as they are there.",
    layers: "Imports go one way, and processes and sockets have one owner each.",
    demo: "The demo repairs a failing test offline and leaves nothing behind.",
    examples: "Each example runs, and prints what it should.",
    "review-page": "The page of the code review service shows the findings as they come.",
    "docs-programs": "Every program in the documentation compiles, runs and ends.",
    "docs-files": "Files of the documentation that run with Node alone do what their pages say.",
    "docs-links": "Every link of the documentation leads to an existing page and heading.",
    "docs-blocks": "Every shell, JSON and TOML block of the documentation is well-formed.",
    "docs-switching": "A program of `@openai/codex-sdk` runs before and after the one-line switch.",
    "docs-mcp":
      "The runtime accepts the configuration on the page of the MCP server, and the server returns the result shown there.",
    "docs-cli": "The command line prints what its page shows.",
    "protocol-diff":
      "The difference of two protocols is listed by method, field and member, with doc comments and stability.",
    "runtime-update":
      "One command moves the repository to another runtime and lists all that is left to do; it changes nothing when it cannot.",
    "runtime-facts": "One command runs two runtimes side by side and prints what they do differently.",
    "release-version": "A release whose version does not belong to the pinned runtime is refused.",
  },
} as const;

type Subject = keyof typeof FEATURES;
export type FeatureId = { [S in Subject]: keyof (typeof FEATURES)[S] }[Subject];

/**
 * Says, in the body of a test, which promise the test keeps. It does nothing when it runs: `npm run features` finds the
 * calls in the sources and writes docs/features.md.
 */
export function verifies(_id: FeatureId): void {}
