import { defineConfig } from "tsup"

// JavaScript only: declarations come from `tsc -b` (tsup's own need a compiler API that TypeScript 7 has not).
export default defineConfig({ entry: ["src/**/*.ts"], format: ["esm"], target: "node22", splitting: true, sourcemap: true, dts: false, clean: false })
