/** The programs that can run other programs, and where on their command line those are. */

/**
 * How a program reads its arguments: words separated by blanks.
 *
 * | word | meaning |
 * |---|---|
 * | `-x`, `--name` | a flag |
 * | `-x:` | takes a value |
 * | `-x>` | takes the next word as its value; more letters may follow |
 * | `-x~` | takes a value only if it is attached |
 * | `-x%` | takes digits only if they are attached; more letters may follow |
 * | `-x.` | prints something; nothing else runs |
 * | `-x!` | names what runs; the rest are arguments for that |
 * | `-x$` | takes a shell script |
 * | `-x=` | takes a key and a script |
 * | `-x#` | takes code that we do not read |
 * | `-x&` | takes a file of code |
 * | `-x@` | makes the first operand a script |
 * | `-x<` | makes the program read what it runs from its input |
 * | `1` | this many operands come first |
 * | `?` | one operand may come first |
 * | `vars` | assignments may come first |
 *
 * The last word says what the operands are. Without one of these, they are nothing that runs.
 *
 * | word | operands |
 * |---|---|
 * | `command` | a command |
 * | `shell` | a command; without one, a shell that reads its input |
 * | `script` | the words of a script |
 * | `first` | a script, then other things |
 * | `scripts` | a script each |
 * | `file` | a file of code; without one, the code comes from the input |
 * | `words` | each could be a command or a script |
 * | `code` | code that we do not read |
 * | `evaluated` | text in which bash expands substitutions |
 * | `settings` | keys and values, which could be scripts |
 * | `remotes` | addresses; `ext::` starts a command |
 *
 * An option that is not listed could take a value, so the next operand could be that value.
 */
export type Usage = string;

/** A program with subcommands: `""` is the usage before the subcommand, `"*"` that of every subcommand not listed. */
export interface Subcommands {
  readonly [name: string]: Usage | Subcommands;
}

/** The usage of a program that can run others; undefined for any other. Ignores a version at the end: `python3.12`. */
export function usageOf(name: string): Usage | Subcommands | undefined {
  return USAGES.get(name) ?? USAGES.get(name.replace(/[\d.]+$/, ""));
}

const warnedPrograms = new Set<string>();

/**
 * Warns, once per process and program, about allowed programs that run what their arguments or files in their folder tell
 * them to: an agent that can write such files can run anything through them.
 */
export function warnOfPrograms(names: readonly string[], call: string): void {
  const risky = names.filter((name) => runsOtherCode(name) && !warnedPrograms.has(name));
  if (risky.length === 0) return;
  for (const name of risky) warnedPrograms.add(name);
  const isApproval = call === "approvalRules";
  process.emitWarning(
    `${call}: commands.allow has ${[...new Set(risky)].join(", ")}. ` +
      `${isApproval ? "Allowed commands run outside the sandbox, and these" : "These"} programs run what their arguments, ` +
      "configuration files or scripts tell them to. An agent that can write to the working directory can run anything " +
      `through them. Remove them from commands.allow${isApproval ? ": inside the sandbox they run without approval" : ""}.`,
    { type: "CodexEmbedWarning", code: "ALLOWED_PROGRAM" },
  );
}

/** Programs that run what files in their folder say, in addition to those of the table below. */
const REPOSITORY_PROGRAMS: ReadonlySet<string> = new Set(
  (
    "hg svn jj gh glab cargo rustup go zig cmake ninja meson bazel bazelisk buck gradle gradlew mvn mvnw ant sbt dotnet msbuild " +
    "swift xcodebuild pod fastlane rake rails bundle bundler composer artisan pytest py.test tox nox pre-commit ansible " +
    "ansible-playbook terraform tofu terragrunt pulumi helm helmfile task mage tsc tsserver eslint prettier stylelint biome " +
    "jest vitest mocha ava karma cypress playwright webpack vite rollup esbuild parcel turbo nx lerna rush gulp grunt next " +
    "nuxt astro svelte-kit husky lint-staged mypy pylint ruff flake8 black pip pip3 sphinx-build mkdocs jekyll hugo " +
    "cabal stack ghc mix rebar3 lein dune opam java javac kotlinc"
  ).split(" "),
);

