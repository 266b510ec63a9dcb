/** Owns how a process that ignores its stdin is made to end with it. */

import type { SpawnRequest } from "./launch.js";

/**
 * Runs "$@" and ends it at the end of stdin, which comes even when this program is killed. The first SIGTERM has a server
 * wait for the turns that run, the second does not. Ends as it does: with its exit code, or by its signal. PATH may be the
 * user's own, so it is not relied on.
 */
const SCRIPT = `
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
{
  while read -r line; do :; done <&3
  kill -TERM "$server" 2>/dev/null
  command -p sleep 0.1
  kill -TERM "$server" 2>/dev/null
  command -p sleep 2
  kill -KILL "$server" 2>/dev/null
} &
guard=$!
exec 3<&-
trap 'kill -TERM "$server" 2>/dev/null' TERM INT
while :; do
  wait "$server" 2>/dev/null
  code=$?
  kill -0 "$server" 2>/dev/null || break
done
kill -TERM "$guard" 2>/dev/null
wait "$guard" 2>/dev/null
trap - TERM INT
if [ "$code" -gt 128 ]; then kill -"$((code - 128))" $$; fi
exit "$code"
`;

/** The same process, bound to its stdin. On Windows, which has no shell for it, the request as it is. */
export function guarded(request: SpawnRequest): SpawnRequest {
  if (process.platform === "win32") return request;
  return { ...request, command: "/bin/sh", args: ["-c", SCRIPT, "codex-embed", request.command, ...request.args] };
}
