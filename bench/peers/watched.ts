/** This SDK's side of the replay, with a subscriber of every channel. */

import { watchAll } from "../watch.js";

watchAll();
await import("./embed.js");
