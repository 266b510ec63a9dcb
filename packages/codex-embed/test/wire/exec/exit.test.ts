/** What remains of a turn when the program that runs it exits. */

import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { started } from "../../support/execEvents.js";
import { prints, shellRuntime } from "../../support/fakeExec.js";
import { bundleHost, runs, until } from "../process/children.js";

it.skipIf(process.platform === "win32")("a program that exits leaves neither its runtime nor its schema", async () => {
  const { path, folder } = shellRuntime(
    `/bin/cat > /dev/null\necho $$ > "$here/pid"\n/bin/ls "$TMPDIR" > "$here/seen"\n${prints(started())}exec sleep 600`,
  );
  const temporary = join(folder, "tmp");
  mkdirSync(temporary);
  const script = bundleHost("../exec/exits.ts", folder);
  const env = { ...process.env, TMPDIR: temporary };
  const host = spawnSync(process.execPath, [script, path], { encoding: "utf8", env, timeout: 10_000 });
  expect(host).toMatchObject({ status: 0, stderr: "" });
  await until(() => !runs(Number(readFileSync(join(folder, "pid"), "utf8"))));
  expect(readFileSync(join(folder, "seen"), "utf8")).toMatch(/^codex-output-schema-/);
  expect(readdirSync(temporary)).toEqual([]);
});
