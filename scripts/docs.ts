/** The command that records a turn of the real runtime for docs/wire.md. */

import { readFileSync, writeFileSync } from "node:fs";
import { recordTurn } from "./docs/recordTurn.js";
import { withRecording } from "./docs/wirePage.js";

const page = new URL("../docs/wire.md", import.meta.url);
writeFileSync(page, withRecording(readFileSync(page, "utf8"), await recordTurn()));