/** Whether a program runs what its arguments or files in its folder tell it to. */
function runsOtherCode(name: string): boolean {
  // The agent may be able to write the file at a relative path.
  if (/[\\/]/.test(name) && !/^([\\/]|[a-z]:)/i.test(name)) return true;
  const base = name.slice(Math.max(name.lastIndexOf("/"), name.lastIndexOf("\\")) + 1).replace(/\.(exe|cmd|bat)$/i, "");
  const usage = usageOf(base.toLowerCase());
  if (typeof usage === "object") return true;
  return REPOSITORY_PROGRAMS.has(base.toLowerCase()) || (usage !== undefined && RUNS_OPERANDS.test(` ${usage} `));
}

const RUNS_OPERANDS = / (command|shell|script|first|scripts|file|words|code|vars) /;

const POSIX_SHELL =
  "-o> -O> +o> +O> --rcfile: --init-file: -c@ -s< --version. --help. -a -b -e -f -h -i -k -l -m -n -p -r -t -u -v -x " +
  "-B -C -D -E -H -P -T +a +b +e +f +h +k +m +n +p +t +u +v +x --login --norc --noprofile --posix --verbose " +
  "--restricted --noediting --debugger file";

const NAMESPACES =
  "--mount --uts --ipc --net --pid --user --cgroup --time -m~ -u~ -i~ -n~ -p~ -U~ -C~ -T~ -f -r~ -w~ -G: -S: --fork " +
  "--root: --wd: --setuid: --setgid: --keep-caps --kill-child ";

const PACKAGE_RUNNER =
  "-c$ --call$ -p: --package: -y --yes -n --no -q --quiet -w: --workspace: --workspaces -r --recursive --prefix: command";

const PACKAGE_MANAGER =
  "--script-shell$ --shell$ --editor$ --viewer$ -c$ --call$ --prefix: -C: --dir: --cwd: --filter: -F:";

const IN_CONTAINER =
  "-i -t -d -e: -u: -w: -v: -p: --env: --user: --workdir: --volume: --rm --name: --entrypoint$ 1 command";

