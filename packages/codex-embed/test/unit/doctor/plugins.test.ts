import { expect, it } from "vitest";
import { wantsPlugins, withoutPlugins } from "../../../src/doctor/questions.js";
import type { CodexOptions } from "../../../src/runtime/options.js";

const on = { features: { plugins: true } };
const off = { features: { plugins: false } };

it.each<[CodexOptions, unknown[], boolean, boolean]>([
  [{}, [], true, true],
  [{}, [], false, false],
  [{}, [off], true, false],
  [{}, [{ model: "m" }, on, off], false, true],
  [{ config: off }, [on], true, false],
  [{ config: { features: { apps: true } } }, [off], true, false],
  [{ config: on, configOverrides: ["features.plugins=false"] }, [on], true, false],
  [{ configOverrides: ["features.plugins=false", "features.plugins = true"] }, [off], false, true],
  [{ configOverrides: ["features={apps=true, plugins=true}"] }, [off], false, true],
  [{ configOverrides: ["features={plugins=false}"] }, [on], true, false],
  [{ configOverrides: ["features.remote_plugins=true", 'model="plugins=true"'] }, [off], false, false],
  [{ config: off, enable: ["plugins"] }, [off], false, true],
  [{ config: on, disable: ["plugins"] }, [on], true, false],
])("%j over the files %j, by default %s: %s", (options, files, byDefault, wanted) => {
  expect(wantsPlugins(options, files, byDefault)).toBe(wanted);
});

it("is left out of what is started, whatever the options say", () => {
  const options: CodexOptions = {
    enable: ["apps", "plugins"],
    configOverrides: ["features.plugins=true"],
    cwd: "/work",
  };
  expect(withoutPlugins(options)).toEqual({
    cwd: "/work",
    enable: ["apps"],
    configOverrides: ["features.plugins=true", "features.plugins=false"],
  });
  expect(withoutPlugins({ launchArgs: ["serve"] })).toEqual({ launchArgs: ["serve"] });
});
