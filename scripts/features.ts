/** The command that writes docs/features.md from the list of promises. */

import { writeFileSync } from "node:fs";
import { BEHAVIOURS } from "../packages/codex-embed/test/behaviours.js";
import { featurePage } from "./features/page.js";

writeFileSync(new URL("../docs/features.md", import.meta.url), featurePage(BEHAVIOURS));
console.log("Wrote docs/features.md.");
