/** Vectors of words, for memory without a key. */
export * as Words from "./Words.ts"
