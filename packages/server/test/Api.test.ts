import { build } from "esbuild"
import { join } from "node:path"
import { expect, it } from "vitest"

/**
 * At most 10 % over the 216,785 bytes that were measured; a jump means that the API imports
 * something heavy.
 */
const maxBytes = 238_000

it("can be bundled for a browser: definitions and schemas, no store, no SQL, nothing of Node", async () => {
  const { metafile, outputFiles } = await build({
    absWorkingDir: join(import.meta.dirname, "../../.."),
    stdin: { contents: 'export { Api } from "@crewline/server/Api"', resolveDir: import.meta.dirname },
    bundle: true,
    format: "esm",
    platform: "browser",
    minify: true,
    metafile: true,
    write: false,
    logLevel: "silent"
  })
  const inputs = Object.keys(metafile.inputs)
  const ours = inputs.filter((path) => path.startsWith("packages/"))
  expect(ours).toContain("packages/server/src/Api.ts")
  expect(ours.filter((path) => !/^packages\/(core\/src\/|server\/src\/Api(\.ts$|\/))/.test(path))).toEqual([])
  expect(inputs.filter((path) => /\/effect\/\w+\/sql\/|^node:|^\(disabled\)/.test(path))).toEqual([])
  const externals = Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path))
  expect(externals).toEqual([])
  expect(outputFiles[0]!.contents.length).toBeLessThan(maxBytes)
})
