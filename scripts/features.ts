/** Writes docs/features.md from the promises and the tests that verify them. */

import { writeFileSync } from "node:fs";
import { featurePage, readVerified } from "./features/page.js";

writeFileSync(new URL("../docs/features.md", import.meta.url), featurePage(readVerified()));
console.log("Wrote docs/features.md.");
