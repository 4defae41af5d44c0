/** Reads a body up to a limit, then cancels the rest. */

export interface Cut {
  readonly bytes: Uint8Array
  readonly isCut: boolean
}

interface Readable {
  readonly getReader: () => {
    readonly read: () => Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>
    readonly cancel: () => Promise<void>
  }
}

export const read = async (body: Readable | null, maxBytes: number): Promise<Cut> => {
  if (body === null) return { bytes: new Uint8Array(), isCut: false }
  const reader = body.getReader()
  const chunks: Array<Uint8Array> = []
  let size = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done || value === undefined) return { bytes: Buffer.concat(chunks), isCut: false }
    chunks.push(value)
    size += value.length
    if (size <= maxBytes) continue
    // A decoder may still buffer a part of its input; the connection is closed anyway.
    void reader.cancel().catch(() => {})
    return { bytes: Buffer.concat(chunks).subarray(0, maxBytes), isCut: true }
  }
}
