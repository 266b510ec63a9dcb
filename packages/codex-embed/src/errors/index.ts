/** The error tree, gathered. */

export * from "./base.js";
export * from "./connection.js";
export * from "./connection.js";
export * from "./turn.js";
