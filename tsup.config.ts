import { defineConfig } from "tsup"

/**
 * How every package is built (`tsup --config ../../tsup.config.ts`, run in the package): JavaScript
 * only. Declarations come from `tsc -b`, because tsup's own need a compiler API that TypeScript 7
 * has not.
 *
 * Each public module is an entry; what two of them share becomes a chunk, so that no code is there
 * twice. Without bundling the `./X.ts` of relative imports would stay in the output.
 */
export default defineConfig({
  entry: ["src/*.ts", "src/testing/index.ts"],
  format: ["esm"],
  target: "node22",
  splitting: true,
  dts: false,
  // Only what tsup wrote before: declarations and their build state are the compiler's.
  clean: ["!**/*.d.ts", "!**/*.d.ts.map", "!.tsbuildinfo"]
})