const TABLE: Readonly<Record<string, Usage | Subcommands>> = {
  // Shells and their builtins.
  "sh bash zsh dash ksh mksh ash yash rbash": POSIX_SHELL,
  eval: "script",
  "source .": "file",
  trap: "-l. -p. -P. first",
  alias: "-p -g -s scripts",
  command: "-p -v. -V. command",
  "builtin noglob nocorrect nohup - chronic unbuffer caffeinate fakeroot": "-t: -w: command",
  exec: "-c -l -a: command",
  repeat: "1 command",
  hash: "-l. -r -d -t. -p$ -f",
  "compgen complete": "-C$ -W$ -A: -F: -G: -P: -S: -X: -o: evaluated",
  "mapfile readarray": "-C$ -c: -d: -n: -O: -s: -t -u: evaluated",
  bind: "-x#",
  fc: "-l. code",
  jobs: "-x -l -n -p -r -s command",
  enable: "-f#",
  printf: "-v$",
  "test [ let declare typeset local export readonly read unset getopts wait": "evaluated",

  // Programs that run the command at the end of their arguments.
  env: "-i - -0 -v -u: -C: -S$ -P: --ignore-environment --null --debug --unset: --chdir: --split-string$ vars command",
  nice: "-n: --adjustment: command",
  ionice: "-c: -n: -t -p. -P. -u. --class: --classdata: --ignore --pid. command",
  "timeout gtimeout": "-k: -s: -f -p -v --kill-after: --signal: --foreground --preserve-status --verbose 1 command",
  "time gtime": "-p -a -v -l -h -q -f: -o: --format: --output: --append --verbose --portability --quiet command",
  "stdbuf gstdbuf": "-i: -o: -e: --input: --output: --error: command",
  setsid: "-c -f -w --ctty --fork --wait command",
  taskset: "-a -c -p. --all-tasks --cpu-list --pid. 1 command",
  chrt:
    "-a -b -d -e -f -i -m. -o -r -R -v -p. --all-tasks --batch --deadline --ext --fifo --idle --max. --other --rr " +
    "--reset-on-fork --verbose --pid. -T: -P: -D: --sched-runtime: --sched-period: --sched-deadline: ? command",
  prlimit:
    "-c~ -d~ -e~ -f~ -i~ -l~ -m~ -n~ -q~ -r~ -s~ -t~ -u~ -v~ -x~ -y~ -p: -o: --output: --pid: --noheadings --raw " +
    "--verbose --core --data --nice --fsize --sigpending --memlock --rss --nofile --msgqueue --rtprio --stack --cpu " +
    "--nproc --as --locks --rttime command",
  setpriv:
    "-d. --dump. --clear-groups --groups: --inh-caps: --ambient-caps: --bounding-set: --init-groups --keep-groups " +
    "--list-caps. --no-new-privs --nnp --rgid: --egid: --regid: --ruid: --euid: --reuid: --securebits: --pdeathsig: " +
    "--ptracer: --reset-env --selinux-label: --apparmor-profile: --landlock-access: --landlock-rule: " +
    "--seccomp-filter: command",
  choom: "-n: -p: --adjust: --pid: command",
  "setarch linux32 linux64 i386 i686 x86_64 uname26 arch":
    "-arch: -x86_64 -arm64 -arm64e -32 -64 -v -R -F -Z -L -X -B -I -S -T -3 -h. ? command",
  flock:
    "-s -x -e -u -n -o -F -v -w: -E: -c$ --shared --exclusive --unlock --nonblock --nb --close --no-fork --verbose " +
    "--timeout: --wait: --conflict-exit-code: --command$ 1 command",
  sudo:
    "-A -b -B -E -e -H -i< -K -k -l -N -n -P -S -s< -v -V. -C: -D: -g: -h: -p: -R: -r: -T: -t: -U: -u: --askpass " +
    "--background --bell --close-from: --chdir: --preserve-env --edit --group: --set-home --host: --login< --list " +
    "--non-interactive --preserve-groups --prompt: --chroot: --role: --stdin --shell< --type: --command-timeout: " +
    "--other-user: --user: --validate --version. vars command",
  doas: "-L -n -s -C: -u: -a: command",
  su:
    "-c$ --command$ --session-command$ -s: --shell: -g: --group: -G: --supp-group: -w: --whitelist-environment: - -l " +
    "--login -m -p --preserve-environment -f --fast -P --pty 1 file",
  runuser:
    "-c$ --command$ --session-command$ -s: --shell: -g: --group: -G: --supp-group: -w: --whitelist-environment: " +
    "-u: --user: - -l --login -m -p --preserve-environment -f --fast -P --pty ? shell",
  pkexec: "--user: --keep-cwd --disable-internal-agent command",
  "xargs gxargs":
    "-0 -a: -d: -E: -e~ -I: -i~ -J: -L: -l~ -n: -o -P: -p -R: -r -S: -s: -t -x --null --arg-file: --delimiter: --eof " +
    "--replace --max-lines --max-args: --max-procs: --max-chars: --interactive --no-run-if-empty --verbose --exit " +
    "--show-limits --open-tty --process-slot-var: command",
  entr: "-a -c -d -n -p -r -s$ -x -z command",
  "strace ltrace":
    "-a: -b: -c -C -d -D -e: -E: -f -F -h. -i -I: -k -n -N -o$ -O: -p: -P: -q -r -s: -S: -t -T -u: -U: -v -V. -w -x " +
    "-X: -y -z -Z -A command",
  unshare: `${NAMESPACES} -c --map-root-user --map-current-user --map-auto --mount-proc -R: -l: shell`,
  nsenter: `${NAMESPACES} -a -t: -e -F -W: -Z -c --all --target: --preserve-credentials --env --no-fork shell`,
  chroot: "--groups: --userspec: --skip-chdir 1 shell",
  "systemd-run":
    "-p: -u: -G -t -q -P -d -r -S -E: -M: -H: --unit: --property: --scope --user --system --pty --pipe --quiet " +
    "--collect --wait --slice: --service-type: --uid: --gid: --working-directory: --setenv: --description: shell",
  "ssh-agent": "-a: -t: -E: -P: -d -D -s -c -k command",
  "busybox toybox": "--list. --install. command",
  "cross-env cross-env-shell": "vars command",
  "npx bunx pnpx uvx": PACKAGE_RUNNER,

  // Programs that run a script among their arguments.
  watch:
    "-b -c -C -d~ -e -f -g -n: -p -q: -r -t -w -x -h. --interval: --beep --color --no-color --differences --errexit " +
    "--chgexit --equexit: --precise --no-rerun --no-title --no-wrap --exec script",
  script:
    "-c$ --command$ -a -d -e -F -f -k -p -q -r -t~ -I: -O: -B: -T: -m: -E: -o: --append --return --flush --force --quiet " +
    "--log-in: --log-out: --log-io: --log-timing: --logging-format: --echo: --output-limit: ? shell",
  ssh:
    "-4 -6 -A -a -C -f -G -g -K -k -M -N -n -q -s -T -t -V. -v -X -x -Y -y -o= -B: -b: -c: -D: -E: -e: -F: -I: -i: -J: " +
    "-L: -l: -m: -O: -p: -Q. -R: -S: -W: -w: 1 script",
  "scp sftp": "-S$ -D$ -o=",
  rsync: "-e$ --rsh$ --rsync-path$",
  "split gsplit": "--filter$",
  "sort gsort": "--compress-program$",
  "install ginstall": "--strip-program$",
  "tar gtar bsdtar":
    "-I$ -F$ --use-compress-program$ --to-command$ --checkpoint-action= --info-script$ --new-volume-script$ " +
    "--rsh-command$ --rmt-command$",
  cpio: "--rsh-command$",
  zip: "-TT$ --unzip-command$",
  rg: "--pre$ --hostname-bin$",
  man: "-P$ --pager$ -H$",
  bat: "--pager$",
  fzf: "--preview$ --bind#",
  tcpdump: "-z$",
  "nc ncat netcat": "-e$ -c$ --exec$ --sh-exec$",
  "cc c++ gcc g++ clang clang++": "-wrapper#",
  nodemon: "-x$ --exec$",
  "start-stop-daemon": "-x$ --exec$ -a$ --startas$ --start --stop",
  "run-one setuidgid dumb-init tini": "? command",
  "make gmake bmake": "-E# --eval# -f& --file& --makefile& -C: -j~ -l~ -o: -W: -I: vars",
  just: "-c$ --command$ --shell$",
  "nix-shell": "--run$ --command$",
  vagrant: { "": "", ssh: "-c$ --command$" },
  cmake: "-E# -P&",
  hg: "--config=",
  svn: "--diff-cmd$ --diff3-cmd$ --editor-cmd$ --config-option=",
  cargo: "--config=",
  wget: "--use-askpass$ -e= --execute=",
  dpkg: "--pre-invoke$ --post-invoke$",
  "apt apt-get aptitude": "-o= --option=",
  "concurrently hyperfine npm-run-all run-p run-s": "-w: -r: -m: -M: -n: -k -p: -c: --warmup: --runs: --names: scripts",

  // Programs that can run something among their arguments. We do not know where it is.
  "firejail bwrap proot faketime perf valgrind gosu su-exec chpst cgexec numactl xvfb-run dbus-run-session capsh rlwrap":
    "words",
  "tmux screen direnv wsl heroku aws-vault dotenv catchsegv softlimit envdir lxc multipass eatmydata cpulimit torsocks":
    "words",
  "torify tsocks proxychains runcon aa-exec flatpak flatpak-spawn schroot guix toolbox distrobox snap systemd-inhibit":
    "words",
  "xterm x-terminal-emulator gnome-terminal konsole kitty alacritty mpirun mpiexec srun salloc ansible pssh clush mosh":
    "words",
  "rsh ifne mispipe daemonize daemon nsjail sg wine lerna nx turbo rush": "words",
  "parallel sem gdb lldb dlv rr at batch crontab expect socat ed ex m4 dc ftp lftp osascript":
    "--version. --help. code",

  // Interpreters of other languages.
  "python pypy ipython":
    "-c# -m! -W: -X: -Q: --check-hash-based-pycs: -V. --version. -h. --help. -b -B -d -E -i -I -O -P -q -R -s -S -t -u -v -x file",
  "node nodejs":
    "-e# --eval# -p# --print# -pe# -r: --require: --import: --loader: --experimental-loader: -C: --conditions: --env-file: " +
    "--env-file-if-exists: --input-type: --title: --disable-warning: --test-reporter: --test-name-pattern: -v. --version. " +
    "-h. --help. --v8-options. --test --run. -c -i --check --enable-source-maps --no-warnings --watch --expose-gc file",
  "tsx ts-node esno": "-e# --eval# -p# --print# -r: --require: -P: --project: -v. --version. -h. --help. file",
  deno: { "": "", eval: "code", repl: "code", run: "file" },
  bun: { "": "-e# --eval# -p# --print# --cwd:", x: PACKAGE_RUNNER, exec: "script", repl: "code" },
  perl: "-e# -E# -M# -m# -I: -i~ -0% -l% -F~ -C% -D% -x% -n -p -a -s -w -W -X -T -t -u -U -S -c -v. -V. -h. file",
  ruby: "-e# -r: -I: -E: -C: -F: -i~ -0% -K% -T% -W% -n -p -l -a -s -S -w -c -v. -h. --version. --help. file",
  php: "-r# -B# -R# -E# -F: -f: -c: -d: -z: -S. -t: -v. -i. -m. -l -n -q -a# --version. --help. file",
  "lua luajit": "-e# -l: -i -v. - file",
  rscript: "-e# --version. file",
  r: "-e# --version. -f: --file: code",
  julia: "-e# -E# --eval# --print# -v. --version. -J: -L: -p: -t: file",
  "tclsh wish": "file",
  "elixir iex": "-e# --eval# --rpc-eval# -v. --version. -r: -S: file",
  erl: "-eval# -run# -s# code",
  "groovy scala clojure clj guile racket octave swift": "-e# -c# --eval# -M# -X# --version. file",
  "emacs emacsclient": "-e# --eval# -f# -l: --load:",
  "vi vim nvim view gvim vimdiff": "-c# --cmd# -s# -S# -e# -E# --version. --help.",

  // Programs with subcommands.
  git: {
    "":
      "-c= -C: --git-dir: --work-tree: --namespace: --super-prefix: --config-env# --attr-source: -p -P --paginate " +
      "--no-pager --bare --no-replace-objects --literal-pathspecs --no-optional-locks --exec-path~ -v. --version. -h. --help.",
    rebase: "-x$ --exec$",
    bisect: { "": "", run: "command" },
    submodule: { "": "", foreach: "--recursive script", "*": "remotes" },
    "difftool mergetool": "-x$ --extcmd$",
    grep: "-O$ --open-files-in-pager$",
    "clone fetch pull ls-remote fetch-pack": "-u$ --upload-pack$ -c= --config= remotes",
    "push send-pack": "--receive-pack$ --exec$ remotes",
    archive: "--exec$ --remote:",
    "filter-branch":
      "--setup$ --env-filter$ --tree-filter$ --index-filter$ --parent-filter$ --msg-filter$ --commit-filter$ " +
      "--tag-name-filter$",
    "send-email": "--smtp-server$ --sendmail-cmd$ --to-cmd$ --cc-cmd$ --header-cmd$",
    config: "settings",
    "*": "remotes",
  },
  pnpm: {
    "": "-C: --dir: --filter: -F: -c -r -w --shell-mode --recursive",
    "exec dlx": "-c -r --shell-mode --package: --recursive --parallel command",
    node: "-e# --eval# -p# --print# file",
    "config set": "settings",
    "*": "--script-shell$ --shell-emulator",
  },
  "npm yarn": {
    "": PACKAGE_MANAGER,
    "exec x dlx": PACKAGE_RUNNER,
    explore: "1 command",
    node: "-e# --eval# -p# --print# file",
    "config set": "settings",
    "workspace workspaces foreach": "words",
    "*": PACKAGE_MANAGER,
  },
  "docker podman nerdctl": {
    "": "--context: -c: -H: --host: --config: -l:",
    "run create exec": IN_CONTAINER,
    compose: { "": "-f: --file: -p: --project-name: --profile: --env-file:", "run exec": IN_CONTAINER },
    container: { "": "", "run create exec": IN_CONTAINER },
  },
  "docker-compose": { "": "-f: --file: -p: --project-name: --profile:", "run exec": IN_CONTAINER },
  "kubectl oc": {
    "": "-n: --namespace: --context: --kubeconfig:",
    exec: "-i -t -c: --container: -n: 1 command",
    "run debug": "words",
  },
  ip: { "": "", netns: { "": "", exec: "1 command" }, vrf: { "": "", exec: "1 command" } },
  "poetry pipenv uv rye pdm hatch bundle mise asdf rbenv pyenv nodenv volta doppler op conda mamba micromamba nvm nix rustup":
    {
      "": "-C: --directory: --project:",
      "run exec x develop shell dev": "-c$ -n: --name: -p: --python: --with: ? command",
    },
};

const USAGES: ReadonlyMap<string, Usage | Subcommands> = byName(TABLE);

/** The table with one key per name. */
function byName(table: Subcommands): ReadonlyMap<string, Usage | Subcommands> {
  return new Map(Object.entries(table).flatMap(([names, usage]) => names.split(" ").map((name) => [name, usage])));
}
