/**
 * Signed feature hashing (Weinberger et al., "Feature Hashing for Large Scale Multitask Learning",
 * 2009) of words, pairs and letters.
 */

/** FNV-1a. */
const hash = (text: string): number => {
  let value = 0x811c9dc5
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193)
  // The low bits of FNV alone are weak.
  value ^= value >>> 15
  return Math.imul(value, 0x2c1b3c6d) >>> 0
}

export const vectorOf = (text: string, dimensions: number): Float32Array => {
  const vector = new Float32Array(dimensions)
  const add = (feature: string, weight: number) => {
    const hashed = hash(feature)
    vector[hashed % dimensions]! += (hashed & 0x80000000) === 0 ? weight : -weight
  }
  const words = text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? []
  for (const [index, word] of words.entries()) {
    add(word, Math.min(1, word.length / 6))
    const next = words[index + 1]
    if (next !== undefined) add(`${word} ${next}`, 0.5)
    const padded = ` ${word.slice(0, 64)} `
    for (const size of [3, 4])
      for (let start = 0; start + size <= padded.length; start++) add(`#${padded.slice(start, start + size)}`, 0.3)
  }
  return vector
}
