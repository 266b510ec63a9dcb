/** The program that draws diagrams: one file, which a page loads when it has something to draw. */

/// <reference types="vitepress/client" />
import file from "@mermaid-js/tiny/dist/mermaid.tiny.js?url";

/** What is used of the program's options. */
export interface MermaidOptions {
  readonly startOnLoad: boolean;
  readonly theme?: "default" | "dark";
  /** Rules for what is drawn, and for nothing else. */
  readonly themeCSS: string;
  readonly flowchart: Readonly<Record<"nodeSpacing" | "rankSpacing" | "wrappingWidth" | "padding", number>>;
}

/** What is used of the program. */
interface Mermaid {
  initialize(options: MermaidOptions): void;
  render(id: string, source: string): Promise<{ svg: string }>;
}

interface Script {
  src: string;
  onload: () => void;
  onerror: () => void;
}

/** This project is compiled without the types of browsers. */
declare const document: { createElement(name: "script"): Script; readonly head: { append(script: Script): void } };
declare const mermaid: Mermaid;

let loaded: Promise<Mermaid> | undefined;

/** Loads the program once. It is a script and no module, and names itself in the global scope. */
export function loadMermaid(): Promise<Mermaid> {
  loaded ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = file;
    script.onload = () => resolve(mermaid);
    script.onerror = () => reject(new Error(`${file} could not be loaded.`));
    document.head.append(script);
  });
  return loaded;
}
