/** Owns what a trial is: the files of a page, and the tests that run them. */

import type { BrowserContext } from "playwright-core";
import type { Workshop } from "./workshop.js";

/** What all trials share. */
export interface TrialBench {
  /** Holds the files of all pages, each in the folder of its page, and the programs of `test/fixtures/docs`. */
  readonly workshop: Workshop;
  /** The browser, which is there when the tests run. */
  readonly browser: () => BrowserContext;
}

/** Tests of files that a page shows. */
export interface Trial {
  readonly page: string;
  readonly files: readonly string[];
  /** Declares the tests. */
  readonly declare: (bench: TrialBench) => void;
}
