/** A diagram on a page: drawn in the colours of the page; until then, and without scripts, its source is shown. */

import { useData } from "vitepress";
import { defineComponent, h, onMounted, ref, useId, watch } from "vue";
import { loadMermaid, type MermaidOptions } from "./mermaid.js";

const OPTIONS: MermaidOptions = {
  startOnLoad: false,
  // Paragraphs of a page are set wider than the drawing reckons with for its labels.
  themeCSS: "p { line-height: inherit; }",
  // So close that charts need not be made smaller to fit into the column of the text.
  flowchart: { nodeSpacing: 20, rankSpacing: 30, wrappingWidth: 120, padding: 8 },
};

export const Diagram = defineComponent({
  props: { source: { type: String, required: true } },
  setup(props) {
    const { isDark } = useData();
    const id = `diagram-${useId()}`;
    const svg = ref("");
    const draw = async (): Promise<void> => {
      const mermaid = await loadMermaid();
      mermaid.initialize({ ...OPTIONS, theme: isDark.value ? "dark" : "default" });
      svg.value = (await mermaid.render(id, props.source)).svg;
    };
    onMounted(() => {
      void draw();
      watch([isDark, () => props.source], draw);
    });
    return () => (svg.value === "" ? h("pre", props.source) : h("div", { class: "diagram", innerHTML: svg.value }));
  },
});
