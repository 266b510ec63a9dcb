import { describe, expect, it } from "vitest";
import { type Flags, parseFlags } from "../../../src/cli/flags.js";
import { BadUsage } from "../../../src/cli/terminal.js";

const FLAGS: Flags = {
  json: { help: "Switch." },
  cwd: { value: "FOLDER", short: "C", help: "Text." },
  config: { value: "KEY=VALUE", short: "c", repeats: true, help: "List." },
  sandbox: { value: "NAME", choices: ["read-only", "workspace-write"], help: "Choice." },
  http: { value: "PORT", optionalValue: true, help: "Either." },
  deadline: { value: "SECONDS", help: "Number." },
};
const parse = (...args: string[]) => parseFlags(FLAGS, args);

describe("flags", () => {
  it("reads switches, values, lists, short forms and positionals", () => {
    const args = parse("one", "--json", "--cwd", "here", "-c", "a=1", "--config=b=2", "two", "--", "--three");
    expect(args.has("json")).toBe(true);
    expect(args.has("sandbox")).toBe(false);
    expect(args.text("cwd")).toBe("here");
    expect(args.text("sandbox")).toBeUndefined();
    expect(args.list("config")).toEqual(["a=1", "b=2"]);
    expect(args.list("image")).toEqual([]);
    expect(args.positionals).toEqual(["one", "two", "--three"]);
  });

  it("reads a lone dash as a word, also as a value", () => {
    expect(parse("-").positionals).toEqual(["-"]);
    expect(parse("--cwd", "-").text("cwd")).toBe("-");
  });

  it("takes an optional value after = only", () => {
    expect(parse("--http", "80").text("http")).toBe("");
    expect(parse("--http", "80").positionals).toEqual(["80"]);
    expect(parse("--http=80").text("http")).toBe("80");
  });

  it("takes a value that begins with a dash after =", () => {
    expect(parse("--cwd=-x").text("cwd")).toBe("-x");
  });

  it.each([
    [["--jsno"], "Unknown flag --jsno. Did you mean --json?"],
    [["--nothing-like-it"], "Unknown flag --nothing-like-it."],
    [["-x"], "Unknown flag -x."],
    [["--constructor"], "Unknown flag --constructor."],
    [["--__proto__"], "Unknown flag --__proto__."],
    [["--no-json"], "Unknown flag --no-json."],
    [["--json=yes"], "--json takes no value."],
    [["--cwd"], "--cwd needs a value: --cwd FOLDER."],
    [["--cwd="], "--cwd needs a value: --cwd FOLDER."],
    [["-C"], "-C needs a value: -C FOLDER."],
    [["--cwd", "--json"], "--cwd needs a value, but --json follows. To pass it as the value, write --cwd=--json."],
    [["--cwd", "a", "-C", "b"], "-C is given more than once."],
    [
      ["--sandbox", "readonly"],
      '--sandbox is "readonly"; it must be one of read-only, workspace-write. Did you mean read-only?',
    ],
  ])("refuses %j", (args, message) => {
    const refused = (): unknown => parse(...args);
    expect(refused).toThrow(BadUsage);
    expect(refused).toThrow(message);
  });

  it.each(["0", "-1", "soon", "Infinity", " ", "1e12"])("takes %j for no time", (text) => {
    expect(() => parse(`--deadline=${text}`).milliseconds("deadline")).toThrow(BadUsage);
    expect(() => parse(`--deadline=${text}`).milliseconds("deadline")).toThrow(
      `--deadline is ${JSON.stringify(text)}; it must be a number of seconds > 0 and ≤ 2147483.`,
    );
  });

  it("takes fractions for times, in milliseconds", () => {
    expect(parse("--deadline", "0.5").milliseconds("deadline")).toBe(500);
    expect(parse("--deadline", "0.0001").milliseconds("deadline")).toBe(1);
    expect(parse().milliseconds("deadline")).toBeUndefined();
  });

  it.each([
    [["-C", "x"], "cwd is /a/cwd, which is not cwd.", "-C is /a/cwd, which is not -C."],
    [["--cwd", "x"], 'cwd is "cwd cwd" in cwd-1 of ./cwd', '--cwd is "cwd cwd" in cwd-1 of ./cwd'],
    [["-c", "a=1"], 'configOverrides holds "a". Give "key=value".', '-c holds "a". Give "key=value".'],
    [[], "The option codexBin, or the option codexHome", "--codex-bin, or --codex-home"],
    [[], "all roots below it, but roots holds x", "all roots below it, but --root holds x"],
  ])("names what was typed: %j", (args, message, named) => {
    const flags: Flags = {
      cwd: { value: "FOLDER", short: "C", option: ["cwd"], help: "" },
      config: { value: "KEY=VALUE", short: "c", option: ["configOverrides"], help: "" },
      "codex-bin": { value: "FILE", option: ["codexBin"], help: "" },
      "codex-home": { value: "FOLDER", option: ["codexHome"], help: "" },
      root: { value: "FOLDER", option: ["roots(?= holds )"], help: "" },
    };
    expect(parseFlags(flags, args).named(message)).toBe(named);
  });

  it("gives a choice its type", () => {
    expect(parse("--sandbox", "read-only").choice("sandbox", ["read-only", "full-access"])).toBe("read-only");
    expect(parse().choice("sandbox", ["read-only"])).toBeUndefined();
  });
});
