/** The code blocks of README.md and docs/, and how the programs among them are run. */
import { spawn } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

export const pages: ReadonlyArray<string> = [
  "README.md",
  ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`)
].filter((name) => name.endsWith(".md"))

export interface Block {
  readonly language: string
  readonly code: string
  readonly line: number
}

export const blocksOf = (page: string): ReadonlyArray<Block> => {
  const text = readFileSync(join(root, page), "utf8")
  return Array.from(text.matchAll(/^```(\w+)\n([^]*?)^```$/gm), (match) => ({
    language: match[1] ?? "",
    code: match[2] ?? "",
    line: text.slice(0, match.index).split("\n").length + 1
  }))
}

export interface Program extends Block {
  readonly page: string
  /**
   * `program`: by Node, as it is. `test`: by vitest. `recipe`: by the workspace test that provides
   * its surroundings, a main program or a client of its server.
   */
  readonly kind: "program" | "test" | "recipe"
  readonly file: string
}

const kindOf = (code: string): Program["kind"] =>
  /from "vitest"/.test(code) ? "test" : /^\/\/ \S+\.ts\n/.test(code) ? "recipe" : "program"

/**
 * Every `ts` block. A block that begins with the name of a file is a recipe, unless it is a test.
 */
export const programs: ReadonlyArray<Program> = pages.flatMap((page) =>
  blocksOf(page)
    .filter(({ language }) => language === "ts")
    .map((block) => {
      const kind = kindOf(block.code)
      const name = `${page.replace(/\W/g, "-")}-${block.line}`
      return { page, kind, ...block, file: `${name}${kind === "test" ? ".test" : ""}.ts` }
    })
)

/** The recipe that begins with the name of this file. */
export const recipe = (name: string): string => {
  const found = programs.find(({ code, kind }) => kind === "recipe" && code.startsWith(`// ${name}\n`))
  if (found === undefined) throw new Error(`No page has a block that begins with "// ${name}"`)
  return found.code
}

/**
 * Where programs of this process are written: in a package that uses all the others, so that they
 * are found; ignored by git.
 */
export const scratchpad = (name: string): string =>
  join(root, "packages", "crewline", "scratchpad", `${name}-${process.pid}`)

const configured =
  /^(CREWLINE_|OPENAI_|ANTHROPIC_|OLLAMA_|VITEST|REDIS_URL$|DATABASE_|PORT$|HOST$|NODE_ENV$|NODE_OPTIONS$)/

/** The environment without this machine's configuration. */
export const environment = (more: Record<string, string> = {}): NodeJS.ProcessEnv => {
  const rest = Object.fromEntries(Object.entries(process.env).filter(([name]) => !configured.test(name)))
  return { ...rest, PATH: [join(root, "node_modules", ".bin"), rest["PATH"]].join(delimiter), ...more }
}

export const run = (
  command: string,
  args: ReadonlyArray<string>,
  options: { readonly cwd: string; readonly env?: Record<string, string> }
): Promise<{ readonly code: number | null; readonly output: string }> =>
  new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: environment(options.env),
      stdio: ["ignore", "pipe", "pipe"]
    })
    let output = ""
    child.stdout.on("data", (data) => (output += data))
    child.stderr.on("data", (data) => (output += data))
    child.on("close", (code) => resolve({ code, output }))
  })
