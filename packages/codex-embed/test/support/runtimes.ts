/** Runtimes of other versions than the pinned one, for end-to-end tests. Each is downloaded once and kept. */

import { SUPPORTED_RUNTIMES } from "codex-embed/protocol";
import { installRuntime } from "../../../../scripts/shared/runtimes.js";

/** How long a download may take: a runtime has 250 MB. For `beforeAll`. */
export const INSTALL_TIMEOUT_MS = 600_000;

/** The path of the oldest runtime that is accepted. Needs the registry at its first use on a machine. */
export async function floorRuntime(): Promise<string> {
  const { oldest } = SUPPORTED_RUNTIMES;
  try {
    return await installRuntime(oldest);
  } catch (cause) {
    throw new Error(
      `These tests run on the oldest runtime, @openai/codex@${oldest}, which could not be downloaded. They need the npm ` +
        "registry once, or a folder that holds the runtime in CODEX_RUNTIMES_DIR.",
      { cause },
    );
  }
}
