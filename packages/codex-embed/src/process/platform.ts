/** Owns the table of platforms that the runtime is published for. */

/** Where the runtime's package keeps its files on one platform. */
export interface RuntimeTarget {
  /** The platform package that holds the native binary. */
  readonly packageName: string;
  /** The Rust target triple, which names the folder below `vendor`. */
  readonly triple: string;
  readonly binaryName: "codex" | "codex.exe";
}

const TRIPLES: Readonly<Record<string, string>> = {
  "linux-x64": "x86_64-unknown-linux-musl",
  "linux-arm64": "aarch64-unknown-linux-musl",
  "darwin-x64": "x86_64-apple-darwin",
  "darwin-arm64": "aarch64-apple-darwin",
  "win32-x64": "x86_64-pc-windows-msvc",
  "win32-arm64": "aarch64-pc-windows-msvc",
};

/** Returns the runtime's target for a platform and an architecture, or null when none is published. */
export function runtimeTarget(platform: string, arch: string): RuntimeTarget | null {
  const name = `${platform === "android" ? "linux" : platform}-${arch}`;
  const triple = Object.hasOwn(TRIPLES, name) ? TRIPLES[name] : undefined;
  if (triple === undefined) return null;
  return {
    packageName: `@openai/codex-${name}`,
    triple,
    binaryName: platform === "win32" ? "codex.exe" : "codex",
  };
}
