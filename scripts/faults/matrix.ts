/** The whole matrix: its rows in their order. */

import type { Row } from "./cases.js";
import { deaths, serverRestart } from "./deaths.js";
import { floods } from "./floods.js";
import { halfOpenSocket, hangs, networkCut } from "./hangs.js";
import { canMount, fullDisk, jumpingClock } from "./machine.js";
import { starts } from "./starts.js";

/** All rows. */
export async function matrix(): Promise<readonly Row[]> {
  return [
    ...starts,
    ...deaths,
    ...hangs,
    ...floods,
    halfOpenSocket,
    serverRestart,
    networkCut,
    fullDisk(await canMount()),
    jumpingClock,
  ];
}
