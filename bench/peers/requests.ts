/** Owns the process of one client that makes requests of the stand-in and tells what that cost. */

import { Codex } from "codex-embed";
import { Handwritten } from "../handwritten.js";
import { windowed } from "../windowed.js";

const [fakeRuntime = "", which, count, window] = process.argv.slice(2);
const peer = [fakeRuntime];
const env = { PATH: process.env["PATH"] ?? "" };

const client = which === "ours" ? await ours() : await handwritten();
await windowed(client.call, 5_000, Number(window));
const cpu = process.cpuUsage();
const begin = performance.now();
await windowed(client.call, Number(count), Number(window));
const value = performance.now() - begin;
const { user, system } = process.cpuUsage(cpu);
console.log(JSON.stringify({ value, cpuMs: (user + system) / 1000 }));
await client.close();

async function ours() {
  const codex = await Codex.launch({ codexBin: process.execPath, launchArgs: peer, env });
  return { call: () => codex.request("thread/loaded/list", {}), close: () => codex.close() };
}

async function handwritten() {
  const hand = await Handwritten.start(process.execPath, peer, env);
  return { call: () => hand.request("thread/loaded/list", {}), close: () => hand.close() };
}
