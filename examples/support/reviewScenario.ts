/** The scenario of the code review service: a shop whose uncommitted changes have four problems. */

import { delay, message, reasoning, shell, step } from "codex-embed/testing";
import type { Scenario } from "./stage.js";

const SHOP = {
  "src/orders.mjs": `export function ordersOf(database, customer) {
  return database.query("SELECT * FROM orders WHERE customer = ?", [customer]);
}
`,
  "src/cart.mjs": `export function total(items, discount = 0) {
  const sum = items.reduce((a, { price, count }) => a + price * count, 0);
  return sum - sum * discount;
}
`,
};

const CHANGES = {
  "src/orders.mjs": `export function ordersOf(database, customer, status) {
  const where = \`customer = '\${customer}' AND status = '\${status}'\`;
  return database.query("SELECT * FROM orders WHERE " + where);
}
`,
  "src/cart.mjs": `export function total(items, discount = 0) {
  const reduced = items.map((item) => ({ ...item, price: item.price * (1 - discount) }));
  const sum = reduced.reduce((a, { price, count }) => a + price * count, 0);
  return sum - sum * discount;
}

export function average(items) {
  return total(items) / items.length;
}
`,
};

/** The findings of the review, the worst first. */
export const FINDINGS = [
  {
    severity: "critical",
    file: "src/orders.mjs",
    line: 2,
    title: "The query is put together from what the customer sends",
    detail:
      "A status such as x' OR '1'='1 returns the orders of everybody. The placeholders that stood here prevented it.",
    fix: 'database.query("SELECT * FROM orders WHERE customer = ? AND status = ?", [customer, status])',
  },
  {
    severity: "major",
    file: "src/cart.mjs",
    line: 4,
    title: "The discount is taken off twice",
    detail: "Each price is reduced already, and the sum is reduced again: 10 % become 19 %.",
    fix: "return sum;",
  },
  {
    severity: "minor",
    file: "src/cart.mjs",
    line: 8,
    title: "The average of an empty cart is not a number",
    detail: "items.length is 0 then. The page would show NaN.",
    fix: null,
  },
  {
    severity: "note",
    file: "src/cart.mjs",
    line: 7,
    title: "average() has no test",
    detail: "total() has one beside it that could serve as a pattern.",
    fix: null,
  },
];

/** What the model answers: the report, in the form that was asked for. */
export const REPORT = JSON.stringify({
  findings: FINDINGS,
  summary: "The query must not be merged as it is, and the discount is wrong. The rest is small.",
});

/** The agent looks at the changes, unless it was given a diff, and writes its report. */
export const reviewService: Scenario = {
  files: SHOP,
  uncommitted: CHANGES,
  script: (model) =>
    model.respondWith((request) => {
      const isGivenDiff = request.lastUserText()?.includes("<diff>") === true;
      const callId = `look-${request.turnId}`;
      if (!isGivenDiff && request.toolOutput(callId) === undefined) {
        return step(reasoning({ summary: ["Look at the change first"] }), shell("git diff HEAD", { callId }));
      }
      return message({ deltas: (REPORT.match(/.{1,12}/g) ?? []).flatMap((piece) => [piece, delay(25)]) });
    }),
};
