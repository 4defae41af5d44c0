/** Reads the file of vectors as it is: `scripts/data.mjs` says how it is built. */

const magic = "WORDVEC1"
const headerBytes = 32

/** FNV-1a. */
const hash = (bytes: Uint8Array): number => {
  let value = 0x811c9dc5
  for (const byte of bytes) value = Math.imul(value ^ byte, 0x01000193)
  return value >>> 0
}

/** Words by their rank, the most frequent first. */
export class Vocabulary {
  readonly count: number
  readonly dimensions: number
  private readonly table: Int32Array
  private readonly offsets: Uint32Array
  private readonly scales: Float32Array
  private readonly figures: Int8Array
  private readonly text: Buffer

  constructor(file: Buffer) {
    if (file.length < headerBytes || file.toString("latin1", 0, magic.length) !== magic)
      throw new Error(`expected a file that begins with ${magic}`)
    this.count = file.readUInt32LE(8)
    this.dimensions = file.readUInt32LE(12)
    const slots = file.readUInt32LE(16)
    const bytes = file.readUInt32LE(20)
    const size = headerBytes + 4 * (slots + this.count + 1 + this.count) + this.count * this.dimensions + bytes
    if (file.length !== size) throw new Error(`expected a file of ${size} bytes, got ${file.length}`)
    // A small file shares its memory with others and may begin anywhere in it.
    const { buffer, byteOffset } = file.byteOffset % 4 === 0 ? file : Buffer.from(new Uint8Array(file).buffer)
    let at = byteOffset + headerBytes
    const next = (length: number) => {
      at += length
      return at - length
    }
    this.table = new Int32Array(buffer, next(4 * slots), slots)
    this.offsets = new Uint32Array(buffer, next(4 * (this.count + 1)), this.count + 1)
    this.scales = new Float32Array(buffer, next(4 * this.count), this.count)
    this.figures = new Int8Array(buffer, next(this.count * this.dimensions), this.count * this.dimensions)
    this.text = Buffer.from(buffer, next(bytes), bytes)
  }

  /** The rank of a word, from 0. */
  find(word: string): number | undefined {
    const bytes = Buffer.from(word)
    const mask = this.table.length - 1
    for (let slot = hash(bytes) & mask; ; slot = (slot + 1) & mask) {
      const rank = this.table[slot]!
      if (rank === -1) return undefined
      if (this.text.subarray(this.offsets[rank], this.offsets[rank + 1]).equals(bytes)) return rank
    }
  }

  /** Adds the vector of a word, of length 1, times a weight. */
  addTo(sum: Float32Array, rank: number, weight: number): void {
    const scale = this.scales[rank]! * weight
    const start = rank * this.dimensions
    for (let place = 0; place < this.dimensions; place++) sum[place]! += this.figures[start + place]! * scale
  }
}
